/** Passes on what goes to the table service, and counts it. In a process of its own, so that its work is nobody else's. */
import { Agent, createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerCommands } from './answer-commands.ts'

const TABLE_ENDPOINT = /TableEndpoint=http:\/\/([^:/;]+):([0-9]+)/
let calls = 0

answerCommands({
  /** The signature covers the path and not the host: what is passed on unchanged is accepted. */
  async start({ storage }: { storage: string }): Promise<{ storage: string }> {
    const [, hostname = '', port = ''] = TABLE_ENDPOINT.exec(storage) ?? []
    const agent = new Agent({ keepAlive: true })
    const server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
      calls += 1
      const { method, url, headers } = request
      const upstream = httpRequest({ hostname, port, agent, method, path: url, headers }, (answer) => {
        response.writeHead(answer.statusCode as number, answer.headers)
        answer.pipe(response)
      })
      upstream.on('error', () => response.destroy())
      request.pipe(upstream)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return { storage: storage.replace(TABLE_ENDPOINT, `TableEndpoint=http://127.0.0.1:${(server.address() as AddressInfo).port}`) }
  },
  calls: () => calls,
})
