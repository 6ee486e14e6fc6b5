/**
 * Alerts as they are, from the sender's payload to ARM, on a simulated queue, store, ARM and clock: instances that die, answers that are lost,
 * messages that come twice, slow and partial storage, storms. Every assertion names the seed that broke it: `ALERTS_SEED=… node --test …` runs
 * that one, `ALERTS_SCHEDULES=…` runs so many.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LEASE_MARGIN_MS } from '../../../src/coordination/lease.ts'
import { CLOCK_TOLERANCE_MS } from '../../../src/coordination/slot.ts'
import type { OperationId } from '../../../src/domain/operation-id.ts'
import {
  afterMsOf,
  CALM,
  CALM_QUEUE,
  createAlertWorld,
  OTHER_SUBSCRIPTION,
  type AlertClimate,
  type AlertWorld,
  type Post,
} from '../../support/alert-world.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'
import { FAIR, InvariantBroken, type StoreWeather } from '../../support/simulated-store.ts'

const SCHEDULES = Number(process.env['ALERTS_SCHEDULES'] ?? 120)
const MINUTE_MS = 60_000
/** A row counts as read for a second (contract, section 5), and latencies on both sides of it. */
const FRESHNESS_MS = 1_500

/** Accepted means delivered or reported: every alert that a sender was told is accepted has come to an end that can be looked up. */
function assertNothingLost(world: AlertWorld, climate: AlertClimate, seed: number): void {
  const { store, held, queue, defects } = world
  assert.deepEqual(InvariantBroken.seen, [], `seed ${seed}`)
  assert.deepEqual(defects, [], `seed ${seed}`)
  for (const { operation: id, backend, askedAtEpochMs } of held) {
    const operation = store.rows.operations.get(id)?.value
    const state = operation?.state ?? 'forgotten'
    assert.ok(!['accepted', 'forgotten'].includes(state), `seed ${seed}: ${backend} was accepted and then ${state}`)
    if (operation?.state !== 'joined' && operation?.state !== 'forwarded') continue
    if (operation.state === 'joined') assertForwarded(world, climate, operation.joined as OperationId, seed)
    // A reconnect that the gateway made after the alert, and not one from before it.
    const serves = (post: Post): boolean =>
      post.accepted &&
      post.backend === keyOf(backend) &&
      post.atEpochMs + afterMsOf(climate) + FRESHNESS_MS + 2 * climate.skewMs >= askedAtEpochMs
    assert.ok(world.posts.some(serves), `seed ${seed}: ${backend} is ${state}, and no reconnect came after the alert`)
  }
  assert.deepEqual(
    [queue.waiting(), queue.poisoned()],
    [0, 0],
    `seed ${seed}: left in the queue or given up by the host`,
  )
}

/**
 * Invariant 9: what was joined had ARM's word. Clocks further apart than the lease's margin end a lease early (docs/decisions/006): a second
 * message of the operation may then join another reconnect just before ARM accepts its own, and its row stays `joined` (invariant 3).
 */
function assertForwarded({ store }: AlertWorld, climate: AlertClimate, id: OperationId, seed: number): void {
  const operation = store.rows.operations.get(id)?.value
  const isOvertaken = climate.skewMs >= LEASE_MARGIN_MS && operation?.state === 'joined'
  const end = isOvertaken ? store.rows.operations.get(operation.joined as OperationId)?.value : operation
  assert.equal(end?.state, 'forwarded', `seed ${seed}: joined what was never forwarded`)
}

/** ARM accepts one call per backend and due time. A sender that died or heard nothing cannot tell the next one. */
function assertOnePerDueTime({ posts }: AlertWorld, climate: AlertClimate, seed: number): void {
  for (const calls of accepted(posts).values()) {
    for (const [index, call] of calls.entries()) {
      const next = calls[index + 1]
      if (next === undefined || !call.heard) continue
      const apartMs = next.atEpochMs - call.atEpochMs
      assert.ok(
        apartMs >= afterMsOf(climate) - CLOCK_TOLERANCE_MS - 2_000 - 2 * climate.skewMs,
        `seed ${seed}: two reconnects of one backend within ${apartMs} ms`,
      )
    }
  }
}

function accepted(posts: readonly Post[]): Map<string, Post[]> {
  return Map.groupBy(
    posts.filter((post) => post.accepted),
    ({ backend }) => backend,
  )
}

const keyOf = (backend: string): string => backend.toLowerCase()

async function run(change: Partial<AlertClimate>, alerts: (world: AlertWorld) => void, seed = 1): Promise<AlertWorld> {
  const climate = { ...CALM, ...change }
  const world = createAlertWorld(seed, climate)
  alerts(world)
  await world.simulation.run()
  assertNothingLost(world, climate, seed)
  return world
}

async function explore(
  climate: Partial<AlertClimate>,
  alerts: (world: AlertWorld) => void,
  check: (world: AlertWorld, seed: number) => void = (world, seed) =>
    assertOnePerDueTime(world, { ...CALM, ...climate }, seed),
): Promise<void> {
  const chosen = process.env['ALERTS_SEED']
  const first = chosen === undefined ? 1 : Number(chosen)
  for (let seed = first; seed < first + (chosen === undefined ? SCHEDULES : 1); seed += 1)
    check(await run(climate, alerts, seed), seed)
}

/** So many alerts for so many backends, spread evenly over the backends and by chance over the time. */
function storm(
  alerts: number,
  backends: number,
  withinMs: number,
): (world: Pick<AlertWorld, 'post' | 'simulation'>) => void {
  return ({ post, simulation }) => {
    for (let index = 0; index < alerts; index += 1) post(`b-${index % backends}`, simulation.random() * withinMs)
  }
}

const ROUGH_STORE: StoreWeather = { refused: 0.03, lost: 0.03, late: 0.03 }
const ROUGH_QUEUE = { ...CALM_QUEUE, refused: 0.05, lost: 0.05, again: 0.1, twice: 0.1 }
const AWAY: StoreWeather = { refused: 1, lost: 0, late: 0 }
const states = ({ store }: AlertWorld): Record<string, number> =>
  Object.fromEntries(
    Object.entries(Object.groupBy([...store.rows.operations.values()], ({ value }) => value.state)).map(
      ([state, of]) => [state, of.length],
    ),
  )

test('10,000 alerts on one backend cost ARM one call, the queue a message or two per instance, and storage a few calls', async () => {
  const world = await run({ instances: 3 }, storm(10_000, 1, 5_000))
  assert.equal(world.held.length, 10_000)
  assert.equal(world.posts.length, 1)
  // An alert that comes just while the reconnect is sent has a message of its own, which joins.
  assert.ok(world.queue.stored() <= 6, `${world.queue.stored()} messages`)
  assert.ok(world.store.calls() <= 1_000, `${world.store.calls()} calls of storage`)
})

test('10,000 alerts on 1,000 backends: each is reconnected once, as fast as ARM takes it and no faster', async () => {
  const world = await run({}, storm(10_000, 1_000, 5_000))
  assert.equal(world.held.length, 10_000)
  // An alert that comes while the row is being written may get a message of its own, which joins.
  const { forwarded, joined = 0, ...others } = states(world)
  assert.deepEqual([world.posts.length, forwarded, others], [1_000, 1_000, {}])
  assert.ok(joined <= 10, `${joined} messages more than were needed`)
  assert.ok(
    world.queue.mostWaiting() <= 1_000 && world.queue.stored() <= 2_000,
    `${world.queue.mostWaiting()} messages at once, ${world.queue.stored()} in all`,
  )
  // ARM's bucket: 200, refilled at 10 per second.
  const times = world.posts.map(({ atEpochMs }) => atEpochMs).toSorted((a, b) => a - b)
  let tokens = 200
  for (const [index, at] of times.entries()) {
    tokens = Math.min(200, tokens + (at - (times[index - 1] ?? at)) / 100) - 1
    assert.ok(tokens >= 0, `ARM would have throttled call ${index}`)
  }
  assert.ok(
    (times.at(-1) as number) - START_EPOCH_MS < 3 * MINUTE_MS,
    `took ${(times.at(-1) as number) - START_EPOCH_MS} ms`,
  )
})

test('a backlog of one subscription does not hold up another', async () => {
  const world = await run({}, ({ post, simulation }) => {
    storm(1_000, 1_000, 5_000)({ post, simulation })
    post('other', 30_000, OTHER_SUBSCRIPTION)
  })
  const other = world.posts.find(({ backend }) => backend.includes(OTHER_SUBSCRIPTION))
  assert.ok(
    other !== undefined && other.atEpochMs - START_EPOCH_MS < 45_000,
    `sent after ${(other?.atEpochMs ?? 0) - START_EPOCH_MS - 30_000} ms`,
  )
})

test('ARM is away for ten minutes and comes back: everything is delivered within three minutes of it, and little was asked meanwhile', async () => {
  const BACKENDS = 20
  const world = await run(
    { instances: 2, arm: (sinceMs) => (sinceMs < 10 * MINUTE_MS ? 'away' : 'up') },
    storm(400, BACKENDS, 5 * MINUTE_MS),
  )
  assert.equal(world.held.length, 400)
  assert.deepEqual(Object.keys(states(world)).toSorted(), ['forwarded', 'joined'])
  const calls = Map.groupBy(world.posts, ({ backend }) => backend)
  assert.equal(calls.size, BACKENDS)
  for (const [backend, posts] of calls) {
    assert.ok(posts.length <= 40, `${backend} was asked for ${posts.length} times`)
    const first = posts.find((post) => post.accepted)
    assert.ok(first !== undefined && first.atEpochMs - START_EPOCH_MS < 13 * MINUTE_MS, backend)
  }
})

test('ARM stays away beyond deliverWithin: everything is reported as abandoned, each once, as an error', async () => {
  const world = await run({ arm: () => 'away', deliverWithin: 'PT10M' }, storm(40, 4, MINUTE_MS))
  assert.deepEqual(Object.keys(states(world)), ['abandoned'])
  const told = world.events.filter(({ outcome }) => outcome === 'abandoned')
  assert.deepEqual(
    [told.length, new Set(told.map(({ operation }) => operation?.id)).size],
    [world.store.rows.operations.size, world.store.rows.operations.size],
  )
})

test('beyond the loop guard ARM is not asked again within the window', () =>
  explore(
    { instances: 2, limit: 2 },
    ({ post }) => {
      // Each comes when the one before it is due, so that none can be joined.
      for (let index = 0; index < 6; index += 1) post('b', index * 3 * MINUTE_MS)
    },
    ({ posts, events }, seed) => {
      assert.equal(posts.length, 2, `seed ${seed}`)
      assert.ok(
        events.some(({ outcome }) => outcome === 'exhausted'),
        `seed ${seed}`,
      )
    },
  ))

test('instances die at any moment, before and after they have answered: the sender tries again, and the queue delivers again', async () => {
  let deaths = 0
  await explore({ instances: 3, livesMs: 20_000 }, storm(30, 4, MINUTE_MS), (world) => void (deaths += world.deaths()))
  assert.ok(process.env['ALERTS_SEED'] !== undefined || deaths > SCHEDULES, `only ${deaths} have died`)
})

test('messages that come twice, out of order and late, and answers of the queue that are lost', () =>
  explore(
    { instances: 3, queue: () => ({ ...CALM_QUEUE, refused: 0.2, lost: 0.2, again: 0.5, twice: 0.3 }) },
    storm(30, 4, 5 * MINUTE_MS),
  ))

test('copies of messages do not multiply while ARM is away for hours', async () => {
  const world = await run(
    {
      queue: () => ({ ...CALM_QUEUE, lost: 0.1, again: 0.1, twice: 0.1 }),
      arm: (sinceMs) => (sinceMs < 120 * MINUTE_MS ? 'away' : 'up'),
    },
    storm(20, 5, MINUTE_MS),
  )
  // Two minutes apart at the most: 60 to 120 tries of each of five backends.
  assert.ok(
    world.posts.length < 700 && world.queue.mostWaiting() <= 20,
    `ARM was asked ${world.posts.length} times; ${world.queue.mostWaiting()} messages at once`,
  )
})

test('a slow queue, whose answers come after their limit: five minutes of it leave a handful of messages', async () => {
  const world = await run(
    {
      queue: (sinceMs) => ({ ...CALM_QUEUE, latencyMs: sinceMs < 5 * MINUTE_MS ? 20_000 : 30 }),
      arm: (sinceMs) => (sinceMs < 10 * MINUTE_MS ? 'away' : 'up'),
    },
    storm(1, 1, 1),
  )
  // The sender heard nothing good at first and tried again, so there are several operations; each has its message, and a copy or two.
  const operations = world.store.rows.operations.size
  const [most, all, attempts] = [world.queue.mostWaiting(), world.queue.stored(), world.posts.length]
  assert.ok(most <= 4 * operations, `${most} messages at once for ${operations} operations`)
  assert.ok(all <= attempts + 4 * operations, `${all} messages for ${attempts} attempts of ${operations} operations`)
})

test('a process that stands still until its lease is over: what ARM told it does not end what another delivery sends', () =>
  explore(
    {
      instances: 3,
      queue: () => ({ ...CALM_QUEUE, twice: 0.9 }),
      arm: (sinceMs) => (Math.floor(sinceMs / 12_000) % 2 === 0 ? 'frozen' : 'away'),
      deliverWithin: 'PT10M',
    },
    storm(10, 2, MINUTE_MS),
  ))

test('slow tables', () => explore({ instances: 2, storeLatencyMs: 700 }, storm(20, 3, 3 * MINUTE_MS), () => undefined))

test('tables away for minutes while the queue is healthy: nothing is lost, and nothing is sent twice', () =>
  explore(
    {
      instances: 2,
      store: (_, sinceMs) => (sinceMs > 20_000 && sinceMs < 4 * MINUTE_MS ? AWAY : FAIR),
      queue: () => ROUGH_QUEUE,
    },
    storm(30, 4, 6 * MINUTE_MS),
  ))

test('the table for history away: nothing else changes, and its copies are written later', () =>
  explore(
    { store: (call, sinceMs) => (call === 'writeCopies' && sinceMs < 2 * MINUTE_MS ? AWAY : FAIR) },
    storm(20, 4, 3 * MINUTE_MS),
    (world, seed) => {
      assertOnePerDueTime(world, CALM, seed)
      const { operations, copies } = world.store.rows
      for (const [id, { value }] of operations) assert.equal(copies.get(id)?.state, value.state, `seed ${seed}`)
    },
  ))

test('an error text of 250,000 characters ends its own operation, and no other', () =>
  explore(
    { instances: 2, arm: (sinceMs) => (sinceMs < MINUTE_MS ? 'wordy' : 'up') },
    storm(20, 4, 2 * MINUTE_MS),
    (world, seed) => {
      assertOnePerDueTime(world, CALM, seed)
      const { failed = 0, forwarded = 0, joined = 0, ...others } = states(world)
      assert.deepEqual(others, {}, `seed ${seed}`)
      assert.ok(failed > 0 && forwarded + joined > 0, `seed ${seed}`)
    },
  ))

for (const after of ['PT0.5S', 'PT2S', 'PT20S'])
  test(`after=${after} with a slow ARM and records that come late: an alert is never covered by what was before it`, () =>
    explore(
      {
        instances: 3,
        after,
        store: () => ROUGH_STORE,
        queue: () => ROUGH_QUEUE,
        limit: 1_000,
        arm: (sinceMs) => (Math.floor(sinceMs / 15_000) % 3 === 1 ? 'hanging' : 'up'),
      },
      storm(30, 2, 2 * MINUTE_MS),
      () => undefined,
    ))

test('messages that others wrote are not delivered as alerts, and stop nothing', () =>
  explore({ instances: 2 }, (world) => {
    storm(20, 3, MINUTE_MS)(world)
    for (const text of ['{}', '[]', '{"version":1,"operation":"short"}', '"text"'])
      world.simulation.after(world.simulation.random() * MINUTE_MS, () =>
        world.queue.forge(Buffer.from(text).toString('base64')),
      )
  }))

test('everything at once', () => {
  const moods = ['up', 'away', 'throttling', 'hanging', 'up'] as const
  return explore(
    {
      instances: 3,
      skewMs: MINUTE_MS,
      livesMs: MINUTE_MS,
      store: () => ROUGH_STORE,
      queue: () => ROUGH_QUEUE,
      arm: (sinceMs) => moods[Math.floor(sinceMs / 20_000) % moods.length] ?? 'up',
    },
    storm(30, 4, 2 * MINUTE_MS),
  )
})
