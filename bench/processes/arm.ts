/** A minimal ARM over TLS that answers a reconnect with the right status and headers, so that the servers in front of it limit the rate. */
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { answerCommands } from './answer-commands.ts'

const HEADERS = {
  'cache-control': 'no-cache',
  'content-length': '0',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-ms-request-id': randomUUID(),
  'x-ms-correlation-request-id': randomUUID(),
  'x-ms-routing-request-id': `WESTEUROPE:20261101T120000Z:${randomUUID()}`,
  'x-ms-ratelimit-remaining-subscription-writes': '199',
  'x-content-type-options': 'nosniff',
}
let accepted = 0

answerCommands({
  async start({ key, cert }: { key: string; cert: string }): Promise<{ port: number }> {
    const server = createServer({ key, cert, keepAliveTimeout: 120_000 }, (request, response) => {
      request.resume()
      const expected =
        request.method === 'POST' &&
        /\/backends\/[^/]+\/reconnect\?api-version=/.test(request.url ?? '') &&
        request.headers.authorization !== undefined
      if (expected) accepted += 1
      response.writeHead(expected ? 202 : 400, HEADERS).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return { port: (server.address() as AddressInfo).port }
  },
  accepted: () => accepted,
})
