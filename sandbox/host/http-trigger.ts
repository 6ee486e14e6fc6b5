import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { HttpOptions } from './host-json.ts'
import { hostStatus } from './host-paths.ts'
import { findRoute, type HttpRoute } from './http-routes.ts'
import { invoke } from './invoke.ts'
import { discardBody, readBody } from './read-body.ts'
import { readRequestTarget } from './request-target.ts'
import { readHeaders, toRpcRequest } from './rpc-request.ts'
import type { Worker } from './worker.ts'
import { writeFunctionResponse, writeStatus } from './write-response.ts'

/** Kestrel's limits, which come before anything of the app. */
const MAX_REQUEST_LINE_BYTES = 8_192
const MAX_HEADERS = 100
export const MAX_HEADER_BYTES = 32_768

export interface HttpTriggerOptions extends HttpOptions {
  /** `FUNCTIONS_REQUEST_BODY_SIZE_LIMIT`. */
  readonly maxBodyBytes: number
  /** `AzureWebJobsDisableHomepage`. */
  readonly homepage: boolean
  /** How long a body may come slower than Kestrel's minimum rate. */
  readonly bodyGraceMs: number
}

export interface HttpTrigger {
  readonly listener: RequestListener
  /** Requests whose answer is not yet written. */
  inFlight(): number
}

/** Serves the HTTP triggers of an app without HTTP streaming: the whole request goes to the worker, the whole answer comes back. */
export function createHttpTrigger(
  worker: Worker,
  routes: readonly HttpRoute[],
  options: HttpTriggerOptions,
): HttpTrigger {
  let inFlight = 0

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', httpVersion } = request
    if (httpVersion !== '1.1' && httpVersion !== '1.0') return refuse(request, response, 505)
    if (url.length > MAX_REQUEST_LINE_BYTES) return refuse(request, response, 414)
    if (request.rawHeaders.length / 2 > MAX_HEADERS) return refuse(request, response, 431)
    const headers = readHeaders(request)
    if (headers === undefined) return refuse(request, response, 400)
    const target = readRequestTarget(method, url, headers.get('host'))
    if (typeof target === 'number') return refuse(request, response, target)

    const ownStatus = hostStatus(method, target.path)
    if (ownStatus !== undefined) return answerEmpty(request, response, ownStatus)
    const match = findRoute(routes, method, target.path)
    if (match === undefined) return answerUnrouted(target.path, request, response)

    // Issue 4926 of the host: `ContentLength > 0` decides. A chunked body reaches the function empty, and no limit applies to it.
    const contentLength = Number(headers.get('content-length') ?? 0)
    if (contentLength > options.maxBodyBytes) return refuse(request, response, 500)
    const read = contentLength > 0 ? await readBody(request, options.bodyGraceMs) : undefined
    if (read?.kind === 'aborted') return
    if (read?.kind === 'stalled') return refuse(request, response, 500)
    const body = read?.body ?? discardBody(request)

    const http = toRpcRequest(request, target, headers, match.params, body)
    const traceParent = headers.get('traceparent')
    try {
      const result = await invoke(worker, match.route.function, {
        data: { http },
        metadata: {},
        ...(traceParent !== undefined && { traceParent }),
      })
      writeFunctionResponse(response, result.returnValue, options.customHeaders)
    } catch (error) {
      logFailure(match.route.function.metadata.name, error)
      if (response.headersSent) response.destroy()
      else writeFailure(response)
    }
  }

  function answerUnrouted(path: string, request: IncomingMessage, response: ServerResponse): void {
    if (path !== '/') return answerEmpty(request, response, 404)
    if (!options.homepage) return answerEmpty(request, response, 204)
    discardBody(request)
    response.setHeader('content-type', 'text/html')
    response.end('<!DOCTYPE html><title>Azure Functions</title><p>Your function app is up and running.</p>\n')
  }

  function answerEmpty(request: IncomingMessage, response: ServerResponse, status: number): void {
    discardBody(request)
    writeStatus(response, status, options.customHeaders)
  }

  /** Closes the connection: whatever else is on it is not wanted, or cannot be trusted. */
  function refuse(request: IncomingMessage, response: ServerResponse, status: number): void {
    response.shouldKeepAlive = false
    answerEmpty(request, response, status)
  }

  function writeFailure(response: ServerResponse): void {
    for (const name of response.getHeaderNames()) response.removeHeader(name)
    writeStatus(response, 500, options.customHeaders)
  }

  function logFailure(functionName: string, error: unknown): void {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
    worker.log({
      level: 'error',
      category: 'system',
      message: `Executed '${functionName}' (Failed): ${message}`,
      functionName,
    })
  }

  return {
    inFlight: () => inFlight,
    listener(request, response) {
      inFlight += 1
      response.once('close', () => (inFlight -= 1))
      // A client that goes away concerns the app no further.
      request.on('error', () => {})
      response.on('error', () => {})
      serve(request, response).catch((error: unknown) => {
        worker.log({
          level: 'error',
          category: 'system',
          message: `An unhandled host error has occurred: ${String(error)}`,
        })
        response.destroy()
      })
    },
  }
}
