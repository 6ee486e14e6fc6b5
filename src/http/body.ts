import { MIMEType } from 'node:util'
import type { HttpRequest } from '@azure/functions'
import type { RequestFailure } from '../domain/failure.ts'
import { err, ok, type Result } from '../shared/result.ts'

/** Contract, section 3: far more than a reconnect needs, far less than a worker minds. */
export const MAX_RECONNECT_BODY_BYTES = 64 * 1024

/** Contract, section 5. */
export const MAX_ALERT_BODY_BYTES = 1024 * 1024

/** Looks at size and framing before anything else is looked at. */
export function checkFraming(headers: Headers, limitBytes: number): Result<void, RequestFailure> {
  const length = headers.get('content-length')
  if (length !== null)
    return Number(length) <= limitBytes ? ok(undefined) : err({ reason: 'body_too_large', limitBytes })
  // The Functions host hands over bodies in chunked transfer coding as empty (azure-functions-host issue 4926): a lost
  // `after` would become the default of two minutes, so such a request is refused rather than misread.
  return headers.has('transfer-encoding') ? err({ reason: 'length_required' }) : ok(undefined)
}

/** Reads at most `limitBytes`, after the media type was found acceptable. `undefined`: there is no body. */
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

/** The bytes as they were sent, for whoever checks a signature over them; no body is no bytes. */
export async function readBody(request: HttpRequest, limitBytes: number): Promise<Result<Uint8Array, RequestFailure>> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength
    if (size > limitBytes) return err({ reason: 'body_too_large', limitBytes })
    chunks.push(chunk)
  }
  return ok(Buffer.concat(chunks, size))
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
