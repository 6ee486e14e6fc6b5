import { MIMEType } from 'node:util'
import type { HttpRequest } from '@azure/functions'
import type { RequestFailure } from '../domain/failure.ts'
import { err, ok, type Result } from '../shared/result.ts'

/** Contract, section 3: far more than a reconnect needs, far less than a worker minds. */
export const MAX_RECONNECT_BODY_BYTES = 64 * 1024

/** Looks at size and framing before anything else is looked at. */
export function checkFraming(headers: Headers, limitBytes: number): Result<void, RequestFailure> {
  const length = headers.get('content-length')
  if (length !== null) return Number(length) <= limitBytes ? ok(undefined) : err({ reason: 'body_too_large', limitBytes })
  // The Functions host hands over bodies in chunked transfer coding as empty (azure-functions-host issue 4926): a lost
  // `after` would become the default of two minutes, so such a request is refused rather than misread.
  return headers.has('transfer-encoding') ? err({ reason: 'length_required' }) : ok(undefined)
}

/** Reads at most `limitBytes`, after the media type was found acceptable. `undefined`: there is no body. */
export async function readJsonBody(request: HttpRequest, limitBytes: number): Promise<Result<Uint8Array | undefined, RequestFailure>> {
  if (request.body === null || request.headers.get('content-length') === '0') return ok(undefined)
  if (!isJsonInUtf8(request.headers)) return err({ reason: 'media_type_unsupported' })
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body) {
    size += chunk.byteLength
    if (size > limitBytes) return err({ reason: 'body_too_large', limitBytes })
    chunks.push(chunk)
  }
  return ok(size === 0 ? undefined : Buffer.concat(chunks, size))
}

function isJsonInUtf8(headers: Headers): boolean {
  const coding = headers.get('content-encoding')
  if (coding !== null && coding.toLowerCase() !== 'identity') return false
  try {
    const type = new MIMEType(headers.get('content-type') ?? '')
    const charset = type.params.get('charset')
    return type.essence === 'application/json' && (charset === null || /^utf-?8$/i.test(charset))
  } catch {
    return false
  }
}
