import type { IncomingHttpHeaders } from 'node:http'
import {
  createHttpHeaders,
  type HttpClient,
  type HttpHeaders,
  type PipelineRequest,
  type PipelineResponse,
} from '@azure/core-rest-pipeline'
import { Agent, type Dispatcher } from 'undici'
import { TransportError } from './transport-error.ts'

/** Connecting takes milliseconds. A request that was not sent may be tried again. */
const CONNECT_TIMEOUT_MS = 5_000
/** Connections to one host: enough for a storm on many backends. */
const MAX_CONNECTIONS = 64

export interface HttpClientOptions {
  /** A longer answer is an error. */
  readonly maxResponseBytes: number
}

/**
 * The SDKs' documented `httpClient` option on undici's pool: no redirects, no retries, no content coding, no proxy, a limited answer, and errors
 * that say whether the request was sent. Without TLS only where the SDK allows it. Request bodies are texts. A request has no time limit but
 * that of its signal.
 */
export function createPooledHttpClient({ maxResponseBytes }: HttpClientOptions): HttpClient {
  const agent = new Agent({
    connections: MAX_CONNECTIONS,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: CONNECT_TIMEOUT_MS },
  })
  return { sendRequest: (request) => exchange(agent, request, maxResponseBytes) }
}

/** undici starts a request only on an established connection: from `onRequestStart` on, the service may have read it. */
async function exchange(agent: Agent, request: PipelineRequest, maxResponseBytes: number): Promise<PipelineResponse> {
  const url = new URL(request.url)
  if (url.protocol !== 'https:' && !request.allowInsecureConnection)
    throw new Error(`${url.protocol} is not allowed: the request would be sent without TLS`)
  const { body = null } = request
  if (body !== null && typeof body !== 'string') throw new Error('a body that is no text cannot be sent')
  const requestHeaders = request.headers.toJSON()
  // Without this header no service compresses its answer.
  delete requestHeaders['accept-encoding']
  const signal = request.abortSignal

  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let received: IncomingHttpHeaders = {}
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
        body,
      },
      {
        onRequestStart(started) {
          // Aborted while it waited for a connection: it must not be sent any more.
          if (signal?.aborted === true) return started.abort(new Error('the request was aborted'))
          controller = started
        },
        onResponseStart(_, statusCode, rawHeaders) {
          // Interim answers (1xx) come here too. Only the final one counts.
          status = statusCode
          received = rawHeaders
        },
        onResponseData(running, chunk) {
          size += chunk.length
          if (size > maxResponseBytes)
            return running.abort(new Error(`the answer is longer than ${maxResponseBytes} bytes`))
          chunks.push(chunk)
        },
        onResponseEnd() {
          signal?.removeEventListener?.('abort', onAbort)
          const bodyAsText = size === 0 ? '' : Buffer.concat(chunks).toString('utf8')
          resolve({ request, status, headers: toHttpHeaders(received), bodyAsText })
        },
        onResponseError: (_, error) => fail(error),
      },
    )
  })
}

function toHttpHeaders(received: IncomingHttpHeaders): HttpHeaders {
  const headers = createHttpHeaders()
  for (const [name, value] of Object.entries(received)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value)
  }
  return headers
}
