/**
 * Verdicts under two instances that die, storage that is slow, refuses or loses answers, a queue that delivers twice, clocks that differ and
 * messages that others wrote. Every assertion names the seed that broke it: `EFFECTS_SEED=… node --test …` runs that one,
 * `EFFECTS_SCHEDULES=…` runs so many.
 */
import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import type { WebhookConfig } from '../../../src/config/config.ts'
import { toMessage } from '../../../src/delivery/message.ts'
import type { OperationId } from '../../../src/domain/operation-id.ts'
import { judgeMessage } from '../../../src/reconnect/judge-effect.ts'
import { createOperationId } from '../../../src/storage/keys.ts'
import { CALM, CALM_QUEUE, createAlertWorld, type AlertClimate, type AlertWorld } from '../../support/alert-world.ts'
import { aBackend, IDS } from '../../support/builders.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'
import { prometheusPayload, PROMETHEUS_TEMPLATE } from '../../support/later-notifications.ts'
import { createRandom } from '../../support/simulation.ts'
import { FAIR, InvariantBroken, type StoreWeather } from '../../support/simulated-store.ts'

const SCHEDULES = Number(process.env['EFFECTS_SCHEDULES'] ?? 60)
const MINUTE_MS = 60_000
const SEND_LATENCY_MS = 15_000

const webhooks: Readonly<Record<string, Partial<WebhookConfig>>> = {
  alertmanager: { format: 'alertmanager', backend: PROMETHEUS_TEMPLATE },
}
const ROUGH_STORE: StoreWeather = { refused: 0.03, lost: 0.03, late: 0.03 }
const ROUGH_QUEUE = { ...CALM_QUEUE, refused: 0.05, lost: 0.05, again: 0.1, twice: 0.1 }

/** One backend of a schedule: when its alert fires, is listed again, and ends. Independent of the world's own dice. */
interface Incident {
  readonly backendId: string
  readonly firings: readonly number[]
  readonly endsAtMs: number | undefined
  readonly resolvedAtMs: number | undefined
}

function incidents(seed: number, count: number): readonly Incident[] {
  const random = createRandom(seed * 7_919 + 1)
  return Array.from({ length: count }, (_, index) => {
    const beginsMs = random() * 10 * MINUTE_MS
    const lastsMs = random() * 40 * MINUTE_MS
    const isResolved = random() < 0.7
    const firings: number[] = []
    for (let atMs = beginsMs; atMs <= beginsMs + lastsMs; atMs += 10 * MINUTE_MS) firings.push(atMs)
    const endsAtMs = isResolved ? beginsMs + lastsMs : undefined
    const lateMs = random() < 0.3 ? random() * 60 * MINUTE_MS : random() * MINUTE_MS
    return { backendId: `b-${index}`, firings, endsAtMs, resolvedAtMs: endsAtMs && endsAtMs + lateMs }
  })
}

function play(world: AlertWorld, all: readonly Incident[], withEvidence = true): void {
  for (const { backendId, firings, endsAtMs, resolvedAtMs } of all) {
    const startsAtEpochMs = START_EPOCH_MS + (firings[0] ?? 0)
    for (const atMs of firings)
      world.tell('alertmanager', atMs, () => prometheusPayload({ backendId, startsAtEpochMs }))
    if (endsAtMs === undefined || resolvedAtMs === undefined || !withEvidence) continue
    const ended = { backendId, startsAtEpochMs, endsAtEpochMs: START_EPOCH_MS + endsAtMs }
    world.tell('alertmanager', resolvedAtMs, () => prometheusPayload(ended))
  }
}

/** At most one verdict and one correction of each operation, and the last that was told is what the operation says. */
function assertOneVerdict(world: AlertWorld, seed: number): void {
  assert.deepEqual(InvariantBroken.seen, [], `seed ${seed}`)
  assert.deepEqual(world.defects, [], `seed ${seed}`)
  const { operations, effects } = world.store.rows
  const told = Map.groupBy(world.verdicts, ({ decided }) => decided.operationId)
  for (const [id, events] of told) {
    const said = events.map(({ decided }) => `${decided.effect.verdict}${decided.corrected ? ' corrected' : ''}`)
    assert.ok(events.filter(({ decided }) => !decided.corrected).length <= 1, `seed ${seed}: ${said.join(', ')}`)
    assert.ok(events.filter(({ decided }) => decided.corrected).length <= 1, `seed ${seed}: ${said.join(', ')}`)
    assert.deepEqual(effects.get(id) ?? operations.get(id)?.value.effect, events.at(-1)?.decided.effect, `seed ${seed}`)
  }
}

/** Every reconnect that ARM accepted and that was recorded has a verdict. */
function assertAllJudged(world: AlertWorld, seed: number): void {
  for (const [id, { value }] of world.store.rows.operations) {
    if (value.state !== 'forwarded') continue
    const verdict = (world.store.rows.effects.get(id) ?? value.effect)?.verdict
    assert.ok(verdict !== undefined && verdict !== 'pending', `seed ${seed}: ${value.backend} is ${verdict}`)
  }
}

async function explore(
  climate: Partial<AlertClimate>,
  more: (world: AlertWorld, seed: number) => void = () => undefined,
  check: (world: AlertWorld, seed: number) => void = () => undefined,
): Promise<void> {
  const chosen = process.env['EFFECTS_SEED']
  const begin = chosen === undefined ? 1 : Number(chosen)
  for (let seed = begin; seed < begin + (chosen === undefined ? SCHEDULES : 1); seed += 1) {
    const world = createAlertWorld(seed, { ...CALM, webhooks, limit: 1_000, ...climate })
    play(world, incidents(seed, 4))
    more(world, seed)
    await world.simulation.run()
    assertOneVerdict(world, seed)
    check(world, seed)
  }
}

describe('one verdict', () => {
  test('two instances', () => explore({ instances: 2 }, undefined, assertAllJudged))

  test('two instances whose clocks differ by up to a minute either way', () =>
    explore({ instances: 2, skewMs: MINUTE_MS / 2 }, undefined, assertAllJudged))

  test('messages that come twice, late and out of order', () =>
    explore(
      { instances: 2, queue: () => ({ ...CALM_QUEUE, lost: 0.2, again: 0.5, twice: 0.3 }) },
      undefined,
      assertAllJudged,
    ))

  test('instances that die at any moment', async () => {
    let deaths = 0
    await explore({ instances: 2, livesMs: 5 * MINUTE_MS }, undefined, (world, seed) => {
      assertAllJudged(world, seed)
      deaths += world.deaths()
    })
    assert.ok(process.env['EFFECTS_SEED'] !== undefined || deaths > SCHEDULES, `only ${deaths} have died`)
  })

  test('slow tables', () => explore({ instances: 2, storeLatencyMs: 700 }))

  test('tables that refuse, lose answers and apply late, for as long as it takes', () =>
    explore({ instances: 2, store: () => ROUGH_STORE }, undefined, assertAllJudged))

  test('tables away when the verdict is due: it comes when they are back', () =>
    explore(
      {
        instances: 2,
        store: (_, sinceMs) =>
          sinceMs > 30 * MINUTE_MS && sinceMs < 90 * MINUTE_MS ? { refused: 1, lost: 0, late: 0 } : FAIR,
      },
      undefined,
      assertAllJudged,
    ))

  test('everything at once', () =>
    explore({
      instances: 3,
      skewMs: MINUTE_MS,
      livesMs: 10 * MINUTE_MS,
      store: () => ROUGH_STORE,
      queue: () => ROUGH_QUEUE,
    }))
})

/** A message for an operation, as only this app writes it, in base64. */
const forged = (backendId: string, operationId: OperationId): string =>
  toMessage(
    judgeMessage(
      {
        operationId,
        dueEpochMs: 0,
        decideByEpochMs: 0,
        settleMs: 0,
        confirms: true,
        origin: { webhook: 'alertmanager', correlationId: IDS.correlationId },
        notices: [],
      },
      aBackend({ backendId }),
      START_EPOCH_MS,
    ),
  )

describe('a message that is forged or early decides nothing', () => {
  it('each second, for every operation that there is and some that are not', async () => {
    const seed = 3
    const all = incidents(seed, 4)
    const run = async (isForging: boolean): Promise<AlertWorld> => {
      const world = createAlertWorld(seed, { ...CALM, webhooks, instances: 2 })
      play(world, all)
      if (isForging)
        for (let second = 0; second < 3_000; second += 1)
          world.simulation.after(second * 1_000, () => {
            for (const [id, { value }] of world.store.rows.operations)
              world.queue.forge(forged(value.backend.split('/').at(-1) ?? '', id))
            world.queue.forge(forged('b-1', createOperationId(aBackend({ backendId: 'b-1' }).key, START_EPOCH_MS)))
          })
      await world.simulation.run()
      assertOneVerdict(world, seed)
      return world
    }
    const told = ({ verdicts }: AlertWorld) =>
      verdicts
        .map(({ backend, decided: { effect, corrected } }) => {
          // To the minute: the two worlds throw different dice.
          const minute = Math.round(Date.parse(effect.decidedAt ?? '') / MINUTE_MS)
          return `${backend} ${effect.verdict} ${corrected} ${minute}`
        })
        .toSorted()
    assert.deepEqual(told(await run(true)), told(await run(false)))
  })

  it('a queued alert without a row is no evidence that an alert fired again', async () => {
    const backend = aBackend({ backendId: 'b' })
    const world = createAlertWorld(1, { ...CALM, webhooks })
    world.tell('alertmanager', 0, (now) => prometheusPayload({ startsAtEpochMs: now }))
    world.simulation.after(12 * MINUTE_MS, () => {
      const operationId = createOperationId(backend.key, world.simulation.now())
      const message = JSON.parse(Buffer.from(forged('b', operationId), 'base64').toString('utf8')) as Record<
        string,
        unknown
      >
      const { judges: _, ...alert } = message
      const acceptedAt = new Date(world.simulation.now()).toISOString()
      world.queue.forge(Buffer.from(JSON.stringify({ ...alert, acceptedAt })).toString('base64'))
    })
    world.tell('alertmanager', 20 * MINUTE_MS, (now) =>
      prometheusPayload({ startsAtEpochMs: START_EPOCH_MS, endsAtEpochMs: now }),
    )
    await world.simulation.run()
    assert.deepEqual(
      world.verdicts.map(({ decided }) => decided.effect.verdict),
      ['recovered', 'not-recovered'],
      'the first by what its sender said; who writes to the queue can only cause a reconnect, and that one stays without confirmation',
    )
  })
})

describe('what is sent', () => {
  it('is the same with and without evidence, while limits.notHelping is out of reach', async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const all = incidents(seed, 4)
      const sent = async (withEvidence: boolean): Promise<readonly (readonly [string, number])[]> => {
        const world = createAlertWorld(seed, { ...CALM, webhooks, instances: 2, notHelping: 1_000 })
        play(world, all, withEvidence)
        await world.simulation.run()
        return world.posts.map(({ backend, atEpochMs }) => [backend, atEpochMs] as const).toSorted(byBackendAndTime)
      }
      const [told, silent] = [await sent(true), await sent(false)]
      assert.deepEqual(
        told.map(([backend]) => backend),
        silent.map(([backend]) => backend),
        `seed ${seed}`,
      )
      for (const [index, [backend, atEpochMs]] of told.entries())
        assert.ok(
          Math.abs(atEpochMs - (silent[index]?.[1] ?? 0)) < SEND_LATENCY_MS,
          `seed ${seed}: ${backend} was sent at another time`,
        )
    }
  })
})

function byBackendAndTime(a: readonly [string, number], b: readonly [string, number]): number {
  return a[0] === b[0] ? a[1] - b[1] : a[0] < b[0] ? -1 : 1
}

describe('what it costs', () => {
  const CONFIRMED_IN_MS = 30 * MINUTE_MS
  /** Calls to tables and messages stored, before any verdict is due. */
  async function cost(webhook: string, alerts: number): Promise<{ readonly calls: number; readonly messages: number }> {
    const generic = { generic: { format: 'generic' as const } }
    const world = createAlertWorld(1, { ...CALM, webhooks: { ...webhooks, ...generic } })
    const body = (now: number): unknown =>
      webhook === 'generic'
        ? { backends: [aBackend({ backendId: 'b' }).resourceId] }
        : prometheusPayload({ startsAtEpochMs: now })
    for (let index = 0; index < alerts; index += 1) world.tell(webhook, index * 100, body)
    let counted = { calls: 0, messages: 0 }
    world.simulation.after(CONFIRMED_IN_MS, () => {
      counted = { calls: world.store.calls(), messages: world.queue.stored() }
    })
    await world.simulation.run()
    return counted
  }

  it('one more message for a reconnect that was sent, and no other call', async () => {
    const [without, withEffect] = [await cost('generic', 1), await cost('alertmanager', 1)]
    assert.deepEqual(withEffect, { calls: without.calls, messages: without.messages + 1 })
  })

  it('nothing for alerts that joined', async () => {
    const [one, many] = [await cost('alertmanager', 1), await cost('alertmanager', 1_000)]
    const [oneGeneric, manyGeneric] = [await cost('generic', 1), await cost('generic', 1_000)]
    assert.equal(many.messages, one.messages)
    // Looks at rows that are a second old are shared by chance: the two storms are not the same to the call.
    const more = (many.calls - one.calls) / (manyGeneric.calls - oneGeneric.calls)
    assert.ok(
      more < 1.05,
      `${many.calls - one.calls} calls for joined alerts, ${manyGeneric.calls - oneGeneric.calls} without effect`,
    )
  })

  it('one read for a resolved alert of a backend where nothing is watched, and one for 500 of them in a payload', async () => {
    for (const alerts of [1, 500]) {
      const world = createAlertWorld(1, { ...CALM, webhooks })
      const ended = Array.from({ length: alerts }, (_, index) => ({
        fingerprint: `f${index}`,
        startsAtEpochMs: START_EPOCH_MS - MINUTE_MS,
        endsAtEpochMs: START_EPOCH_MS,
      }))
      world.tell('alertmanager', 0, () => prometheusPayload(...ended))
      await world.simulation.run()
      // 64 of a payload are taken at a time.
      assert.ok(world.store.calls() <= Math.ceil(alerts / 64), `${world.store.calls()} calls for ${alerts} alerts`)
    }
  })

  it('for a verdict by silence: the slot is read and written once, and the row is copied', async () => {
    const world = createAlertWorld(1, { ...CALM, webhooks })
    world.tell('alertmanager', 0, (now) => prometheusPayload({ startsAtEpochMs: now }))
    let before = 0
    world.simulation.after(CONFIRMED_IN_MS, () => (before = world.store.calls()))
    await world.simulation.run()
    assert.deepEqual(
      world.verdicts.map(({ decided }) => decided.effect.verdict),
      ['not-recovered'],
    )
    assert.equal(world.store.calls() - before, 4)
  })
})

describe('storage in trouble', () => {
  it('never changes what the sender of a resolved alert is told', async () => {
    const world = createAlertWorld(1, {
      ...CALM,
      webhooks,
      store: (_, sinceMs) => (sinceMs > 5 * MINUTE_MS ? { refused: 1, lost: 0, late: 0 } : FAIR),
    })
    world.tell('alertmanager', 0, (now) => prometheusPayload({ startsAtEpochMs: now }))
    world.tell('alertmanager', 6 * MINUTE_MS, (now) =>
      prometheusPayload({ startsAtEpochMs: START_EPOCH_MS, endsAtEpochMs: now }),
    )
    let until = 0
    world.simulation.after(8 * MINUTE_MS, () => {
      until = world.events.filter(({ outcome }) => outcome === 'resolved').length
      assert.match(world.events.find(({ outcome }) => outcome === 'resolved')?.detail ?? '', /^not kept as evidence/)
    })
    // Its message comes back for as long as storage is away, which is for ever here.
    await Promise.race([
      world.simulation.run().catch(() => undefined),
      new Promise((resolve) => setTimeout(resolve, 20_000)),
    ])
    assert.equal(until, 1, 'answered at the first try')
  })
})
