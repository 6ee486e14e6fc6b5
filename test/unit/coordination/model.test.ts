/**
 * The coordinator as it is, on a simulated store and clock: several instances, skewed clocks, deaths, lost and late answers, slow storage,
 * refusals, force and different `after`s, in thousands of schedules. Every assertion names the seed that broke it:
 * `MODEL_SEED=… node --test …` runs that one, `MODEL_SCHEDULES=…` runs so many.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MIN_ATTEMPT_MS } from '../../../src/arm/decide-retry.ts'
import { createCoordinator, createSlotBreaker } from '../../../src/coordination/coordinator.ts'
import { LEASE_MARGIN_MS } from '../../../src/coordination/lease.ts'
import { CLOCK_TOLERANCE_MS, JOIN_MARGIN_MS } from '../../../src/coordination/slot.ts'
import { createOperationLog } from '../../../src/operations/operation-log.ts'
import { createRequestJoins } from '../../../src/operations/request-joins.ts'
import type { Decision } from '../../../src/reconnect/decision.ts'
import type { Forward } from '../../../src/reconnect/ports.ts'
import { reconnect, type ReconnectPorts } from '../../../src/reconnect/reconnect.ts'
import { err, ok } from '../../../src/shared/result.ts'
import { createOperationId } from '../../../src/storage/keys.ts'
import type { Store } from '../../../src/storage/store.ts'
import { A_LIMIT, aCaller, aCommand, aDuration, IDS, someGrants } from '../../support/builders.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'
import { createSimulatedStore, FAIR, InvariantBroken, type StoreWeather } from '../../support/simulated-store.ts'
import { createSimulation, type Simulation } from '../../support/simulation.ts'

const SCHEDULES = Number(process.env['MODEL_SCHEDULES'] ?? 400)
const DEADLINE_MS = 30_000
const LEASE_MS = DEADLINE_MS + LEASE_MARGIN_MS
/** At least; requests that come meanwhile wait for the answer. */
const ARM_TAKES_MS = 500
/** Latencies between a decision and the moment when the test sees it. */
const LATENCY_MS = 200

interface DueWindow {
  readonly earliestMs: number
  readonly latestMs: number
}

interface World {
  readonly simulation: Simulation
  readonly instances: Instance[]
  /** What ARM accepted: operation → when it is due at the earliest and at the latest, by the true time. */
  readonly accepted: Map<string, DueWindow>
  readonly ended: Ended[]
  readonly sends: Send[]
  /** From now on ARM accepts everything, and no instance dies. */
  calm: boolean
}

/** A request on its way to ARM, from one moment to another; a sender that dies is on its way no longer. */
interface Send {
  readonly fromEpochMs: number
  untilEpochMs: number
  /** Storage was away for this request, and its process goes on alone (contract, section 6). */
  readonly alone: boolean
  readonly askedAtEpochMs: number
  readonly afterMs: number
  readonly force: boolean
  accepted: boolean
}

interface Instance {
  readonly ask: (after: string, force: boolean) => void
  readonly skewMs: number
  dead: boolean
}

interface Ended {
  readonly decision: Decision
  readonly askedAtEpochMs: number
  readonly endedAtEpochMs: number
  readonly afterMs: number
  readonly skewMs: number
}

interface Climate {
  readonly instances: number
  readonly skewMs: number
  readonly weather: (call: keyof Store, epochMs: number) => StoreWeather
  readonly latencyMs?: (simulation: Simulation) => number
  /** Of one: how often ARM refuses, does not answer (having acted or not), or the sender dies while it sends. */
  readonly refused: number
  readonly unknown: number
  readonly crash: number
  readonly force: number
  readonly afters: readonly string[]
}

function createWorld(seed: number, climate: Climate): World {
  const simulation = createSimulation(seed, START_EPOCH_MS)
  const latency = climate.latencyMs
  const shared = createSimulatedStore(
    simulation,
    climate.weather,
    latency === undefined ? undefined : () => latency(simulation),
  )
  const world: World = { simulation, instances: [], accepted: new Map(), ended: [], sends: [], calm: false }
  for (let index = 0; index < climate.instances; index += 1) {
    const skewMs = (simulation.random() - 0.5) * 2 * climate.skewMs
    const dead = (): boolean => instance.dead
    const clock = simulation.clock(skewMs, dead)
    const store = shared.connect(index, dead)
    const breaker = createSlotBreaker(clock)
    const copy = (): void => undefined
    const { random } = simulation
    const operations = createOperationLog({ store, breaker, clock, copy })
    let sentAtEpochMs = 0

    const ports: Omit<ReconnectPorts, 'forward' | 'authenticate'> = {
      grants: someGrants(['reconnect', 'force']),
      mode: 'on',
      prepareForward: () => undefined,
      coordinator: createCoordinator({
        store,
        breaker,
        clock,
        deadlineMs: DEADLINE_MS,
        limit: A_LIMIT,
        notHelpingLimit: 3,
        copy,
        copyLater: copy,
        copyAgain: () => undefined,
        random,
      }),
      operations,
      recordJoin: createRequestJoins({ record: operations.record, countJoined: () => undefined }),
      createOperationId,
      describe: ({ reason }) => ({ code: reason, message: reason }),
      audit: () => undefined,
      auditEffect: () => undefined,
      clock,
    }

    async function ask(after: string, force: boolean): Promise<void> {
      const duration = aDuration(after)
      const deadline = simulation.deadline(DEADLINE_MS)
      const askedAtEpochMs = simulation.now()
      let sent: Send | undefined

      const forward: Forward = async () => {
        // A lease that was taken since the request came, and since the last send from here, is this request's.
        const alone = shared.leasedAt(index) < Math.max(askedAtEpochMs, sentAtEpochMs)
        sentAtEpochMs = simulation.now()
        const began = clock.now()
        // As arm.ts does: what cannot be answered in time is not sent.
        if (deadline.remainingMs() < MIN_ATTEMPT_MS)
          return { result: err({ reason: 'deadline_exceeded', detail: '' }), attempts: 0, ambiguous: false }
        sent = {
          fromEpochMs: simulation.now(),
          untilEpochMs: Number.POSITIVE_INFINITY,
          alone,
          askedAtEpochMs,
          afterMs: duration.ms,
          force,
          accepted: false,
        }
        world.sends.push(sent)
        const dice = world.calm ? 1 : random()
        await simulation.sleep(ARM_TAKES_MS + random() * 2_500)
        sent.untilEpochMs = simulation.now()
        if (dice < climate.crash) {
          instance.dead = true
          return new Promise(() => undefined)
        }
        if (dice < climate.crash + climate.refused)
          return { result: err({ reason: 'arm_unreachable', detail: '' }), attempts: 1, ambiguous: false }
        if (dice < climate.crash + climate.refused + climate.unknown)
          return { result: err({ reason: 'outcome_unknown', detail: '' }), attempts: 1, ambiguous: true }
        sent.accepted = true
        return { result: ok({ sentAtEpochMs: began }), attempts: 1, ambiguous: false }
      }

      const request = {
        ids: IDS,
        deadline,
        recordWithinMs: 500,
        checkFraming: () => ok(undefined),
        credentials: { authorization: undefined, clientPrincipal: undefined },
        readCommand: async () => ok(aCommand({ after: duration, force })),
      }
      const decision = await reconnect(request, { ...ports, forward, authenticate: async () => ok(aCaller()) })
      deadline.dispose()
      if (sent !== undefined) {
        assert.ok(
          !sent.alone || decision.noted?.recorded === false,
          'what was sent alone says that it was not recorded',
        )
        if (decision.result.ok && decision.result.value.outcome === 'forwarded')
          world.accepted.set(decision.noted?.operation.id ?? '', {
            earliestMs: sent.fromEpochMs + duration.ms,
            latestMs: sent.untilEpochMs + duration.ms,
          })
      }
      world.ended.push({ decision, askedAtEpochMs, endedAtEpochMs: simulation.now(), afterMs: duration.ms, skewMs })
    }

    const instance: Instance = { ask: (after, force) => void ask(after, force), skewMs, dead: false }
    world.instances.push(instance)
  }
  return world
}

/** Invariant 1: at no moment are two on their way, but for those that went on without storage. */
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

/** Invariant 11: what is scheduled survives refusals. Nothing is sent while a recorded reconnect serves the request, unless it is forced. */
function assertNeeded({ sends, ended, accepted }: World, seed: number): void {
  const counted = ended
    .filter((each) => outcomeOf(each) === 'forwarded' && each.decision.noted?.recorded === true)
    .toSorted((a, b) => a.endedAtEpochMs - b.endedAtEpochMs)
  for (const { askedAtEpochMs, fromEpochMs, afterMs, force, alone } of sends) {
    if (force || alone) continue
    const last = counted.findLast(({ endedAtEpochMs }) => endedAtEpochMs < fromEpochMs)
    const due = accepted.get(last?.decision.noted?.operation.id ?? '')
    if (last === undefined || due === undefined || last.endedAtEpochMs >= askedAtEpochMs) continue
    const serves = due.earliestMs >= fromEpochMs + JOIN_MARGIN_MS && due.latestMs <= askedAtEpochMs + afterMs
    assert.ok(!serves, `seed ${seed}: sent although a scheduled reconnect serves the request`)
  }
}

const outcomeOf = ({ decision: { result } }: Ended): string => (result.ok ? result.value.outcome : result.error.reason)

/** A sender may die after it has recorded ARM's acceptance and before it answers: its reconnect is known by its due time alone. */
function acceptedUnanswered({ sends }: World, { skewMs }: Climate, { decision }: Ended): DueWindow | undefined {
  const dueEpochMs = Date.parse(decision.noted?.operation.due ?? '')
  return sends
    .filter(({ accepted }) => accepted)
    .map(({ fromEpochMs, untilEpochMs, afterMs }) => ({
      earliestMs: fromEpochMs + afterMs,
      latestMs: untilEpochMs + afterMs,
    }))
    .find(({ earliestMs, latestMs }) => dueEpochMs >= earliestMs - skewMs - 1 && dueEpochMs <= latestMs + skewMs + 1)
}

/** Invariants 9, 10 and 11, as the callers see them. */
function assertHonest(world: World, climate: Climate, seed: number): void {
  for (const ended of world.ended) {
    const { decision, askedAtEpochMs, endedAtEpochMs, afterMs } = ended
    assert.ok(
      endedAtEpochMs - askedAtEpochMs <= DEADLINE_MS + 5_000,
      `seed ${seed}: a request took ${endedAtEpochMs - askedAtEpochMs} ms`,
    )
    assert.notEqual(outcomeOf(ended), 'defect', `seed ${seed}: ${JSON.stringify(decision.result)}`)
    if (outcomeOf(ended) !== 'joined') continue
    const joined =
      world.accepted.get(decision.noted?.operation.joined ?? '') ?? acceptedUnanswered(world, climate, ended)
    assert.ok(joined !== undefined, `seed ${seed}: joined a reconnect that ARM never accepted`)
    // Due times of one instance are read by the clock of another (docs/decisions/006).
    const clocksApartMs = 2 * climate.skewMs
    assert.ok(
      joined.earliestMs <= endedAtEpochMs + afterMs + CLOCK_TOLERANCE_MS + LATENCY_MS + clocksApartMs,
      `seed ${seed}: joined one that is due later than was asked`,
    )
    assert.ok(
      joined.latestMs + JOIN_MARGIN_MS + clocksApartMs >= askedAtEpochMs,
      `seed ${seed}: joined one that was over before it was asked for`,
    )
  }
}

/** Invariant 12: whatever happened before, a request that comes when every lease is over gets through. */
async function assertUnlocked(world: World, climate: Climate, seed: number): Promise<void> {
  const survivor = world.instances.find(({ dead }) => !dead)
  if (survivor === undefined) return
  const before = world.ended.length
  world.calm = true
  world.simulation.after(LEASE_MS + 2 * climate.skewMs, () => survivor.ask('PT2M', false))
  await world.simulation.run()
  const last = world.ended[before]
  assert.ok(
    last !== undefined && outcomeOf(last) !== 'in_flight_elsewhere',
    `seed ${seed}: the backend is locked after its lease`,
  )
}

async function runSchedule(seed: number, climate: Climate, requests: number, spreadMs: number): Promise<World> {
  const world = createWorld(seed, climate)
  const { simulation } = world
  for (let index = 0; index < requests; index += 1) {
    const instance = world.instances[Math.floor(simulation.random() * world.instances.length)] as Instance
    const after = climate.afters[Math.floor(simulation.random() * climate.afters.length)] as string
    const force = simulation.random() < climate.force
    simulation.after(simulation.random() * spreadMs, () => !instance.dead && instance.ask(after, force))
  }
  await simulation.run()
  assert.deepEqual(InvariantBroken.seen, [], `seed ${seed}`)
  assertHonest(world, climate, seed)
  // Clocks that are a minute apart let a lease end too early (docs/decisions/006).
  if (climate.skewMs < LEASE_MARGIN_MS / 2) assertExclusive(world, seed)
  if (climate.skewMs === 0) assertNeeded(world, seed)
  return world
}

async function explore(
  climate: Climate,
  check: (world: World, seed: number) => void = () => undefined,
  requests = 8,
  spreadMs = 5_000,
): Promise<void> {
  const chosen = process.env['MODEL_SEED']
  const first = chosen === undefined ? 1 : Number(chosen)
  const count = chosen === undefined ? SCHEDULES : 1
  for (let seed = first; seed < first + count; seed += 1) {
    const world = await runSchedule(seed, climate, requests, spreadMs)
    check(world, seed)
    await assertUnlocked(world, climate, seed)
  }
}

const always = (weather: StoreWeather) => () => weather
const CALM: Climate = {
  instances: 3,
  skewMs: 0,
  weather: always(FAIR),
  refused: 0,
  unknown: 0,
  crash: 0,
  force: 0,
  afters: ['PT2M'],
}
const AWAY: StoreWeather = { refused: 1, lost: 0, late: 0 }
const ROUGH: StoreWeather = { refused: 0.04, lost: 0.04, late: 0.04 }

const calls = ({ sends }: World): number => sends.filter(({ alone }) => !alone).length
const oneCall = (world: World, seed: number): void =>
  assert.ok(calls(world) <= 1, `seed ${seed}: ${calls(world)} calls to ARM where one was meant`)

test('many who ask for the same at once cost ARM one call, and each of them is told the due time of it', () =>
  explore(CALM, (world, seed) => {
    assert.equal(world.sends.length, 1, `seed ${seed}`)
    assert.equal(
      world.ended.filter((ended) => outcomeOf(ended) === 'joined').length,
      world.ended.length - 1,
      `seed ${seed}`,
    )
  }))

test('who waited for a result joins it, however short after is', () =>
  explore(
    { ...CALM, afters: ['PT0.5S'] },
    (world, seed) => assert.equal(world.sends.length, 1, `seed ${seed}: ${world.sends.length} calls`),
    8,
    50,
  ))

test('a refusal concerns its own request only: the next one takes over', () =>
  explore({ ...CALM, refused: 0.4 }, (world, seed) => {
    const accepted = world.ended.filter((ended) => outcomeOf(ended) === 'forwarded')
    assert.ok(accepted.length <= 1, `seed ${seed}: ${accepted.length} count`)
  }))

test('different afters, force, unknown outcomes: never two on their way, never a join to what failed', () =>
  explore(
    { ...CALM, unknown: 0.2, refused: 0.2, force: 0.2, afters: ['PT1S', 'PT10S', 'PT2M', 'PT5M', 'PT1H'] },
    undefined,
    12,
    60_000,
  ))

test('answers of storage that are lost, late or refused: writes are recognised as our own, and nothing stays locked', async () => {
  let guarded = 0
  await explore({ ...CALM, weather: always(ROUGH) }, (world, seed) => {
    oneCall(world, seed)
    guarded += calls(world)
  })
  assert.ok(
    process.env['MODEL_SEED'] !== undefined || guarded > SCHEDULES / 2,
    `only ${guarded} schedules were decided by storage`,
  )
})

test('slow storage, at the limit of what a caller waits for', () =>
  explore(
    { ...CALM, latencyMs: ({ random }) => 100 + random() * 500, refused: 0.1, unknown: 0.1 },
    undefined,
    10,
    20_000,
  ))

test('history away, slots healthy: coordination goes on, and every operation is recorded', () =>
  explore(
    { ...CALM, weather: (call) => (call === 'writeCopies' ? { refused: 1, lost: 0, late: 0 } : FAIR) },
    (world, seed) => {
      assert.equal(world.sends.length, 1, `seed ${seed}`)
      assert.ok(
        world.ended.every(({ decision }) => decision.noted?.recorded === true),
        `seed ${seed}: not recorded`,
      )
    },
  ))

test('storage that was away is asked again: from then on nothing is sent alone', async () => {
  const awayMs = { from: 10_000, to: 30_000 }
  // As long as the circuit breaker of the slot's path is open, and one more request that finds storage well.
  const askedAgainMs = 5_000 + LATENCY_MS
  let alone = 0
  await explore(
    {
      ...CALM,
      weather: (_, epochMs) => {
        const sinceMs = epochMs - START_EPOCH_MS
        return sinceMs >= awayMs.from && sinceMs < awayMs.to ? AWAY : FAIR
      },
      refused: 0.3,
      afters: ['PT0.5S', 'PT1S'],
    },
    ({ sends }, seed) => {
      for (const send of sends) {
        if (!send.alone) continue
        alone += 1
        const sinceMs = send.askedAtEpochMs - START_EPOCH_MS
        assert.ok(
          sinceMs >= awayMs.from - DEADLINE_MS && sinceMs < awayMs.to + askedAgainMs,
          `seed ${seed}: sent alone ${sinceMs - awayMs.to} ms after storage was back`,
        )
      }
    },
    40,
    60_000,
  )
  assert.ok(process.env['MODEL_SEED'] !== undefined || alone > SCHEDULES, `only ${alone} were sent alone`)
})

test('instances that die while they send: their lease ends, and the next takes over', () =>
  explore({ ...CALM, instances: 4, crash: 0.3, refused: 0.1 }, undefined, 10, 40_000))

test('clocks a minute apart cost a second reconnect, and never a wrong word about one', async () => {
  let calledTwice = 0
  await explore({ ...CALM, skewMs: 30_000 }, (world) => void (calledTwice += world.sends.length - 1))
  assert.ok(calledTwice < SCHEDULES * 2, `${calledTwice} more calls in ${SCHEDULES} schedules`)
})

test('everything at once', () =>
  explore(
    {
      instances: 4,
      skewMs: 500,
      weather: always(ROUGH),
      refused: 0.15,
      unknown: 0.15,
      crash: 0.15,
      force: 0.1,
      afters: ['PT1S', 'PT10S', 'PT2M', 'PT1H'],
    },
    undefined,
    12,
    90_000,
  ))
