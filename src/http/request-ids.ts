import { randomUUID } from 'node:crypto'
import { isGuid } from '../domain/segments.ts'
import type { RequestIds } from '../reconnect/ports.ts'

/**
 * The caller's ids travel to ARM and back where they are GUIDs; anything else is not ours to repeat. Without a correlation id one
 * is made, so that our record and ARM's activity log can always be joined.
 */
export function readRequestIds(headers: Headers): RequestIds {
  const correlationId = headers.get('x-ms-correlation-request-id')
  const clientRequestId = headers.get('x-ms-client-request-id')
  return {
    correlationId: correlationId !== null && isGuid(correlationId) ? correlationId : randomUUID(),
    ...(clientRequestId !== null && isGuid(clientRequestId) ? { clientRequestId } : {}),
  }
}
