import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { HttpOptions } from './host-json.ts'
import { findRoute, type HttpRoute } from './http-routes.ts'
import { invoke } from './invoke.ts'
import { decodeRequestPath } from './request-path.ts'
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
    const target = parseTarget(request.url ?? '')
    const headers = readHeaders(request)
    if ((request.url ?? '').length > MAX_REQUEST_LINE_BYTES) return refuse(request, response, 414)
    if (request.rawHeaders.length / 2 > MAX_HEADERS) return refuse(request, response, 431)
    if (target === undefined || headers === undefined || !isHost(headers.get('host')))
      return refuse(request, response, 400)

    const match = findRoute(routes, request.method ?? '', target.path)
    if (match === undefined) return answerUnrouted(target.path, request, response)

    // Issue 4926 of the host: `ContentLength > 0` decides, so a body sent in chunks reaches the function empty.
    const contentLength = Number(headers.get('content-length') ?? 0)
    if (contentLength > options.maxBodyBytes) return refuse(request, response, 413, options.customHeaders)
    const body = contentLength > 0 ? await readBody(request) : discardBody(request)
    if (body === undefined) return

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
    discardBody(request)
    if (path !== '/') return writeStatus(response, 404, options.customHeaders)
    if (!options.homepage) return writeStatus(response, 204, options.customHeaders)
    response.setHeader('content-type', 'text/html')
    response.end('<!DOCTYPE html><title>Azure Functions</title><p>Your function app is up and running.</p>\n')
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
      // A client that goes away is no event of the app's.
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

/** Origin form, or absolute form as proxies send it. */
function parseTarget(url: string): { path: string; query: string } | undefined {
  const origin = /^https?:\/\/[^/?#]*/i.exec(url)?.[0] ?? ''
  const rest = url.slice(origin.length)
  const mark = rest.indexOf('?')
  const query = mark < 0 ? '' : rest.slice(mark)
  const path = decodeRequestPath((mark < 0 ? rest : rest.slice(0, mark)) || '/')
  return path === undefined || /[^\x21-\x7e]/.test(query) ? undefined : { path, query: query === '?' ? '' : query }
}

function isHost(host: string | undefined): boolean {
  return host !== undefined && /^(?:[A-Za-z0-9\-._~!$&'()*+,;=%]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?$/.test(host)
}

/** Undefined when the client went away before it had sent what it announced. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks)
  } catch {
    return undefined
  }
}

function discardBody(request: IncomingMessage): Buffer {
  request.resume()
  return Buffer.alloc(0)
}

/** Refusals that come before routing close the connection: what else is on it cannot be trusted or is not wanted. */
function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  customHeaders: Readonly<Record<string, string>> = {},
): void {
  discardBody(request)
  response.shouldKeepAlive = false
  writeStatus(response, status, customHeaders)
}
