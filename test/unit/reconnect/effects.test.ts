/**
 * Contract, section 12: whether a reconnect helped, from the sender's payload to the audit event. Everything of this app is real, everything of
 * Azure is simulated, and time is virtual. One table per sender: what it says in which minute, and what is decided when.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { WebhookConfig } from '../../../src/config/config.ts'
import type { Effect, EffectVerdict } from '../../../src/domain/effect.ts'
import type { StoredOperation } from '../../../src/domain/operation.ts'
import { CALM, createAlertWorld, type AlertClimate, type AlertWorld } from '../../support/alert-world.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'
import {
  azurePayload,
  circuitBreakerPayload,
  prometheusPayload,
  PROMETHEUS_TEMPLATE,
} from '../../support/later-notifications.ts'

const MINUTE_MS = 60_000
const minute = (minutes: number): number => START_EPOCH_MS + minutes * MINUTE_MS
const HOUR = 60

const WEBHOOKS: Readonly<Record<string, Partial<WebhookConfig>>> = {
  alertmanager: { format: 'alertmanager', backend: PROMETHEUS_TEMPLATE },
  grafana: { format: 'grafana', backend: PROMETHEUS_TEMPLATE },
  stateless: {
    format: 'alertmanager',
    backend: PROMETHEUS_TEMPLATE,
    effect: { confirms: false },
  },
  azure: { format: 'azure-monitor' },
  'event-grid': { format: 'event-grid' },
}

/** What is posted in which minute, to which webhook. */
type Said = readonly [minutes: number, webhook: string, payload: unknown]

const firing = (webhook: string, minutes: number, fingerprint = 'f1', startedMinute = 0): Said => [
  minutes,
  webhook,
  prometheusPayload({ fingerprint, startsAtEpochMs: minute(startedMinute) }),
]
const resolved = (webhook: string, minutes: number, endedMinute = minutes, fingerprint = 'f1'): Said => [
  minutes,
  webhook,
  prometheusPayload({ fingerprint, startsAtEpochMs: minute(0), endsAtEpochMs: minute(endedMinute) }),
]
const fired = (minutes: number, alertId = 'a1', firedMinute = minutes): Said => [
  minutes,
  'azure',
  azurePayload({ alertId, firedAtEpochMs: minute(firedMinute) }),
]
const cleared = (minutes: number, resolvedMinute = minutes, alertId = 'a1'): Said => [
  minutes,
  'azure',
  azurePayload({ alertId, firedAtEpochMs: minute(0), resolvedAtEpochMs: minute(resolvedMinute) }),
]
const opened = (minutes: number, eventMinute = minutes): Said => [
  minutes,
  'event-grid',
  circuitBreakerPayload('Opened', minute(eventMinute)),
]
const closed = (minutes: number, eventMinute = minutes): Said => [
  minutes,
  'event-grid',
  circuitBreakerPayload('Closed', minute(eventMinute)),
]

async function live(
  said: readonly Said[],
  change: Partial<AlertClimate> = {},
  more: (world: AlertWorld) => void = () => undefined,
): Promise<AlertWorld> {
  const world = createAlertWorld(1, { ...CALM, webhooks: WEBHOOKS, ...change })
  for (const [minutes, webhook, payload] of said) world.tell(webhook, minutes * MINUTE_MS, () => payload)
  more(world)
  await world.simulation.run()
  assert.deepEqual(world.defects, [])
  return world
}

const operationsOf = ({ store }: AlertWorld): readonly StoredOperation[] =>
  [...store.rows.operations.values()]
    .map(({ value }) => value)
    .toSorted((a, b) => (a.requestedAt < b.requestedAt ? -1 : 1))

/** As it is read: the verdict's column covers what was written with the operation. */
function effectOf({ store }: AlertWorld, { id, effect }: StoredOperation): Effect | undefined {
  return store.rows.effects.get(id) ?? effect
}

interface Shown {
  readonly verdict: EffectVerdict | undefined
  /** Minutes after the start, rounded. */
  readonly decided: number | undefined
  readonly evidence: readonly string[] | undefined
}

function shown(effect: Effect | undefined): Shown {
  const decided = effect?.decidedAt
  return {
    verdict: effect?.verdict,
    decided: decided === undefined ? undefined : Math.round((Date.parse(decided) - START_EPOCH_MS) / MINUTE_MS),
    evidence: effect?.evidence.map(({ kind }) => kind),
  }
}

/** The verdict on the first reconnect: as the operation has it, and as the audit told it, each time. */
function first(world: AlertWorld): { readonly last: Shown; readonly told: readonly string[] } {
  const [operation] = operationsOf(world)
  assert.ok(operation)
  assert.equal(operation.state, 'forwarded')
  const events = world.verdicts.filter(({ decided }) => decided.operationId === operation.id)
  return {
    last: shown(effectOf(world, operation)),
    told: events.map(({ decided: { effect, corrected } }) => `${effect.verdict}${corrected ? ' corrected' : ''}`),
  }
}

type Row = readonly [
  title: string,
  said: readonly Said[],
  verdict: EffectVerdict,
  decided: number,
  evidence: readonly string[],
]

function table(rows: readonly Row[]): void {
  for (const [title, said, verdict, decided, evidence] of rows)
    it(`${title}: ${verdict}`, async () => {
      const { last, told } = first(await live(said))
      assert.deepEqual({ ...last, told }, { verdict, decided, evidence, told: [verdict] })
    })
}

describe('an alert that waited longer in the queue than the reconnect that it joined', () => {
  it('is behind that reconnect: without it, nothing is recovered', async () => {
    // Azure Resource Manager comes back when the second alert fires, and the second alert is delivered first.
    const arm = (sinceStartMs: number) => (sinceStartMs < 25 * MINUTE_MS ? 'away' : 'up')
    const said = [
      firing('alertmanager', 0, 'f1'),
      firing('alertmanager', 25, 'f2', 25),
      resolved('alertmanager', 32, 32, 'f2'),
    ]
    const world = await live(said, { arm })
    const [first, second] = operationsOf(world)
    assert.ok(second)
    assert.deepEqual([first?.state, first?.joined, second.state], ['joined', second.id, 'forwarded'])
    assert.equal(effectOf(world, second)?.verdict, 'not-recovered')
  })
})

/** Due in minute 2, settled in minute 7, decided by minute 32. */
for (const webhook of ['alertmanager', 'grafana'])
  describe(`${webhook} (due in minute 2)`, () =>
    table([
      ['resolved after due', [firing(webhook, 0), resolved(webhook, 6)], 'recovered', 6, ['resolved']],
      [
        'resolved before due, decided at due',
        [firing(webhook, 0), resolved(webhook, 1)],
        'recovered-early',
        2,
        ['resolved'],
      ],
      [
        'told late that it ended before due',
        [firing(webhook, 0), resolved(webhook, 6, 1)],
        'recovered-early',
        6,
        ['resolved'],
      ],
      ['still firing after settle', [firing(webhook, 0), firing(webhook, 10)], 'not-recovered', 10, ['fired']],
      [
        'still firing within settle, and then resolved',
        [firing(webhook, 0), firing(webhook, 4), resolved(webhook, 9)],
        'recovered',
        9,
        ['resolved'],
      ],
      [
        'fired again after it was resolved before due',
        [firing(webhook, 0), resolved(webhook, 1), firing(webhook, 1.5, 'f1', 1.4), resolved(webhook, 9)],
        'recovered',
        9,
        ['resolved'],
      ],
      ['silence, as when traffic simply stopped', [firing(webhook, 0)], 'not-recovered', 32, []],
      [
        'resolved twice',
        [firing(webhook, 0), resolved(webhook, 6), resolved(webhook, 6.2, 6), resolved(webhook, 7, 6)],
        'recovered',
        6,
        ['resolved'],
      ],
      [
        'a firing notification that comes before due and late, behind the resolved one',
        [firing(webhook, 0), resolved(webhook, 1.2, 1), firing(webhook, 1.5)],
        'recovered-early',
        2,
        ['resolved'],
      ],
      ['another alert resolved', [firing(webhook, 0), resolved(webhook, 6, 6, 'f9')], 'not-recovered', 32, []],
      [
        'one of two alerts resolved',
        [firing(webhook, 0), firing(webhook, 0.5, 'f2'), resolved(webhook, 6)],
        'not-recovered',
        32,
        ['resolved'],
      ],
      [
        'both of two alerts resolved',
        [firing(webhook, 0), firing(webhook, 0.5, 'f2'), resolved(webhook, 6), resolved(webhook, 9, 9, 'f2')],
        'recovered',
        9,
        ['resolved', 'resolved'],
      ],
      [
        'of two alerts, one ended before due',
        [firing(webhook, 0), firing(webhook, 0.5, 'f2'), resolved(webhook, 1), resolved(webhook, 9, 9, 'f2')],
        'recovered-early',
        9,
        ['resolved', 'resolved'],
      ],
    ]))

/** Due in minute 2, settled in minute 12, decided by minute 47. */
describe('azure-monitor (due in minute 2, resolved 15 minutes late)', () => {
  table([
    ['resolved 8 minutes after due: healthy before it', [fired(0), cleared(10)], 'recovered-early', 10, ['resolved']],
    ['resolved 18 minutes after due', [fired(0), cleared(20)], 'recovered', 20, ['resolved']],
    ['fired again under another id', [fired(0), fired(13, 'a2')], 'not-recovered', 13, ['fired']],
    ['the first notification twice, late', [fired(0), fired(14, 'a1', 0), cleared(20)], 'recovered', 20, ['resolved']],
    ['another alert resolved', [fired(0), cleared(20, 20, 'a7')], 'not-recovered', 47, []],
    ['silence of a rule that fires once', [fired(0)], 'not-recovered', 47, []],
  ])
})

/** Due in minute 2, settled in minute 12, decided by minute 47. */
describe('event-grid (due in minute 2): Closed is a timer of the gateway', () => {
  table([
    ['closed after due, and quiet', [opened(0), closed(3)], 'recovered', 13, ['closed', 'quiet']],
    ['closed before due says nothing', [opened(0), closed(1)], 'not-recovered', 47, []],
    ['opened again after settle', [opened(0), closed(3), opened(12.5)], 'not-recovered', 13, ['fired']],
    [
      'opened again within settle, and then closed for good',
      [opened(0), closed(3), opened(5), closed(6)],
      'recovered',
      16,
      ['closed', 'quiet'],
    ],
    ['closed twice', [opened(0), closed(3), closed(3.1, 3)], 'recovered', 13, ['closed', 'quiet']],
    [
      'Opened comes behind the Closed that followed it',
      [opened(0), closed(4), opened(4.5, 3)],
      'recovered',
      14,
      ['closed', 'quiet'],
    ],
    ['an old Opened comes late', [opened(0), opened(14, 1)], 'not-recovered', 47, []],
    ['closed just before decideBy: not quiet for long enough', [opened(0), closed(40)], 'unknown', 47, ['closed']],
    ['silence', [opened(0)], 'not-recovered', 47, []],
  ])
})

describe('senders that do not confirm', () => {
  table([
    ['silence of a stateless rule', [firing('stateless', 0)], 'unknown', 32, []],
    ['a stateless rule fires again', [firing('stateless', 0), firing('stateless', 10)], 'not-recovered', 10, ['fired']],
    [
      'what it says of the end counts for nothing',
      [firing('stateless', 0), resolved('stateless', 6)],
      'unknown',
      32,
      [],
    ],
    [
      'a sender that confirms has joined it, and was resolved',
      [firing('stateless', 0), firing('alertmanager', 0.5), resolved('alertmanager', 6)],
      'recovered',
      6,
      ['resolved'],
    ],
  ])

  it('a generic sender gets unknown at once, and no event', async () => {
    const world = await live([], {}, ({ post }) => post('b', 0))
    assert.deepEqual(first(world), { last: { verdict: 'unknown', decided: 0, evidence: [] }, told: [] })
  })

  it('a generic alert says nothing of an earlier reconnect', async () => {
    const world = await live([firing('alertmanager', 0), resolved('alertmanager', 12)], {}, ({ post }) =>
      post('b', 10 * MINUTE_MS),
    )
    assert.deepEqual(first(world).told, ['recovered'])
  })

  it('a person gets unknown at once, and no event', async () => {
    const world = await live([], {}, ({ reconnect }) => reconnect('b', 0))
    assert.deepEqual(first(world), { last: { verdict: 'unknown', decided: 0, evidence: [] }, told: [] })
  })
})

describe('a verdict by silence', () => {
  const silent = [firing('alertmanager', 0)]

  it('is corrected by a late resolve, once', async () => {
    const late = [resolved('alertmanager', 50, 40), resolved('alertmanager', 51, 40), resolved('alertmanager', 55)]
    const { last, told } = first(await live([...silent, ...late]))
    assert.deepEqual(told, ['not-recovered', 'recovered corrected'])
    assert.deepEqual(last, { verdict: 'recovered', decided: 50, evidence: ['resolved'] })
  })

  it('is corrected to recovered-early where the alert had ended before due', async () => {
    const { told } = first(await live([...silent, resolved('alertmanager', 50, 1)]))
    assert.deepEqual(told, ['not-recovered', 'recovered-early corrected'])
  })

  it('is corrected within 24 hours and not later', async () => {
    const late = (hours: number) => live([...silent, resolved('alertmanager', 32 + hours * HOUR)])
    assert.deepEqual(first(await late(23.9)).told, ['not-recovered', 'recovered corrected'])
    assert.deepEqual(first(await late(24.1)).told, ['not-recovered'])
  })

  it('is not corrected once another reconnect was sent: the recovery may be its own', async () => {
    const { told } = first(
      await live([...silent, resolved('alertmanager', 50)], {}, ({ reconnect }) => reconnect('b', 40 * MINUTE_MS)),
    )
    assert.deepEqual(told, ['not-recovered'])
  })

  it('is corrected by a circuit breaker that closes late and stays quiet', async () => {
    const { last, told } = first(await live([opened(0), closed(60)]))
    assert.deepEqual(told, ['not-recovered', 'recovered corrected'])
    assert.deepEqual([last.decided, last.evidence], [70, ['closed', 'quiet']])
  })

  it('is final where an alert fired', async () => {
    const { told } = first(await live([...silent, firing('alertmanager', 10), resolved('alertmanager', 11)]))
    assert.deepEqual(told, ['not-recovered'])
  })
})

describe('superseded', () => {
  it('another reconnect of the backend counted before it was due', async () => {
    const world = await live([firing('alertmanager', 0)], {}, ({ reconnect }) =>
      reconnect('b', MINUTE_MS, { force: true }),
    )
    const { last, told } = first(world)
    assert.deepEqual([last.verdict, last.decided, told], ['superseded', 1, ['superseded']])
  })

  it('is not said of a reconnect that was due', async () => {
    const world = await live([firing('alertmanager', 0), resolved('alertmanager', 6)], {}, ({ reconnect }) =>
      reconnect('b', 3 * MINUTE_MS),
    )
    assert.deepEqual(first(world).told, ['recovered'])
  })
})

describe('more alerts than can be known by name', () => {
  const many = (count: number): readonly Said[] => {
    const names = Array.from({ length: count }, (_, index) => `f${index}`)
    return [
      [
        0,
        'alertmanager',
        prometheusPayload(...names.map((fingerprint) => ({ fingerprint, startsAtEpochMs: minute(0) }))),
      ],
      [
        6,
        'alertmanager',
        prometheusPayload(
          ...names.map((fingerprint) => ({ fingerprint, startsAtEpochMs: minute(0), endsAtEpochMs: minute(5) })),
        ),
      ],
    ]
  }

  it('16 that were all resolved: recovered', async () =>
    assert.deepEqual(first(await live(many(16))).told, ['recovered']))

  it('17, of which all that are known were resolved: unknown, since one may fire', async () => {
    const { last, told } = first(await live(many(17)))
    assert.deepEqual([last.decided, told], [32, ['unknown']])
  })
})

describe('limits.notHelping', () => {
  const every10Minutes = (count: number): readonly Said[] =>
    Array.from({ length: count }, (_, index) => firing('alertmanager', index * 10))
  const outcomes = ({ events }: AlertWorld): readonly string[] =>
    events.flatMap(({ outcome, failure, tries }) =>
      tries === undefined ? [] : [failure === undefined ? outcome : `${outcome} ${failure.reason}`],
    )

  it('after three reconnects that did not help, alerts are exhausted, and nothing is sent', async () => {
    const world = await live(every10Minutes(6))
    assert.deepEqual(outcomes(world), [
      'forwarded',
      'forwarded',
      'forwarded',
      ...Array.from({ length: 3 }, () => 'exhausted not_helping'),
    ])
    assert.equal(world.posts.length, 3)
    assert.deepEqual(
      operationsOf(world)
        .map(({ error }) => error?.code)
        .slice(3),
      ['not_helping', 'not_helping', 'not_helping'],
    )
  })

  it('alerts of any other webhook are exhausted too', async () => {
    const world = await live(every10Minutes(3), {}, ({ post }) => post('b', 40 * MINUTE_MS))
    assert.deepEqual(
      outcomes(world),
      ['forwarded', 'forwarded', 'forwarded', 'forwarded'],
      'the third is not decided yet',
    )
    const later = await live(every10Minutes(4), {}, ({ post }) => post('b', 40 * MINUTE_MS))
    assert.deepEqual(outcomes(later).slice(3), ['exhausted not_helping', 'exhausted not_helping'])
  })

  it('other backends are not', async () => {
    const world = await live(every10Minutes(4), {}, ({ post }) => post('other', 40 * MINUTE_MS))
    assert.deepEqual(outcomes(world).slice(3), ['exhausted not_helping', 'forwarded'])
  })

  it('a reconnect that helped ends the row', async () => {
    const world = await live([
      ...every10Minutes(3),
      resolved('alertmanager', 23),
      ...[40, 50, 60, 70].map((minutes) => firing('alertmanager', minutes, 'f1', 39)),
    ])
    assert.deepEqual(outcomes(world), [...Array.from({ length: 6 }, () => 'forwarded'), 'exhausted not_helping'])
  })

  it('a correction takes its verdict out of the row', async () => {
    const quiet = [firing('alertmanager', 0), firing('alertmanager', 10), firing('alertmanager', 20)]
    const more = [60, 70].map((minutes) => firing('alertmanager', minutes, 'f2', 59))
    assert.deepEqual(outcomes(await live([...quiet, ...more])).slice(3), [
      'exhausted not_helping',
      'exhausted not_helping',
    ])
    const corrected = await live([...quiet, resolved('alertmanager', 55, 1), ...more])
    assert.deepEqual(outcomes(corrected).slice(3), ['forwarded', 'exhausted not_helping'])
  })

  for (const [what, force] of [
    ['a reconnect by a person that was forwarded', false],
    ['a forced one', true],
  ] as const)
    it(`${what} ends the row`, async () => {
      const world = await live([...every10Minutes(4), firing('alertmanager', 45)], {}, ({ reconnect }) =>
        reconnect('b', 35 * MINUTE_MS, { force }),
      )
      assert.deepEqual(outcomes(world).slice(3), ['exhausted not_helping', 'forwarded'])
    })

  it('a reconnect by a person that joined ends the row', async () => {
    // The third reconnect is due in minute 22: the person joins it in minute 21, when two have not helped.
    const world = await live(
      [...every10Minutes(3), firing('alertmanager', 30), firing('alertmanager', 40)],
      {},
      (world) => world.reconnect('b', 21 * MINUTE_MS),
    )
    assert.equal(operationsOf(world).filter(({ state }) => state === 'joined').length, 1)
    assert.deepEqual(
      outcomes(world),
      Array.from({ length: 5 }, () => 'forwarded'),
    )
  })
})
