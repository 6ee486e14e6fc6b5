/** Contract, section 9: one event for every request, alert, handshake, delivery and put-off. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { startConversation } from '../conformance/conversation.ts'
import { post, type Post } from '../conformance/senders.ts'
import { becomes } from '../support/scene.ts'

describe('one audit event', { concurrency: true }, async () => {
  const room = await startConversation({ after })
  const { webhookSecrets } = room.sandbox.info
  const bearer = { authorization: `Bearer ${webhookSecrets.ALERTMANAGER_TOKEN}` }
  const secret = { query: `?secret=${webhookSecrets.EVENT_GRID_SECRET}` }
  const validation = [
    {
      id: randomUUID(),
      topic: '/subscriptions/00000000-0000-0000-0000-000000000000',
      subject: '',
      eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent',
      eventTime: '2026-01-01T00:00:00Z',
      data: { validationCode: randomUUID() },
      metadataVersion: '1',
      dataVersion: '2',
    },
  ]

  const CASES: readonly (readonly [string, string, Post])[] = [
    [
      'for an empty list of alerts',
      'alertmanager',
      { headers: bearer, body: JSON.stringify({ version: '4', status: 'firing', alerts: [] }) },
    ],
    [
      'for the handshake of an Event Grid subscription',
      'event-grid',
      { ...secret, headers: { 'aeg-event-type': 'SubscriptionValidation' }, body: JSON.stringify(validation) },
    ],
    [
      'for the handshake of CloudEvents',
      'event-grid',
      {
        ...secret,
        method: 'OPTIONS',
        headers: { 'webhook-request-origin': 'eventgrid.azure.net', 'content-type': undefined },
      },
    ],
  ]
  for (const [title, webhook, request] of CASES)
    it(`${title}, with the webhook and the correlation id`, async () => {
      const answer = await post(room, webhook, request)
      assert.equal(answer.status, 200, answer.text)
      const events = () => room.decisions().filter((event) => event['correlationId'] === answer.correlationId)
      await becomes(() => events().length > 0, 10_000)
      await delay(200)
      assert.deepEqual(
        events().map(({ event, trigger }) => ({ event, trigger })),
        [{ event: 'reconnect.decision', trigger: { kind: 'webhook', webhook } }],
      )
    })
})
