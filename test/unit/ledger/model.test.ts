/**
 * The ledger as it is, on a simulated table and clock: several instances, skewed clocks, crashes, lost and late answers, refusals, force and
 * different `after`s, in thousands of schedules. Every assertion names the seed that broke it: `LEDGER_SEED=… node --test …` runs that one.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLedger } from '../../../src/ledger/ledger.ts'
import { createRecords } from '../../../src/ledger/records.ts'
import { MIN_ATTEMPT_MS } from '../../../src/arm/decide-retry.ts'
import { LEASE_MARGIN_MS } from '../../../src/ledger/reservations.ts'
import { CLOCK_TOLERANCE_MS } from '../../../src/ledger/slot.ts'
import { createStorageClock } from '../../../src/ledger/storage-clock.ts'
import type { Forwarded, Ledger, Passage } from '../../../src/reconnect/ports.ts'
import { err, ok } from '../../../src/shared/result.ts'
import { A_LIMIT, aDuration, aPermit } from '../../support/builders.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'
import { createSimulatedTable, FAIR, type TableWeather } from '../../support/simulated-table.ts'
import { createSimulation, type Simulation } from '../../support/simulation.ts'

const SCHEDULES = 1_500
const DEADLINE_MS = 30_000
const LEASE_MS = DEADLINE_MS + LEASE_MARGIN_MS
/** What a corrected clock may still be off by (storage-clock.ts), and a latency or two. */
const CLOCK_ERROR_MS = 1_100
const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined }

interface World {
  readonly simulation: Simulation
  readonly instances: Instance[]
  /** What ARM accepted: operation → when it is due by the true time. */
  readonly accepted: Map<string, { readonly dueEpochMs: number }>
  readonly ended: Ended[]
  readonly sends: Send[]
  readonly reservedAt: (instance: number) => number
}

/** A request on its way to ARM, from one moment to another; a sender that dies is on its way no longer. */
interface Send {
  readonly fromEpochMs: number
  untilEpochMs: number
  /** Storage was given up, and this instance goes on alone (contract, section 6). */
  readonly alone: boolean
}

interface Instance {
  readonly ledger: Ledger
  dead: boolean
  sentAtEpochMs: number
  readonly skewMs: number
}

interface Ended {
  readonly passage: Passage
  readonly askedAtEpochMs: number
  readonly endedAtEpochMs: number
  readonly afterMs: number
}

interface Climate {
  readonly instances: number
  readonly skewMs: number
  readonly weather: TableWeather
  /** Of one: how often ARM refuses, answers nothing (having acted or not), or the sender dies while it sends. */
  readonly refused: number
  readonly unknown: number
  readonly crash: number
  readonly force: number
  readonly afters: readonly string[]
}

function createWorld(seed: number, climate: Climate): World {
  const simulation = createSimulation(seed, START_EPOCH_MS)
  const table = createSimulatedTable(simulation, () => climate.weather)
  const world: World = {
    simulation,
    instances: [],
    accepted: new Map(),
    ended: [],
    sends: [],
    reservedAt: table.reservedAt,
  }
  for (let index = 0; index < climate.instances; index += 1) {
    const skewMs = (simulation.random() - 0.5) * 2 * climate.skewMs
    const dead = (): boolean => world.instances[index]?.dead === true
    const clock = simulation.clock(skewMs, dead)
    const storageClock = createStorageClock(clock)
    const store = table.connect(index, clock, storageClock, dead)
    const records = createRecords(store, clock, SILENT, () => undefined)
    const describe = (): { code: string; message: string } => ({ code: 'Failed', message: 'failed' })
    const ledger = createLedger({
      store,
      records,
      storageClock,
      clock,
      deadlineMs: DEADLINE_MS,
      describe,
      limit: A_LIMIT,
      random: simulation.random,
    })
    world.instances.push({ ledger, dead: false, sentAtEpochMs: 0, skewMs })
  }
  return world
}

function ask(world: World, climate: Climate, instance: Instance, after: string, force: boolean): void {
  const { simulation } = world
  const duration = aDuration(after)
  const permit = aPermit({ after: duration, force })
  const deadline = simulation.deadline(DEADLINE_MS)
  const askedAtEpochMs = simulation.now()
  let sent: Send | undefined

  async function send(): Promise<Forwarded> {
    // A write that takes the slot belongs to this request when it came after the request and after the last one that was sent from here.
    const alone = world.reservedAt(world.instances.indexOf(instance)) < Math.max(askedAtEpochMs, instance.sentAtEpochMs)
    instance.sentAtEpochMs = simulation.now()
    // As arm.ts does: what cannot be answered in time is not sent.
    if (deadline.remainingMs() < MIN_ATTEMPT_MS)
      return { result: err({ reason: 'deadline_exceeded', detail: '' }), attempts: 0, ambiguous: false }
    sent = { fromEpochMs: simulation.now(), untilEpochMs: Number.POSITIVE_INFINITY, alone }
    world.sends.push(sent)
    const dice = simulation.random()
    await simulation.sleep(simulation.random() * 3_000)
    sent.untilEpochMs = simulation.now()
    if (dice < climate.crash) {
      instance.dead = true
      return new Promise(() => undefined)
    }
    if (dice < climate.crash + climate.refused)
      return { result: err({ reason: 'arm_unreachable', detail: '' }), attempts: 1, ambiguous: false }
    if (dice < climate.crash + climate.refused + climate.unknown)
      return { result: err({ reason: 'outcome_unknown', detail: '' }), attempts: 1, ambiguous: true }
    return { result: ok({ acceptedAtEpochMs: simulation.now() }), attempts: 1, ambiguous: false }
  }

  void passThrough()

  async function passThrough(): Promise<void> {
    const passage = await instance.ledger.once(permit, deadline, send)
    deadline.dispose()
    if (sent !== undefined) {
      assert.ok(!sent.alone || !passage.recorded, 'what was sent alone says that it was not recorded')
      if (passage.kind === 'sent' && passage.forwarded.result.ok)
        world.accepted.set(passage.operation.id, { dueEpochMs: sent.untilEpochMs + duration.ms })
    }
    world.ended.push({ passage, askedAtEpochMs, endedAtEpochMs: simulation.now(), afterMs: duration.ms })
  }
}

/** At no moment are two on their way, but for what went on without storage. */
function assertExclusive({ sends }: World, seed: number): void {
  const guarded = sends.filter(({ alone }) => !alone).toSorted((a, b) => a.fromEpochMs - b.fromEpochMs)
  for (const [index, sent] of guarded.entries()) {
    const next = guarded[index + 1]
    assert.ok(
      next === undefined || next.fromEpochMs >= sent.untilEpochMs,
      `seed ${seed}: two requests were on their way to ARM at once`,
    )
  }
}

function assertHonest(world: World, seed: number): void {
  for (const { passage, askedAtEpochMs, endedAtEpochMs, afterMs } of world.ended) {
    // Storage that is given up costs a few calls more than the deadline, and no more.
    assert.ok(
      endedAtEpochMs - askedAtEpochMs <= DEADLINE_MS + 10_000,
      `seed ${seed}: a request took ${endedAtEpochMs - askedAtEpochMs} ms`,
    )
    if (passage.kind !== 'joined') continue
    const joined = world.accepted.get(passage.operation.joined ?? '')
    assert.ok(joined !== undefined, `seed ${seed}: joined a reconnect that ARM never accepted`)
    assert.ok(
      joined.dueEpochMs <= endedAtEpochMs + afterMs + CLOCK_TOLERANCE_MS + CLOCK_ERROR_MS,
      `seed ${seed}: joined one that is due later than was asked`,
    )
    assert.ok(
      joined.dueEpochMs + CLOCK_ERROR_MS >= askedAtEpochMs,
      `seed ${seed}: joined one that was over before it was asked for`,
    )
  }
}

/** Whatever happened before: a request that comes when every lease is over gets through. */
async function assertUnlocked(world: World, climate: Climate, seed: number): Promise<void> {
  const survivor = world.instances.find(({ dead }) => !dead)
  if (survivor === undefined) return
  const before = world.ended.length
  world.simulation.after(LEASE_MS, () =>
    ask(world, { ...climate, crash: 0, refused: 0, unknown: 0 }, survivor, 'PT2M', false),
  )
  await world.simulation.run()
  const last = world.ended[before]
  assert.ok(last !== undefined && last.passage.kind !== 'busy', `seed ${seed}: the backend is locked after its lease`)
}

async function runSchedule(seed: number, climate: Climate, requests: number, spreadMs: number): Promise<World> {
  const world = createWorld(seed, climate)
  const { simulation } = world
  for (let index = 0; index < requests; index += 1) {
    const instance = world.instances[Math.floor(simulation.random() * world.instances.length)] as Instance
    const after = climate.afters[Math.floor(simulation.random() * climate.afters.length)] as string
    const force = simulation.random() < climate.force
    simulation.after(
      simulation.random() * spreadMs,
      () => !instance.dead && ask(world, climate, instance, after, force),
    )
  }
  await simulation.run()
  assertHonest(world, seed)
  assertExclusive(world, seed)
  return world
}

const CALM: Climate = {
  instances: 3,
  skewMs: 0,
  weather: FAIR,
  refused: 0,
  unknown: 0,
  crash: 0,
  force: 0,
  afters: ['PT2M'],
}
const ROUGH: TableWeather = { refused: 0.04, lost: 0.04, late: 0.04 }

async function explore(
  climate: Climate,
  check: (world: World, seed: number) => void = () => undefined,
  requests = 8,
  spreadMs = 5_000,
): Promise<void> {
  const chosen = process.env['LEDGER_SEED']
  const first = chosen === undefined ? 1 : Number(chosen)
  const count = chosen === undefined ? SCHEDULES : 1
  for (let seed = first; seed < first + count; seed += 1) {
    const world = await runSchedule(seed, climate, requests, spreadMs)
    check(world, seed)
    await assertUnlocked(world, climate, seed)
  }
}

const calls = ({ sends }: World): number => sends.filter(({ alone }) => !alone).length
const oneCall = (world: World, seed: number): void =>
  assert.ok(calls(world) <= 1, `seed ${seed}: ${calls(world)} calls to ARM where one was meant`)

test('many who ask for the same at once cost ARM one call, and all are told so', () =>
  explore(CALM, (world, seed) => {
    assert.equal(world.sends.length, 1, `seed ${seed}`)
    assert.equal(
      world.ended.filter(({ passage }) => passage.kind === 'joined').length,
      world.ended.length - 1,
      `seed ${seed}`,
    )
  }))

test('clocks a minute apart change nothing about that, but for one in a hundred at most', async () => {
  let doubled = 0
  await explore({ ...CALM, skewMs: 60_000 }, (world, seed) => {
    assert.ok(world.sends.length <= 2, `seed ${seed}: ${world.sends.length} calls`)
    doubled += world.sends.length - 1
  })
  // Two clocks that are both half a second off after their correction, in opposite directions (docs/decisions/006).
  assert.ok(doubled <= SCHEDULES / 100, `${doubled} of ${SCHEDULES} schedules cost ARM a second call`)
})

test('a refusal is nobody else’s: the next takes over', () =>
  explore({ ...CALM, refused: 0.4 }, (world, seed) => {
    const accepted = world.ended.filter(({ passage }) => passage.kind === 'sent' && passage.forwarded.result.ok)
    assert.ok(accepted.length <= 1, `seed ${seed}: ${accepted.length} count`)
  }))

test('different afters, force, unknown outcomes: never two on their way, never a join to what failed', () =>
  explore(
    { ...CALM, unknown: 0.2, refused: 0.2, force: 0.2, afters: ['PT10S', 'PT2M', 'PT5M', 'PT1H'] },
    undefined,
    12,
    60_000,
  ))

test('answers of storage that are lost, late or refused: writes are recognised as our own, and nothing stays locked', async () => {
  let guarded = 0
  await explore({ ...CALM, weather: ROUGH }, (world, seed) => {
    oneCall(world, seed)
    guarded += calls(world)
  })
  assert.ok(
    process.env['LEDGER_SEED'] !== undefined || guarded > SCHEDULES / 2,
    `only ${guarded} schedules were decided by storage`,
  )
})

test('instances that die while they send: their lease ends, and the next takes over', () =>
  explore({ ...CALM, instances: 4, crash: 0.3, refused: 0.1 }, undefined, 10, 40_000))

test('everything at once', () =>
  explore(
    {
      instances: 4,
      skewMs: 60_000,
      weather: ROUGH,
      refused: 0.15,
      unknown: 0.15,
      crash: 0.15,
      force: 0.1,
      afters: ['PT10S', 'PT2M', 'PT1H'],
    },
    undefined,
    12,
    90_000,
  ))
