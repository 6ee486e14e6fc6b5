import {
  createHttpHeaders,
  type HttpClient,
  type PipelineRequest,
  type PipelineResponse,
} from '@azure/core-rest-pipeline'
import { Agent, type Dispatcher } from 'undici'
import { TransportError } from './transport-error.ts'

/** Connecting takes milliseconds. A request that was not sent may be tried again. */
const CONNECT_TIMEOUT_MS = 5_000
/** Connections to the one ARM host: enough for a storm on many backends. */
const MAX_CONNECTIONS = 64
/** ARM's errors have a few hundred bytes. A longer answer is not ARM's. */
const MAX_RESPONSE_BYTES = 256 * 1024

/**
 * The SDK's documented `httpClient` option on undici's pool: no redirects, no retries, no content coding, no proxy, a limited answer, and errors
 * that say whether the request was sent.
 */
export function createPooledHttpClient(): HttpClient {
  const agent = new Agent({
    connections: MAX_CONNECTIONS,
    pipelining: 1,
    // Every request carries a signal with its own, shorter limit.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: CONNECT_TIMEOUT_MS },
  })
  return { sendRequest: (request) => exchange(agent, request) }
}

/** undici starts a request only on an established connection: from `onRequestStart` on, ARM may have read it. */
function exchange(agent: Agent, request: PipelineRequest): Promise<PipelineResponse> {
  const url = new URL(request.url)
  const requestHeaders = request.headers.toJSON()
  // Without this header ARM does not compress its answer.
  delete requestHeaders['accept-encoding']
  const signal = request.abortSignal

  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let headers = createHttpHeaders()
    let controller: Dispatcher.DispatchController | undefined
    let status = 0
    let size = 0

    const fail = (error: Error): void => {
      signal?.removeEventListener?.('abort', onAbort)
      reject(new TransportError(error, { request, sent: controller !== undefined }))
    }
    const onAbort = (): void => {
      const error = new Error('the request was aborted')
      if (controller === undefined) fail(error)
      else controller.abort(error)
    }
    if (signal?.aborted === true) return onAbort()
    signal?.addEventListener('abort', onAbort)

    agent.dispatch(
      {
        origin: url.origin,
        path: url.pathname + url.search,
        method: request.method,
        headers: requestHeaders,
        body: typeof request.body === 'string' ? request.body : null,
      },
      {
        onRequestStart(started) {
          // Aborted while it waited for a connection: it must not be sent any more.
          if (signal?.aborted === true) return started.abort(new Error('the request was aborted'))
          controller = started
        },
        onResponseStart(_, statusCode, rawHeaders) {
          // Interim answers (1xx) come here too. Only the final one counts.
          headers = createHttpHeaders()
          status = statusCode
          for (const [name, value] of Object.entries(rawHeaders)) {
            if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value)
          }
        },
        onResponseData(running, chunk) {
          size += chunk.length
          if (size > MAX_RESPONSE_BYTES)
            return running.abort(new Error(`the answer is longer than ${MAX_RESPONSE_BYTES} bytes`))
          chunks.push(chunk)
        },
        onResponseEnd() {
          // A claims challenge must not reach the SDK: it would request a token by itself, and then send a POST that is not counted.
          headers.delete('www-authenticate')
          signal?.removeEventListener?.('abort', onAbort)
          resolve({ request, status, headers, bodyAsText: Buffer.concat(chunks).toString('utf8') })
        },
        onResponseError: (_, error) => fail(error),
      },
    )
  })
}
