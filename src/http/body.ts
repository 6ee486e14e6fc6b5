import { MIMEType } from 'node:util'
import type { HttpRequest } from '@azure/functions'
import type { RequestFailure } from '../domain/failure.ts'
import { err, ok, type Result } from '../shared/result.ts'

/** Contract, section 3: far more than a reconnect needs, and small enough to hold in memory for every request at once. */
export const MAX_RECONNECT_BODY_BYTES = 64 * 1024

/** Contract, section 5. */
export const MAX_ALERT_BODY_BYTES = 1024 * 1024

/** Checks size and framing from the headers alone, before authentication (contract, section 2). */
export function checkFraming(headers: Headers, limitBytes: number): Result<void, RequestFailure> {
  const length = headers.get('content-length')
  if (length !== null)
    return Number(length) <= limitBytes ? ok(undefined) : err({ reason: 'body_too_large', limitBytes })
  // The Functions host delivers a body in chunked transfer coding as empty (azure-functions-host issue 4926). A lost `after` would
  // become the default of two minutes, so such a request is refused.
  return headers.has('transfer-encoding') ? err({ reason: 'length_required' }) : ok(undefined)
}

/** Checks the media type, then reads the body and refuses one of more than `limitBytes`. `undefined`: there is no body, and its media type does not matter. */
export async function readJsonBody(
  request: HttpRequest,
  limitBytes: number,
): Promise<Result<Uint8Array | undefined, RequestFailure>> {
  if (request.body === null || request.headers.get('content-length') === '0') return ok(undefined)
  const type = checkMediaType(request.headers, JSON_TYPES)
  if (!type.ok) return type
  const body = await readBody(request, limitBytes)
  if (!body.ok) return body
  return ok(body.value.byteLength === 0 ? undefined : body.value)
}

/** The bytes exactly as they were sent, because signatures are computed over them. No body: no bytes. */
export async function readBody(request: HttpRequest, limitBytes: number): Promise<Result<Uint8Array, RequestFailure>> {
  // The host has passed on the whole body: there is no stream to be cut short.
  const bytes = Buffer.from(await request.arrayBuffer())
  return bytes.byteLength > limitBytes ? err({ reason: 'body_too_large', limitBytes }) : ok(bytes)
}

export const JSON_TYPES: readonly string[] = ['application/json']
/** CloudEvents 1.0, HTTP protocol binding, 3.2 and 3.3; the binary mode (3.1) is not what Event Grid sends. */
export const EVENT_TYPES: readonly string[] = [
  ...JSON_TYPES,
  'application/cloudevents+json',
  'application/cloudevents-batch+json',
]

/** One of `types`, in UTF-8, without content coding. */
export function checkMediaType(headers: Headers, types: readonly string[]): Result<void, RequestFailure> {
  const coding = headers.get('content-encoding')
  if (coding !== null && coding.toLowerCase() !== 'identity') return err({ reason: 'media_type_unsupported' })
  try {
    const type = new MIMEType(headers.get('content-type') ?? '')
    const charset = type.params.get('charset')
    return types.includes(type.essence) && (charset === null || /^utf-?8$/i.test(charset))
      ? ok(undefined)
      : err({ reason: 'media_type_unsupported' })
  } catch {
    return err({ reason: 'media_type_unsupported' })
  }
}
