/** Without the SDK: `node:http` in, undici's pool out. This is the cost of two HTTP hops. */
import { randomUUID } from 'node:crypto'
import { Agent } from 'undici'
import { answerCommands } from './answer-commands.ts'
import { measure } from './measure.ts'
import { serveBare } from './serve.ts'

const { ARM_ENDPOINT: origin = '', BARE_TOKEN: token = '' } = process.env

answerCommands({
  start() {
    const agent = new Agent({ connections: 64, pipelining: 1 })
    return serveBare(async ({ path, body }) => {
      const { statusCode, body: answer } = await agent.request({
        origin,
        path: `${path}?api-version=2024-05-01`,
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'x-ms-client-request-id': randomUUID(),
        },
        body,
      })
      await answer.dump()
      return statusCode
    })
  },
  measure,
})
