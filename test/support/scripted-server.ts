import {
  createServer as createHttpServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Scope } from './start-sandbox.ts'

/** A received request with its body. */
export interface Received {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly atMs: number
}

/** What to do with one request after it has been read and recorded. */
export type Step = (response: ServerResponse, request: IncomingMessage) => void

export interface ScriptedServer {
  readonly origin: string
  readonly received: readonly Received[]
  /** Number of open connections. */
  readonly connections: () => number
  /** Resolves when no connection is open any more. */
  allClosed(): Promise<void>
  close(): Promise<void>
}

/** As {@link startScriptedServer}, until the end of the test. */
export async function serveScript(scope: Scope, ...script: Step[]): Promise<ScriptedServer> {
  const server = await startScriptedServer(script)
  scope.after(() => server.close())
  return server
}

/** A loopback server that follows a script, one step per request. A request beyond the script is recorded and answered 418, so that the test sees it. */
export async function startScriptedServer(
  script: readonly Step[],
  tls?: { readonly key: string; readonly cert: string },
): Promise<ScriptedServer> {
  const received: Received[] = []
  let open = 0
  let lastClosed = (): void => undefined
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('error', () => undefined)
    request.on('end', () => {
      received.push({
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
        atMs: performance.now(),
      })
      const step = script[received.length - 1] ?? respond(418, { body: 'the script has ended' })
      step(response, request)
    })
  }
  const server: Server =
    tls === undefined ? createHttpServer(listener) : createHttpsServer({ key: tls.key, cert: tls.cert }, listener)
  server.on(
    tls === undefined ? 'connection' : 'secureConnection',
    (socket: { once(event: 'close', then: () => void): void }) => {
      open += 1
      socket.once('close', () => {
        open -= 1
        if (open === 0) lastClosed()
      })
    },
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    received,
    connections: () => open,
    allClosed: () => (open === 0 ? Promise.resolve() : new Promise((resolve) => (lastClosed = resolve))),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

export interface Answer {
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string
}

export function respond(status: number, { headers = {}, body = '' }: Answer = {}): Step {
  return (response) => response.writeHead(status, headers).end(body)
}

export function respondJson(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Step {
  return respond(status, {
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(value),
  })
}

/** Closes the connection without an answer after the request has been read, so that it may have taken effect. */
export const reset: Step = (response) => void response.socket?.destroy()

/** Reads the request and never answers. */
export const hang: Step = () => undefined
