/** What a pause, and a webhook's own dry run, change about alerts and their deliveries (contract, sections 5 and 11). */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { WebhookConfig } from '../../../src/config/config.ts'
import { webhookCaller } from '../../../src/domain/caller.ts'
import type { DecisionFacts } from '../../../src/domain/decision.ts'
import type { Mode } from '../../../src/domain/mode.ts'
import { startOperation, type StoredOperation } from '../../../src/domain/operation.ts'
import type { OperationId } from '../../../src/domain/operation-id.ts'
import type { QueuedAlert } from '../../../src/domain/queued-alert.ts'
import type { UnactedDelivery } from '../../../src/domain/unacted-delivery.ts'
import { createGrantIndex } from '../../../src/policy/grant-index.ts'
import type { AlertPorts } from '../../../src/reconnect/alert-ports.ts'
import { deliver } from '../../../src/reconnect/deliver.ts'
import type { DeliveryPorts } from '../../../src/reconnect/delivery-ports.ts'
import { MessageComesBack } from '../../../src/reconnect/message-comes-back.ts'
import type { PauseFound } from '../../../src/reconnect/operator-ports.ts'
import type { Lease } from '../../../src/reconnect/ports.ts'
import { receiveAlerts } from '../../../src/reconnect/receive-alerts.ts'
import { err, ok } from '../../../src/shared/result.ts'
import { aPause, aScope, SUBSCRIPTION } from '../../support/a-pause.ts'
import { aBackend, aDeadline, aDuration, aPermit, aPrincipal, IDS } from '../../support/builders.ts'
import { createFakeClock, START_EPOCH_MS } from '../../support/fake-clock.ts'
import { NO_EFFECTS } from '../../support/no-effects.ts'

const ID = 'op' as OperationId
const PAUSE = aPause({ untilEpochMs: START_EPOCH_MS + 600_000 })
const PAUSED: PauseFound = { kind: 'paused', pause: PAUSE }
const NONE: PauseFound = { kind: 'none' }
const UNKNOWN: PauseFound = { kind: 'unknown' }
const grants = createGrantIndex([
  { index: 0, principal: aPrincipal('webhook:w'), scope: aScope(SUBSCRIPTION), actions: ['reconnect'] },
])
const describeFailure = ({ reason }: { reason: string }) => ({ code: reason, message: reason })

interface World {
  readonly found?: PauseFound
  readonly mode?: Mode
  readonly webhookMode?: 'on' | 'dry-run'
}

/** One alert posted to the webhook `w`. */
async function post({ found = NONE, mode = 'on', webhookMode }: World, backends = [aBackend().resourceId]) {
  const clock = createFakeClock()
  const events: DecisionFacts[] = []
  const stored: string[] = []
  const noted: (Omit<UnactedDelivery, 'at'> & { readonly webhook: string })[] = []
  const asked: string[] = []
  const ports: AlertPorts = {
    grants,
    mode,
    clock,
    apiVersion: '2024-05-01',
    describe: describeFailure,
    createOperationId: () => ID,
    enqueue: () => assert.fail('the batch stores the message'),
    effects: NO_EFFECTS,
    auditEffect: () => undefined,
    batches: {
      async accept(permit) {
        stored.push(permit.command.backend.backendId)
        return { kind: 'accepted', operation: startOperation(permit, ID, clock.now()), recorded: true }
      },
    },
    operations: {
      record: async ({ state }) => (stored.push(state), true),
      find: () => assert.fail(),
      finish: () => assert.fail(),
    },
    pauses: { find: async (backend, webhook) => (asked.push(`${webhook} ${backend.backendId}`), found) },
    deliveries: { note: (webhook, delivery) => noted.push({ webhook, ...delivery }) },
    audit: (facts) => events.push(facts),
  }
  const webhook = {
    name: 'w',
    format: 'generic',
    ...(webhookMode === undefined ? {} : { mode: webhookMode }),
    authentication: { type: 'bearer', secret: 'S' },
    secrets: ['x'],
  } as unknown as WebhookConfig
  const received = await receiveAlerts(
    {
      ids: IDS,
      webhookName: 'w',
      checkFraming: () => ok(undefined),
      verify: async () => ok({ webhook, caller: webhookCaller('w'), body: Buffer.from(JSON.stringify({ backends })) }),
      checkMediaType: () => ok(undefined),
    },
    ports,
  )
  assert.ok(received.ok && received.value.kind === 'alerts')
  return { alerts: received.value.alerts, events, stored, noted, asked }
}

describe('an alert for a paused backend', () => {
  it('is answered as paused, not stored, noted, and its event names the pause', async () => {
    const { alerts, events, stored, noted } = await post({ found: PAUSED })
    const backend = aBackend().resourceId
    const reason = `Automation is paused for this backend until ${PAUSE.until}.`
    assert.deepEqual(alerts, [{ backend, outcome: 'paused', reason }])
    assert.deepEqual(stored, [])
    assert.deepEqual(noted, [{ webhook: 'w', outcome: 'paused', reason, backend }])
    assert.deepEqual(
      events.map(({ outcome, pauseId, mode }) => [outcome, pauseId, mode]),
      [['paused', PAUSE.id, 'on']],
    )
  })

  it('does not show the sender who paused, and why', async () => {
    const { alerts } = await post({ found: { kind: 'paused', pause: aPause({ reason: 'secret project' }) } })
    assert.doesNotMatch(JSON.stringify(alerts), /secret|ada/)
  })

  it('is denied where the webhook has no grant: pauses are looked at after permission', async () => {
    const { alerts, asked } = await post({ found: PAUSED }, [
      aBackend({ subscriptionId: '99999999-0000-4000-8000-000000000000' }).resourceId,
    ])
    assert.deepEqual([alerts[0]?.outcome, asked], ['denied', []])
  })

  it('is switched off while the app is: no pause decides then', async () => {
    const { alerts, asked } = await post({ found: PAUSED, mode: 'off' })
    assert.deepEqual([alerts[0]?.outcome, asked], ['switched-off', []])
  })

  it('is paused in a dry run too, which decides everything', async () => {
    assert.equal((await post({ found: PAUSED, mode: 'dry-run' })).alerts[0]?.outcome, 'paused')
  })
})

describe('an alert while pauses cannot be read', () => {
  it('acts, and its event says that pauses were not read', async () => {
    const { alerts, events, stored } = await post({ found: UNKNOWN })
    assert.deepEqual([alerts[0]?.outcome, stored], ['accepted', ['orders']])
    assert.deepEqual([events[0]?.pausesUnread, events[0]?.pauseId], [true, undefined])
  })

  it('and one that no pause covers says nothing of pauses', async () => {
    const { events } = await post({})
    assert.deepEqual(
      [events[0]?.outcome, events[0]?.pausesUnread, events[0]?.pauseId],
      ['accepted', undefined, undefined],
    )
  })
})

describe('a webhook with mode dry-run', () => {
  it('records everything as a dry run and stores no message', async () => {
    const { alerts, events, stored } = await post({ webhookMode: 'dry-run' })
    assert.deepEqual([alerts[0]?.outcome, stored], ['dry-run', ['dry-run']])
    assert.deepEqual([events[0]?.outcome, events[0]?.mode], ['dry-run', 'dry-run'])
  })

  it('is overruled by RECONNECT_MODE off, and widens nothing', async () => {
    assert.equal((await post({ webhookMode: 'dry-run', mode: 'off' })).alerts[0]?.outcome, 'switched-off')
    assert.equal((await post({ webhookMode: 'on', mode: 'dry-run' })).alerts[0]?.outcome, 'dry-run')
  })
})

/** One delivery of an alert of the webhook `w`, accepted when the clock starts. */
async function delivery(
  { found = NONE, mode = 'on', webhookMode }: World,
  agoMs = 0,
  beyond?: 'limit_reached' | 'not_helping',
) {
  const clock = createFakeClock()
  const events: DecisionFacts[] = []
  const sent: string[] = []
  const queued: { readonly delayMs: number | undefined; readonly generation: number; readonly tries: number }[] = []
  const released: StoredOperation[] = []
  const acceptedAtEpochMs = clock.now() - agoMs
  const operation = startOperation(aPermit(), ID, acceptedAtEpochMs)
  const lease: Lease = {
    ownerToken: 'token',
    operation,
    complete: async (ended) => (released.push(ended), 'recorded'),
    release: async (ended) => (released.push(ended), 'recorded'),
    decided: () => [],
    leave: () => undefined,
  }
  const alert: QueuedAlert = {
    operation,
    trigger: { kind: 'webhook', webhook: 'w' },
    backend: aBackend(),
    acceptedAtEpochMs,
    generation: 3,
    tries: 2,
    correlationId: IDS.correlationId,
  }
  const ports: DeliveryPorts = {
    grants,
    webhooks: new Map([['w', webhookMode === undefined ? {} : { mode: webhookMode }]]),
    pauses: { find: async () => found },
    mode,
    coordinator: {
      acquireForRequest: () => assert.fail(),
      acquireForDelivery: async () => (beyond === undefined ? { kind: 'lease', lease } : { kind: beyond }),
      recordSent: () => assert.fail(),
      look: () => assert.fail(),
    },
    operations: {
      record: () => assert.fail(),
      find: () => assert.fail(),
      async finish(_id, begun, change) {
        assert.ok(beyond !== undefined)
        return { kind: 'recorded', operation: change(begun) }
      },
    },
    enqueue: async (next, delayMs) => {
      queued.push({ delayMs, generation: next.generation, tries: next.tries })
      return ok(undefined)
    },
    async forward(permit) {
      sent.push(permit.command.backend.backendId)
      return { result: ok({ sentAtEpochMs: clock.now() }), attempts: 1, ambiguous: false }
    },
    rateLimiter: { take: () => 0, throttled: () => undefined },
    deliverWithin: aDuration('PT6H'),
    limit: { count: 6, window: 'PT1H' },
    notHelping: { count: 3 },
    effectSettings: new Map(),
    auditEffect: () => undefined,
    apiVersion: '2024-05-01',
    describe: describeFailure,
    audit: (facts) => events.push(facts),
    clock,
    random: () => 0.5,
  }
  const comesBack = await deliver(alert, aDeadline(clock), ports).then(
    () => false,
    (error: unknown) => {
      if (error instanceof MessageComesBack) return true
      throw error
    },
  )
  return { events, sent, queued, released, comesBack }
}

describe('a delivery for a paused backend', () => {
  it('waits until the pause ends, under the lease, and its event names the pause', async () => {
    const { events, sent, queued, released } = await delivery({ found: PAUSED })
    assert.deepEqual(sent, [])
    assert.ok(queued.length === 1 && (queued[0]?.delayMs ?? 0) >= 600_000 && (queued[0]?.delayMs ?? 0) <= 605_000)
    assert.deepEqual([queued[0]?.generation, queued[0]?.tries], [4, 2], 'the back-off does not grow')
    assert.equal(released[0]?.state, 'accepted')
    assert.deepEqual(
      events.map(({ outcome, failure, pauseId }) => [outcome, failure?.reason, pauseId]),
      [['deferred', 'paused', PAUSE.id]],
    )
  })

  it('waits at most 15 minutes at a time', async () => {
    const long: PauseFound = { kind: 'paused', pause: aPause({ untilEpochMs: START_EPOCH_MS + 86_400_000 }) }
    assert.equal((await delivery({ found: long })).queued[0]?.delayMs, 900_000)
  })

  it('waits no longer than deliverWithin, and is abandoned then', async () => {
    const { queued } = await delivery({ found: PAUSED }, 6 * 3_600_000 - 60_000)
    assert.equal(queued[0]?.delayMs, 60_000)
    const { events, released } = await delivery({ found: PAUSED }, 6 * 3_600_000)
    assert.deepEqual([events[0]?.outcome, released[0]?.state], ['abandoned', 'abandoned'])
  })

  it('waits in a dry run too', async () => {
    assert.equal((await delivery({ found: PAUSED, webhookMode: 'dry-run' })).events[0]?.outcome, 'deferred')
  })

  it('is sent where pauses cannot be read, and its event says so', async () => {
    const { events, sent } = await delivery({ found: UNKNOWN })
    assert.deepEqual(sent, ['orders'])
    assert.deepEqual([events[0]?.outcome, events[0]?.pausesUnread], ['forwarded', true])
  })
})

describe('a delivery beyond a limit of alerts', () => {
  const reasons = (events: readonly DecisionFacts[]) => events.map(({ outcome, failure }) => [outcome, failure?.reason])

  for (const beyond of ['limit_reached', 'not_helping'] as const) {
    const limit = beyond === 'limit_reached' ? 'loop_guard' : beyond
    it(`waits while its backend is paused (${beyond})`, async () => {
      const { events, sent, comesBack } = await delivery({ found: PAUSED }, 0, beyond)
      assert.deepEqual([sent, comesBack, reasons(events)], [[], true, [['deferred', 'paused']]])
      assert.equal(events[0]?.pauseId, PAUSE.id)
    })

    it(`waits while the app is switched off (${beyond})`, async () => {
      const { events, comesBack } = await delivery({ mode: 'off' }, 0, beyond)
      assert.deepEqual([comesBack, reasons(events)], [true, [['deferred', 'switched_off']]])
    })

    it(`waits no longer than deliverWithin (${beyond})`, async () => {
      const { events, comesBack } = await delivery({ found: PAUSED }, 6 * 3_600_000, beyond)
      assert.deepEqual([comesBack, reasons(events)], [false, [['exhausted', limit]]])
    })

    it(`is exhausted where nothing stops it (${beyond})`, async () => {
      const { events, comesBack } = await delivery({}, 0, beyond)
      assert.deepEqual([comesBack, reasons(events)], [false, [['exhausted', limit]]])
    })
  }
})

describe('a delivery that was accepted before the webhook was set to dry-run', () => {
  it('ends as a dry run: the policy of the moment decides', async () => {
    const { events, sent, released } = await delivery({ webhookMode: 'dry-run' })
    assert.deepEqual([sent, released[0]?.state], [[], 'dry-run'])
    assert.deepEqual([events[0]?.outcome, events[0]?.mode], ['dry-run', 'dry-run'])
  })

  it('waits while the app is switched off', async () => {
    const { events } = await delivery({ webhookMode: 'dry-run', mode: 'off' })
    assert.deepEqual([events[0]?.outcome, events[0]?.failure?.reason], ['deferred', 'switched_off'])
  })
})

describe('requests that are refused whole', () => {
  for (const [what, failure, outcome] of [
    ['a sender that cannot prove itself', { reason: 'webhook_secret' }, 'unauthenticated'],
    ['a payload that is not of the format', { reason: 'payload_invalid', expectation: 'x' }, 'malformed'],
    ['a body that is too large', { reason: 'body_too_large', limitBytes: 1 }, 'malformed'],
    ['keys that cannot be had', { reason: 'keys_unavailable', detail: '', retryAfterSeconds: 1 }, undefined],
  ] as const) {
    it(`${what}: ${outcome ?? 'not noted, for it is not the fault of the sender'}`, async () => {
      const noted: unknown[] = []
      await receiveAlerts(
        {
          ids: IDS,
          webhookName: 'W',
          checkFraming: () => ok(undefined),
          verify: async () => err(failure),
          checkMediaType: () => ok(undefined),
        },
        {
          deliveries: { note: (webhook: string, { outcome }: { outcome: string }) => noted.push([webhook, outcome]) },
          audit: () => undefined,
          clock: createFakeClock(),
          mode: 'on',
        } as unknown as AlertPorts,
      )
      assert.deepEqual(noted, outcome === undefined ? [] : [['w', outcome]])
    })
  }
})
