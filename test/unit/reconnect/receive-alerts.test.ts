import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { toAlertsReply } from '../../../src/http/alerts-reply.ts'
import type { OperationId } from '../../../src/domain/operation-id.ts'
import { tellAlerts, type AlertStory, type AlertTold } from '../../support/alert-story.ts'
import { anAcceptedAlert } from '../../support/an-operation.ts'
import { aBackend, IDS } from '../../support/builders.ts'
import { createCore } from '../../support/core.ts'

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
  it('framing → verify the sender → media type → payload → store', async () => {
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
    ['not verified', { refused: { reason: 'webhook_secret' } }, 401, 'webhook_secret', ['framing', 'verify']],
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
      durationMs: 10,
    })
  })

  it('joined: accepted with the operation of the earlier one, and why; the event says joined', async () => {
    const first = await tellAlerts()
    const told = await tellAlerts({ core: first.core })
    const [answer] = wireOf(told).body.alerts ?? []
    assert.deepEqual(
      [wireOf(told).status, answer?.outcome, answer?.operation, answer?.reason],
      [202, 'accepted', first.queued[0]?.operation.id, 'covered by the operation of an earlier alert'],
    )
    assert.deepEqual([told.events[0]?.outcome, told.events[0]?.joined, told.queued], ['joined', answer?.operation, []])
  })

  it('beyond the loop guard: 200 with the outcome exhausted, and the event says so', async () => {
    const first = await tellAlerts()
    const id = first.queued[0]?.operation.id as OperationId
    const updatedAt = new Date(first.core.clock.now()).toISOString()
    first.core.putRow({ ...anAcceptedAlert(), id, state: 'exhausted', updatedAt })
    const told = await tellAlerts({ core: first.core })
    assert.deepEqual([wireOf(told).status, outcomesOf(told), told.queued], [200, ['exhausted'], []])
    assert.match(wireOf(told).body.alerts?.[0]?.reason ?? '', /limit .* was reached/)
    assert.deepEqual(
      told.events.map(({ outcome, joined }) => [outcome, joined]),
      [['exhausted', id]],
    )
  })

  it('denied: 403 only when all that fire are; the event has the reason', async () => {
    const alone = await tellAlerts({ body: backends(ELSEWHERE) })
    assert.deepEqual(
      [wireOf(alone).status, wireOf(alone).body.error?.code, outcomesOf(alone)],
      [403, 'AuthorizationFailed', ['denied']],
    )
    assert.deepEqual(
      [alone.events[0]?.outcome, alone.events[0]?.reason, alone.events[0]?.fault],
      ['denied', 'not_granted', 'caller'],
    )
    const mixed = await tellAlerts({ body: backends(ELSEWHERE, ORDERS) })
    assert.deepEqual([wireOf(mixed).status, outcomesOf(mixed)], [202, ['denied', 'accepted']])
    const withInvalid = await tellAlerts({ body: backends(ELSEWHERE, 'nonsense') })
    assert.deepEqual([wireOf(withInvalid).status, outcomesOf(withInvalid)], [200, ['denied', 'invalid']])
  })

  it('invalid, unmatched, resolved: 200, each with its event, and nothing is stored', async () => {
    const invalid = await tellAlerts({ body: backends(`${ORDERS}/..`) })
    assert.deepEqual(
      [wireOf(invalid).status, outcomesOf(invalid), invalid.events[0]?.outcome, invalid.events[0]?.reason],
      [200, ['invalid'], 'invalid', 'target_invalid'],
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
  it('dry-run and off: recorded, 200, nothing queued', async () => {
    for (const [mode, outcome] of [
      ['dry-run', 'dry-run'],
      ['off', 'switched-off'],
    ] as const) {
      const told = await tellAlerts({ mode })
      const operation = wireOf(told).body.alerts?.[0]?.operation as OperationId
      assert.equal(told.core.row(operation)?.state, mode === 'off' ? 'failed' : 'dry-run')
      assert.equal(told.events[0]?.reason, mode === 'off' ? 'switched_off' : undefined)
      assert.deepEqual(
        [wireOf(told).status, outcomesOf(told), told.events[0]?.outcome, told.steps.at(-1)],
        [200, [outcome], outcome, 'record'],
      )
    }
  })
})

describe('storage is away', () => {
  it('503, although some are stored: the sender tries again, and those join; every alert has its event', async () => {
    const told = await tellAlerts({
      body: backends(ORDERS, `${ORDERS}2`, `${ORDERS}3`),
      queueFails: (backend) => backend === `${ORDERS}2`,
    })
    assert.deepEqual([wireOf(told).status, wireOf(told).body.error?.code], [503, 'ServiceUnavailable'])
    assert.deepEqual(
      told.events
        .map(({ outcome, reason, detail }) => [outcome, reason, detail].join(' '))
        .toSorted((a, b) => (a < b ? -1 : 1)),
      ['accepted  ', 'accepted  ', 'failed storage_unavailable queue: busy'],
    )
  })

  it('a row that could not be written is in the event, and not in the answer', async () => {
    const core = createCore()
    core.faults.next('commit', 'fails')
    const told = await tellAlerts({ core })
    assert.deepEqual([wireOf(told).status, told.events[0]?.notRecorded], [202, true])
  })
})

describe('many', () => {
  it('500 alerts: as many answers in the same order, as many events, 64 at once at most', async () => {
    const ids = Array.from({ length: 500 }, (_, index) => `${ORDERS}-${index}`)
    const told = await tellAlerts({ body: backends(...ids) })
    assert.deepEqual(
      wireOf(told).body.alerts?.map(({ backend }) => backend),
      ids,
    )
    assert.deepEqual([told.events.length, told.queued.length], [500, 500])
    assert.equal(told.atOnce, 64)
  })

  it('no alerts: 200 and an empty list, and one event', async () => {
    const told = await tellAlerts({ body: backends() })
    assert.deepEqual(wireOf(told), { status: 200, body: { alerts: [] } })
    assert.deepEqual(
      told.events.map(({ outcome }) => outcome),
      ['empty'],
    )
  })

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
    assert.deepEqual(
      told.events.map(({ outcome, caller }) => [outcome, caller?.id]),
      [['handshake', 'w']],
    )
  })
})
