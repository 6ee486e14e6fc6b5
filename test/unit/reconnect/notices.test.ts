/** What the ends of alerts may cost their sender (contract, sections 5 and 12). */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { WebhookConfig } from '../../../src/config/config.ts'
import { webhookCaller } from '../../../src/domain/caller.ts'
import type { DecisionFacts } from '../../../src/domain/decision.ts'
import { createGrantIndex } from '../../../src/policy/grant-index.ts'
import type { AlertPorts } from '../../../src/reconnect/alert-ports.ts'
import { receiveAlerts } from '../../../src/reconnect/receive-alerts.ts'
import { ok } from '../../../src/shared/result.ts'
import { aScope, SUBSCRIPTION } from '../../support/a-pause.ts'
import { aBackend, aPrincipal, IDS } from '../../support/builders.ts'
import { createFakeClock, START_EPOCH_MS } from '../../support/fake-clock.ts'

const COUNT = 500
const WEBHOOK = {
  name: 'w',
  format: 'alertmanager',
  backend: `${aBackend().resourceId.replace(/[^/]+$/, '')}{backend_id}`,
  authentication: { type: 'bearer', secret: 'S' },
  secrets: ['x'],
} as unknown as WebhookConfig
const PAYLOAD = {
  version: '4',
  alerts: Array.from({ length: COUNT }, (_, index) => ({
    status: 'resolved',
    labels: { backend_id: `b-${index}` },
    fingerprint: `f${index}`,
  })),
}

it('500 resolved alerts in one payload keep their sender for a second at most while storage hangs, and each is looked at', async () => {
  const clock = createFakeClock()
  const events: DecisionFacts[] = []
  const noticed = new Set<string>()
  const ports: AlertPorts = {
    grants: createGrantIndex([
      { index: 0, principal: aPrincipal('webhook:w'), scope: aScope(SUBSCRIPTION), actions: ['reconnect'] },
    ]),
    mode: 'on',
    clock,
    apiVersion: '2024-05-01',
    describe: ({ reason }) => ({ code: reason, message: reason }),
    createOperationId: () => assert.fail(),
    enqueue: () => assert.fail(),
    effects: {
      notice: ({ backendId }) => (noticed.add(backendId), new Promise(() => undefined)),
      judge: () => assert.fail(),
    },
    auditEffect: () => assert.fail(),
    batches: { accept: () => assert.fail() },
    operations: { record: () => assert.fail(), find: () => assert.fail(), finish: () => assert.fail() },
    pauses: { find: () => assert.fail() },
    deliveries: { note: () => undefined },
    audit: (facts) => events.push(facts),
  }
  const post = {
    ids: IDS,
    webhookName: 'w',
    checkFraming: () => ok(undefined),
    verify: async () =>
      ok({ webhook: WEBHOOK, caller: webhookCaller('w'), body: Buffer.from(JSON.stringify(PAYLOAD)) }),
    checkMediaType: () => ok(undefined),
  }
  const received = await clock.finish(receiveAlerts(post, ports))
  assert.ok(received.ok && received.value.kind === 'alerts')
  assert.deepEqual([...new Set(received.value.alerts.map(({ outcome }) => outcome))], ['resolved'])
  assert.deepEqual([received.value.alerts.length, noticed.size], [COUNT, COUNT])
  assert.ok(events.every(({ detail }) => detail === 'not kept as evidence yet: storage is slow'))
  assert.ok(clock.now() - START_EPOCH_MS <= 1_000, `${clock.now() - START_EPOCH_MS} ms`)
  assert.equal(clock.sleeping(), 0)
})
