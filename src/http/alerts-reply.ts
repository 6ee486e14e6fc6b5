import type { Failure } from '../domain/failure.ts'
import type { Received } from '../reconnect/receive-alerts.ts'
import type { Result } from '../shared/result.ts'
import { describeFailure, toSenderFailureReply } from './failure-reply.ts'
import { json, type Reply } from './reply.ts'

/**
 * The answer to a sender (contract, section 5): 202 when any alert was accepted, 403 when every firing alert was denied, else
 * 200. Never 429: senders drop an alert for good on it.
 */
export function toAlertsReply(received: Result<Received, Failure>, correlationId: string): Reply {
  if (!received.ok) return toSenderFailureReply(received.error, correlationId)
  const headers = { 'x-ms-correlation-request-id': correlationId }
  // Azure Event Grid, "Endpoint validation": the synchronous handshake.
  if (received.value.kind === 'validation') return json(200, { validationResponse: received.value.code }, headers)
  const { alerts, refused } = received.value
  if (refused !== undefined) {
    const error = describeFailure(refused)
    return json(403, { error, alerts }, { ...headers, 'x-ms-error-code': error.code })
  }
  return json(alerts.some(({ outcome }) => outcome === 'accepted') ? 202 : 200, { alerts }, headers)
}
