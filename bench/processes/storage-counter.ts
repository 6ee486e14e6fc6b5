/** Forwards, counts and times requests to the table and queue services. A process of its own, so that its work is not counted as the app's. */
import { Agent, createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { performance } from 'node:perf_hooks'
import { answerCommands } from './answer-commands.ts'

let calls = 0
let answeringMs = 0

answerCommands({
  /** Shared Key signs the path and not the host, so that forwarded requests stay valid. */
  async start({ storage }: { storage: string }): Promise<{ storage: string }> {
    return { storage: await behind('Queue', await behind('Table', storage)) }
  },
  calls: () => calls,
  /** Milliseconds from passing a request on to the last byte of its answer, summed over all requests. */
  answeringMs: () => answeringMs,
})

async function behind(service: 'Table' | 'Queue', storage: string): Promise<string> {
  const endpoint = new RegExp(`${service}Endpoint=http://([^:/;]+):([0-9]+)`)
  const [, hostname = '', port = ''] = endpoint.exec(storage) ?? []
  const agent = new Agent({ keepAlive: true })
  const server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
    calls += 1
    const { method, url, headers } = request
    const startedAt = performance.now()
    const upstream = httpRequest({ hostname, port, agent, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode as number, answer.headers)
      answer.on('end', () => (answeringMs += performance.now() - startedAt))
      answer.pipe(response)
    })
    upstream.on('error', () => response.destroy())
    request.pipe(upstream)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return storage.replace(endpoint, `${service}Endpoint=http://127.0.0.1:${(server.address() as AddressInfo).port}`)
}
