import type { Failure } from '../domain/failure.ts'
import type { Received } from '../reconnect/receive-alerts.ts'
import type { Result } from '../shared/result.ts'
import { toFailureReply, describeFailure, type Challenge } from './failure-reply.ts'
import { json, type Reply } from './reply.ts'

/**
 * The answer to a sender (contract, section 5): 202 when any alert was accepted, 403 when all that fire were denied, else 200. Never 429: senders
 * drop an alert for good on it.
 */
export function toAlertsReply(received: Result<Received, Failure>, correlationId: string, challenge: Challenge): Reply {
  if (!received.ok) return toFailureReply(received.error, correlationId, challenge)
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
