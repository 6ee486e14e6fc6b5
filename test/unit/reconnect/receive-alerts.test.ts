import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { toAlertsReply } from '../../../src/http/alerts-reply.ts'
import type { Operation } from '../../../src/domain/operation.ts'
import { tellAlerts, type AlertStory, type AlertTold } from '../../support/alert-story.ts'
import { aBackend, IDS } from '../../support/builders.ts'

const ORDERS = aBackend().resourceId
const ELSEWHERE = aBackend({ resourceGroupName: 'rg-other' }).resourceId
const backends = (...ids: string[]) => ({ backends: ids })

interface Wire {
  readonly status: number
  readonly body: {
    readonly alerts?: readonly { outcome: string; backend: string | null; operation?: string; reason?: string }[]
    readonly error?: { code: string }
  }
}
const wireOf = ({ received }: AlertTold): Wire => {
  const { status, body } = toAlertsReply(received, IDS.correlationId)
  return { status, body: JSON.parse(body ?? '{}') as Wire['body'] }
}
const outcomesOf = (told: AlertTold) => wireOf(told).body.alerts?.map(({ outcome }) => outcome)

describe('the order', () => {
  it('framing → believe the sender → media type → payload → hold', async () => {
    assert.deepEqual((await tellAlerts()).steps, ['framing', 'verify', 'type of generic', 'accept', 'enqueue'])
  })

  const refusals: readonly [string, AlertStory, number, string, readonly string[]][] = [
    [
      'too large',
      { framing: { ok: false, error: { reason: 'body_too_large', limitBytes: 1 } } },
      413,
      'body_too_large',
      ['framing'],
    ],
    ['not believed', { refused: { reason: 'webhook_secret' } }, 401, 'webhook_secret', ['framing', 'verify']],
    [
      'keys away',
      { refused: { reason: 'keys_unavailable', detail: '', retryAfterSeconds: 3 } },
      503,
      'keys_unavailable',
      ['framing', 'verify'],
    ],
    [
      'another media type',
      { mediaType: { ok: false, error: { reason: 'media_type_unsupported' } } },
      415,
      'media_type_unsupported',
      ['framing', 'verify', 'type of generic'],
    ],
    ['no JSON', { body: '{' }, 400, 'payload_invalid', ['framing', 'verify', 'type of generic']],
    ['another format', { body: { alerts: [] } }, 400, 'payload_invalid', ['framing', 'verify', 'type of generic']],
    [
      'too many',
      { body: backends(...Array.from({ length: 501 }, (_, index) => `${ORDERS}${index}`)) },
      413,
      'too_many_alerts',
      ['framing', 'verify', 'type of generic'],
    ],
    ['a defect', { breaks: 'verify' }, 500, 'defect', ['framing', 'verify']],
  ]
  for (const [what, story, status, reason, steps] of refusals) {
    it(`${what}: ${status}, one audit event, and nothing after it`, async () => {
      const told = await tellAlerts(story)
      assert.deepEqual([wireOf(told).status, told.steps], [status, steps])
      const [event, ...more] = told.events
      assert.deepEqual(
        [event?.reason, event?.trigger, event?.correlationId, more],
        [reason, { kind: 'webhook', webhook: 'w' }, IDS.correlationId, []],
      )
    })
  }
})

describe('an alert', () => {
  it('accepted: 202 with its operation; the message has everything; one event', async () => {
    const told = await tellAlerts({ body: { ...backends(ORDERS), id: 'run-1', after: 'PT3M' } })
    const [queued] = told.queued
    assert.ok(queued)
    assert.deepEqual(wireOf(told), {
      status: 202,
      body: { alerts: [{ backend: ORDERS, outcome: 'accepted', operation: queued.operation.id }] },
    })
    assert.deepEqual(
      [queued.trigger, queued.after?.text, queued.tries, queued.correlationId, queued.backend.resourceId],
      [{ kind: 'webhook', webhook: 'w', alertId: 'run-1' }, 'PT3M', 0, IDS.correlationId, ORDERS],
    )
    const [event, ...more] = told.events
    assert.deepEqual(more, [])
    assert.deepEqual(event, {
      event: 'reconnect.decision',
      operationId: queued.operation.id,
      correlationId: IDS.correlationId,
      clientRequestId: IDS.clientRequestId,
      caller: { kind: 'webhook', id: 'w' },
      trigger: { kind: 'webhook', webhook: 'w', alertId: 'run-1' },
      backend: ORDERS,
      after: 'PT3M',
      mode: 'on',
      outcome: 'accepted',
      durationMs: 0,
    })
  })

  it('joined: accepted with the operation of the earlier one, and why; the event says joined', async () => {
    const told = await tellAlerts({ accept: (operation) => ({ kind: 'joined', operation }) })
    const [answer] = wireOf(told).body.alerts ?? []
    assert.deepEqual(
      [wireOf(told).status, answer?.outcome, answer?.reason],
      [202, 'accepted', 'covered by the operation of an earlier alert'],
    )
    assert.deepEqual([told.events[0]?.outcome, told.events[0]?.joined, told.queued], ['joined', answer?.operation, []])
  })

  it('beyond the loop guard: the event is exhausted', async () => {
    const told = await tellAlerts({
      accept: (operation) => ({ kind: 'joined', operation: { ...operation, state: 'exhausted' } satisfies Operation }),
    })
    assert.equal(told.events[0]?.outcome, 'exhausted')
  })

  it('denied: 403 only when all that fire are; the event has the reason', async () => {
    const alone = await tellAlerts({ body: backends(ELSEWHERE) })
    assert.deepEqual(
      [wireOf(alone).status, wireOf(alone).body.error?.code, outcomesOf(alone)],
      [403, 'AuthorizationFailed', ['denied']],
    )
    assert.deepEqual(
      [alone.events[0]?.outcome, alone.events[0]?.reason, alone.events[0]?.fault],
      ['refused', 'not_granted', 'caller'],
    )
    const mixed = await tellAlerts({ body: backends(ELSEWHERE, ORDERS) })
    assert.deepEqual([wireOf(mixed).status, outcomesOf(mixed)], [202, ['denied', 'accepted']])
    const withInvalid = await tellAlerts({ body: backends(ELSEWHERE, 'nonsense') })
    assert.deepEqual([wireOf(withInvalid).status, outcomesOf(withInvalid)], [200, ['denied', 'invalid']])
  })

  it('invalid, unmatched, resolved: 200, each with its event, and nothing is held', async () => {
    const invalid = await tellAlerts({ body: backends(`${ORDERS}/..`) })
    assert.deepEqual(
      [wireOf(invalid).status, outcomesOf(invalid), invalid.events[0]?.outcome, invalid.events[0]?.reason],
      [200, ['invalid'], 'refused', 'target_invalid'],
    )
    const webhook = { format: 'alertmanager', backend: '{id}', match: { team: 'blue' } } as const
    const alerts = [
      { status: 'resolved', labels: {} },
      { status: 'firing', labels: { team: 'red' } },
      { status: 'firing', labels: { team: 'blue' } },
    ]
    const told = await tellAlerts({ webhook, body: { alerts } })
    assert.deepEqual([wireOf(told).status, outcomesOf(told)], [200, ['resolved', 'unmatched', 'unmatched']])
    assert.deepEqual(
      told.events.map(({ outcome, fault }) => [outcome, fault]),
      [
        ['resolved', undefined],
        ['unmatched', undefined],
        ['unmatched', undefined],
      ],
    )
    assert.match(told.events[1]?.detail ?? '', /match: 'team'/)
    assert.ok(!told.steps.includes('accept'))
  })

  it('after: the alert’s own before the webhook’s', async () => {
    const webhook = { after: 'PT10M' }
    assert.deepEqual(
      (await tellAlerts({ webhook })).queued.map(({ after }) => after?.text),
      ['PT10M'],
    )
    assert.deepEqual(
      (await tellAlerts({ webhook, body: { ...backends(ORDERS), after: 'PT1M' } })).queued.map(
        ({ after }) => after?.text,
      ),
      ['PT1M'],
    )
  })
})

describe('modes', () => {
  it('dry-run and off: noted, 200, nothing queued', async () => {
    for (const [mode, outcome] of [
      ['dry-run', 'dry-run'],
      ['off', 'switched-off'],
    ] as const) {
      const told = await tellAlerts({ mode })
      assert.deepEqual(
        [wireOf(told).status, outcomesOf(told), told.events[0]?.outcome, told.steps.at(-1)],
        [200, [outcome], outcome, 'note'],
      )
    }
  })
})

describe('storage is away', () => {
  it('503, although some are stored: the sender tries again, and those join; each alert has its event', async () => {
    const told = await tellAlerts({
      body: backends(ORDERS, `${ORDERS}2`, `${ORDERS}3`),
      accept: (operation, nth) =>
        nth === 1 ? { kind: 'unavailable', detail: 'queue: busy' } : { kind: 'accepted', operation, recorded: true },
    })
    assert.deepEqual([wireOf(told).status, wireOf(told).body.error?.code], [503, 'ServiceUnavailable'])
    assert.deepEqual(
      told.events
        .map(({ outcome, reason, detail }) => [outcome, reason, detail].join(' '))
        .toSorted((a, b) => (a < b ? -1 : 1)),
      ['accepted  ', 'accepted  ', 'failed storage_unavailable queue: busy'],
    )
  })

  it('a row that could not be written does not matter to the sender, and is in the event', async () => {
    const told = await tellAlerts({ accept: (operation) => ({ kind: 'accepted', operation, recorded: false }) })
    assert.deepEqual([wireOf(told).status, told.events[0]?.notRecorded], [202, true])
  })
})

describe('many', () => {
  it('500 alerts: as many answers and events, in order, 64 at once at the most', async () => {
    const ids = Array.from({ length: 500 }, (_, index) => `${ORDERS}-${index}`)
    const told = await tellAlerts({ body: backends(...ids) })
    assert.deepEqual(
      wireOf(told).body.alerts?.map(({ backend }) => backend),
      ids,
    )
    assert.deepEqual([told.events.length, told.queued.length], [500, 500])
    assert.ok(told.atOnce > 10 && told.atOnce <= 64, String(told.atOnce))
  })

  it('no alerts at all: 200 and an empty list', async () =>
    assert.deepEqual(wireOf(await tellAlerts({ body: backends() })), { status: 200, body: { alerts: [] } }))

  it('a defect in one of them is ours: 500, and an event', async () => {
    const told = await tellAlerts({ breaks: 'accept' })
    assert.deepEqual([wireOf(told).status, told.events[0]?.reason, told.events[0]?.fault], [500, 'defect', 'us'])
  })
})

describe('Event Grid’s validation', () => {
  it('is answered with its code', async () => {
    const told = await tellAlerts({
      webhook: { format: 'event-grid' },
      body: [{ eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent', data: { validationCode: 'c0de' } }],
    })
    assert.deepEqual(wireOf(told), { status: 200, body: { validationResponse: 'c0de' } })
  })
})
