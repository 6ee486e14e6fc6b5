/**
 * Alerts as they are, from the sender's payload to ARM, on a simulated queue, table, ARM and clock: instances that die, answers that are lost,
 * messages that come twice, storms. Every assertion names the seed that broke it: `ALERTS_SEED=… node --test …` runs that one.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_AFTER_MS } from '../../../src/domain/duration.ts'
import { CLOCK_TOLERANCE_MS } from '../../../src/ledger/slot.ts'
import {
  CALM,
  createAlertWorld,
  OTHER_SUBSCRIPTION,
  type AlertClimate,
  type AlertWorld,
  type Post,
} from '../../support/alert-world.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'

const SCHEDULES = 200
const MINUTE_MS = 60_000

/** Whatever a sender was told is held has come to an end that can be looked up, and ARM has accepted what is said to be scheduled. */
function assertNothingLost({ table, held, posts, queue }: AlertWorld, seed: number): void {
  for (const { operation: id, backend } of held) {
    const operation = table.operations.get(id)
    assert.ok(
      operation !== undefined && operation.state !== 'accepted',
      `seed ${seed}: ${backend} was held and then ${operation?.state ?? 'forgotten'}`,
    )
    const scheduled = operation.state === 'joined' ? table.operations.get(operation.joined as typeof id) : operation
    if (operation.state === 'joined' || operation.state === 'forwarded') {
      assert.equal(scheduled?.state, 'forwarded', `seed ${seed}: ${backend} joined what was never forwarded`)
      assert.ok(
        posts.some((post) => post.accepted && post.heard && post.backend === keyOf(backend)),
        `seed ${seed}: ${backend} is said to be forwarded, and ARM knows nothing`,
      )
    }
  }
  assert.deepEqual(
    [queue.waiting(), queue.poisoned()],
    [0, 0],
    `seed ${seed}: left in the queue or given up by the host`,
  )
}

/** ARM accepts one call per backend and due time. Whose sender died or heard nothing, the next cannot know of. */
function assertOnePerDueTime({ posts }: AlertWorld, seed: number): void {
  for (const calls of accepted(posts).values()) {
    for (const [index, call] of calls.entries()) {
      const next = calls[index + 1]
      if (next === undefined || !call.heard) continue
      assert.ok(
        next.atEpochMs - call.atEpochMs >= DEFAULT_AFTER_MS - CLOCK_TOLERANCE_MS - 2_000,
        `seed ${seed}: two reconnects of one backend within ${next.atEpochMs - call.atEpochMs} ms`,
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

async function run(climate: Partial<AlertClimate>, alerts: (world: AlertWorld) => void, seed = 1): Promise<AlertWorld> {
  const world = createAlertWorld(seed, { ...CALM, ...climate })
  alerts(world)
  await world.simulation.run()
  assertNothingLost(world, seed)
  assertOnePerDueTime(world, seed)
  return world
}

async function explore(
  climate: Partial<AlertClimate>,
  alerts: (world: AlertWorld) => void,
  check: (world: AlertWorld, seed: number) => void = () => undefined,
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

const ROUGH = { table: { refused: 0.03, lost: 0.03, late: 0.03 }, queue: { refused: 0.05, lost: 0.05, again: 0.1 } }
const states = ({ table }: AlertWorld): Record<string, number> =>
  Object.fromEntries(
    Object.entries(Object.groupBy(table.operations.values(), ({ state }) => state)).map(([state, of]) => [
      state,
      of.length,
    ]),
  )

test('10,000 alerts on one backend cost ARM one call, the queue one message per instance, and storage a few calls', async () => {
  const world = await run({ instances: 3 }, storm(10_000, 1, 5_000))
  assert.equal(world.held.length, 10_000)
  assert.equal(world.posts.length, 1)
  assert.ok(world.queue.stored() <= 3, `${world.queue.stored()} messages`)
  assert.ok(world.table.calls() <= 600, `${world.table.calls()} calls of storage`)
})

test('10,000 alerts on 1,000 backends: each is reconnected once, as fast as ARM takes it and no faster', async () => {
  const world = await run({}, storm(10_000, 1_000, 5_000))
  assert.equal(world.held.length, 10_000)
  assert.deepEqual([world.posts.length, states(world)], [1_000, { forwarded: 1_000 }])
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
    [told.length, new Set(told.map(({ operationId }) => operationId)).size],
    [world.table.operations.size, world.table.operations.size],
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
  explore({ instances: 3, queue: { refused: 0.2, lost: 0.2, again: 0.5 } }, storm(30, 4, 5 * MINUTE_MS)))

test('copies of messages do not multiply while ARM is away for hours', async () => {
  const world = await run(
    { queue: { refused: 0, lost: 0.1, again: 0.1 }, arm: (sinceMs) => (sinceMs < 120 * MINUTE_MS ? 'away' : 'up') },
    storm(20, 5, MINUTE_MS),
  )
  // Two minutes apart at the most: 60 to 120 tries of each of five backends.
  assert.ok(
    world.posts.length < 700 && world.queue.mostWaiting() <= 20,
    `ARM was asked ${world.posts.length} times; ${world.queue.mostWaiting()} messages at once`,
  )
})

test('everything at once', () => {
  const moods = ['up', 'away', 'throttling', 'hanging', 'up'] as const
  return explore(
    {
      instances: 3,
      skewMs: MINUTE_MS,
      livesMs: MINUTE_MS,
      ...ROUGH,
      arm: (sinceMs) => moods[Math.floor(sinceMs / 20_000) % moods.length] ?? 'up',
    },
    storm(30, 4, 2 * MINUTE_MS),
  )
})
