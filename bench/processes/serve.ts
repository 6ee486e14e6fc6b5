import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a bare server reads of a request: path and body, without validation. */
export interface BareRequest {
  readonly resourceGroup: string
  readonly service: string
  readonly backend: string
  readonly after: string | undefined
  readonly path: string
  readonly body: string
}

/** A `node:http` server that forwards every request, in the same process layout as the host of our route. */
export async function serveBare(forward: (request: BareRequest) => Promise<number>): Promise<{ port: number }> {
  const server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
    read(request)
      .then(forward)
      .then((status) => response.writeHead(status, { 'content-length': '0' }).end())
      .catch((error: unknown) => response.writeHead(502).end(String(error)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port }
}

async function read(request: IncomingMessage): Promise<BareRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks).toString('utf8')
  const path = request.url ?? ''
  const [, , , , resourceGroup = '', , , , service = '', , backend = ''] = path.split('/')
  const after = body === '' ? undefined : (JSON.parse(body) as { properties: { after: string } }).properties.after
  return { resourceGroup, service, backend, after, path, body }
}
