import type { HttpRequest } from '@azure/functions'
import { printable } from '../audit/redact.ts'
import type { Failure } from '../domain/failure.ts'
import { toAlertsReply } from '../http/alerts-reply.ts'
import { checkFraming, checkMediaType, EVENT_TYPES, JSON_TYPES, MAX_ALERT_BODY_BYTES, readBody } from '../http/body.ts'
import { toSenderFailureReply } from '../http/failure-reply.ts'
import type { Reply } from '../http/reply.ts'
import { toHandshakeReply } from '../http/webhook-handshake.ts'
import type { WebhookCredentials } from '../reconnect/alert-ports.ts'
import { receiveAlerts } from '../reconnect/receive-alerts.ts'
import { outcomeOf } from '../reconnect/reconnect.ts'
import { httpFunction, type Invocation } from './invocation.ts'

/** A sender is answered long before; this bounds what the issuer's keys and storage may take. */
const DEADLINE_MS = 10_000

const webhookOf = (request: HttpRequest): string => request.params['webhook'] ?? ''
const triggerOf = (request: HttpRequest) => ({ kind: 'webhook', webhook: printable(webhookOf(request), 64) }) as const

/** `POST /alerts/{webhook}`, and `OPTIONS` for the handshake of CloudEvents (contract, section 5). */
export const alertReceive = httpFunction(
  { deadlineMs: ({ deadlineMs }) => Math.min(DEADLINE_MS, deadlineMs), trigger: triggerOf },
  async (invocation) => {
    const { app, request, ids, deadline, audit, auditEffect } = invocation
    if (request.method === 'OPTIONS') return shakeHands(invocation)
    const credentials = credentialsOf(request)
    const read = () => readBody(request, MAX_ALERT_BODY_BYTES)
    const post = {
      ids,
      webhookName: triggerOf(request).webhook,
      checkFraming: () => checkFraming(request.headers, MAX_ALERT_BODY_BYTES),
      verify: () => app.webhooks.verifyPost(webhookOf(request), credentials, read, deadline),
      checkMediaType: (format: string) =>
        checkMediaType(request.headers, format === 'event-grid' ? EVENT_TYPES : JSON_TYPES),
    }
    const received = await receiveAlerts(post, { ...app.alertPorts, audit, auditEffect })
    return toAlertsReply(received, ids.correlationId)
  },
)

async function shakeHands({ app, request, ids, deadline, audit }: Invocation): Promise<Reply> {
  const startedAtEpochMs = app.clock.now()
  const tell = (outcome: 'handshake' | 'refused' | 'failed', failure?: Failure): void =>
    audit({
      ...ids,
      mode: app.alertPorts.mode,
      trigger: triggerOf(request),
      outcome,
      ...(failure === undefined ? {} : { failure }),
      durationMs: app.clock.now() - startedAtEpochMs,
    })
  const webhook = await app.webhooks.verifyHandshake(webhookOf(request), credentialsOf(request), deadline)
  const answer = webhook.ok ? toHandshakeReply(webhook.value.format, request.headers, ids.correlationId) : webhook
  if (answer.ok) {
    tell('handshake')
    return answer.value
  }
  tell(outcomeOf(answer.error) === 'refused' ? 'refused' : 'failed', answer.error)
  return toSenderFailureReply(answer.error, ids.correlationId)
}

function credentialsOf(request: HttpRequest): WebhookCredentials {
  return {
    header: (name) => request.headers.get(name) ?? undefined,
    query: (name) => request.query.getAll(name),
  }
}
