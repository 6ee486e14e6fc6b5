import type { HttpRequest } from '@azure/functions'
import { printable } from '../audit/redact.ts'
import { writeAudit } from '../audit/write-audit.ts'
import { composition } from '../composition.ts'
import type { Failure } from '../domain/failure.ts'
import { toAlertsReply } from '../http/alerts-reply.ts'
import { checkFraming, checkMediaType, EVENT_TYPES, JSON_TYPES, MAX_ALERT_BODY_BYTES, readBody } from '../http/body.ts'
import { toFailureReply } from '../http/failure-reply.ts'
import { readRequestIds } from '../http/request-ids.ts'
import { toHandshakeReply } from '../http/webhook-handshake.ts'
import { toAlertEvent } from '../reconnect/alert-event.ts'
import type { WebhookCredentials } from '../reconnect/ports.ts'
import { receiveAlerts } from '../reconnect/receive-alerts.ts'
import { createDeadline } from '../shared/deadline.ts'
import type { Handle } from './routes.ts'

/** A sender is answered long before; this bounds what the issuer's keys and storage may take. */
const DEADLINE_MS = 10_000

/** `POST /alerts/{webhook}`, and `OPTIONS` for the handshake of CloudEvents. */
export const alertReceive: Handle = async (request, context) => {
  const ids = readRequestIds(request.headers)
  const webhookName = printable(request.params['webhook'] ?? '', 64)
  const app = composition()
  const refuse = (failure: Failure) => {
    writeAudit(
      context,
      toAlertEvent({
        ...ids,
        trigger: { kind: 'webhook', webhook: webhookName },
        outcome: 'refused',
        failure,
        durationMs: 0,
      }),
    )
    return toFailureReply(failure, ids.correlationId, app.ok ? app.value.challenge : undefined)
  }
  if (!app.ok) return refuse({ reason: 'configuration_invalid' })

  const { alerts, webhooks, challenge, deadlineMs } = app.value
  const deadline = createDeadline(alerts.clock, Math.min(DEADLINE_MS, deadlineMs))
  try {
    if (request.method === 'OPTIONS') {
      const webhook = await webhooks.verifyHandshake(request.params['webhook'] ?? '', credentialsOf(request), deadline)
      if (!webhook.ok) return refuse(webhook.error)
      const answer = toHandshakeReply(webhook.value.format, request.headers, ids.correlationId)
      return answer.ok ? answer.value : refuse(answer.error)
    }
    const post = {
      ids,
      webhookName,
      checkFraming: () => checkFraming(request.headers, MAX_ALERT_BODY_BYTES),
      verify: () =>
        webhooks.verifyPost(
          request.params['webhook'] ?? '',
          credentialsOf(request),
          () => readBody(request, MAX_ALERT_BODY_BYTES),
          deadline,
        ),
      checkMediaType: (format: string) =>
        checkMediaType(request.headers, format === 'event-grid' ? EVENT_TYPES : JSON_TYPES),
    }
    const received = await receiveAlerts(post, { ...alerts, record: (event) => writeAudit(context, event) })
    return toAlertsReply(received, ids.correlationId, challenge)
  } finally {
    deadline.dispose()
  }
}

function credentialsOf(request: HttpRequest): WebhookCredentials {
  return { header: (name) => request.headers.get(name) ?? undefined, query: (name) => request.query.getAll(name) }
}
