import { Agent, createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** `refuse`: the port is closed. `hang`: connections are accepted and requests are never answered. `busy`: 503, as from a throttled account. */
export type StorageMood = 'up' | 'refuse' | 'hang' | 'busy'

/** One service of a storage emulator (the tables by default) behind a proxy that can fail. */
export interface StorageProxy {
  /** The given connection string with the proxy's address for the service. */
  readonly connectionString: string
  /** Number of received requests with any result. */
  calls(): number
  become(mood: StorageMood): Promise<void>
  stop(): Promise<void>
}

export async function startStorageProxy(
  connectionString: string,
  service: 'Table' | 'Queue' = 'Table',
): Promise<StorageProxy> {
  const endpoint = new RegExp(`${service}Endpoint=http://([^:/;]+):([0-9]+)`)
  const [, hostname = '', upstreamPort = ''] = endpoint.exec(connectionString) ?? []
  if (upstreamPort === '') throw new Error(`the connection string names no ${service} endpoint`)
  const agent = new Agent({ keepAlive: true })
  let mood: StorageMood = 'up'
  let calls = 0

  /** Shared Key signs the path and not the host, so that forwarded requests stay valid. */
  function passOn(request: IncomingMessage, response: ServerResponse): void {
    const { method, url, headers } = request
    const upstream = httpRequest({ hostname, port: upstreamPort, agent, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode as number, answer.headers)
      answer.pipe(response)
    })
    upstream.on('error', () => response.destroy())
    request.pipe(upstream)
  }

  const server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
    calls += 1
    if (mood === 'up') return passOn(request, response)
    request.resume()
    if (mood === 'busy')
      response
        .writeHead(503, { 'content-type': 'application/json' })
        .end('{"odata.error":{"code":"ServerBusy","message":{"lang":"en-US","value":"The server is busy."}}}')
  })
  const listen = (port: number): Promise<void> => new Promise((resolve) => server.listen(port, '127.0.0.1', resolve))
  async function close(): Promise<void> {
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }

  await listen(0)
  const { port } = server.address() as AddressInfo
  return {
    connectionString: connectionString.replace(endpoint, `${service}Endpoint=http://127.0.0.1:${port}`),
    calls: () => calls,
    async become(next) {
      mood = next
      if (next === 'refuse') await close()
      else if (!server.listening) await listen(port)
      else server.closeAllConnections()
    },
    async stop() {
      if (server.listening) await close()
      agent.destroy()
    },
  }
}
