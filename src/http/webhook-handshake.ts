import type { RequestFailure } from '../domain/failure.ts'
import { err, ok, type Result } from '../shared/result.ts'
import { json, type Reply } from './reply.ts'

/** A DNS name, as Event Grid sends it (`eventgrid.azure.net`): what is repeated in our own header. */
const ORIGIN = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/

/**
 * CloudEvents, "HTTP 1.1 Web Hooks for Event Delivery", section 4: a sender asks whether its events are wanted. The
 * rate is not limited: an alert is never answered 429.
 */
export function toHandshakeReply(
  format: string,
  headers: Headers,
  correlationId: string,
): Result<Reply, RequestFailure> {
  const origin = headers.get('webhook-request-origin') ?? ''
  if (format !== 'event-grid')
    return err({
      reason: 'header_invalid',
      header: 'WebHook-Request-Origin',
      expectation: 'sent to a webhook of format event-grid only',
    })
  if (!ORIGIN.test(origin))
    return err({
      reason: 'header_invalid',
      header: 'WebHook-Request-Origin',
      expectation: 'the name of the host that will send events',
    })
  return ok(
    json(
      200,
      {},
      {
        'webhook-allowed-origin': origin,
        'webhook-allowed-rate': '*',
        allow: 'POST, OPTIONS',
        'x-ms-correlation-request-id': correlationId,
      },
    ),
  )
}
