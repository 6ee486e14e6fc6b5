import { RestError, type PipelineRequest } from '@azure/core-rest-pipeline'

/**
 * undici's error codes as those of `node:http`, which the SDK and its users know: a reader of `code` need not know which client was used.
 */
const CODES: Readonly<Record<string, string>> = {
  UND_ERR_SOCKET: 'ECONNRESET',
  UND_ERR_CLOSED: 'ECONNRESET',
  UND_ERR_DESTROYED: 'ECONNRESET',
  UND_ERR_CONNECT_TIMEOUT: 'ETIMEDOUT',
  UND_ERR_HEADERS_TIMEOUT: 'ETIMEDOUT',
  UND_ERR_BODY_TIMEOUT: 'ETIMEDOUT',
}

/** No answer, or an incomplete one. As in the SDK's own client, an abort is named `AbortError`. */
export class TransportError extends RestError {
  /** Whether the request was sent. If not, the service cannot have acted on it. */
  readonly sent: boolean

  constructor(cause: unknown, { request, sent }: { request: PipelineRequest; sent: boolean }) {
    const code = codeOf(cause)
    super(cause instanceof Error ? cause.message : 'the request failed', { code: CODES[code] ?? code, request })
    // The SDK's constructor sets its own prototype, which would hide this class from `instanceof`.
    Object.setPrototypeOf(this, new.target.prototype)
    this.cause = cause
    this.sent = sent
    if (request.abortSignal?.aborted === true) this.name = 'AbortError'
  }
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : RestError.REQUEST_SEND_ERROR
}
