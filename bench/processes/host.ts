/** A function app on the local host: the worker's model, the library's real HttpRequest and HttpResponse, the registered handler. */
import type { LogRecord } from '../../sandbox/host/core-types.ts'
import { startHost } from '../../sandbox/host/host.ts'
import { answerCommands } from './answer-commands.ts'
import { measure } from './measure.ts'

/** Audit events are written and passed on as to the worker. NOT measured: what the platform does with them. */
let auditEvents = 0
const log = ({ message }: LogRecord): void => {
  if (message.startsWith('{"event":"reconnect.decision"')) auditEvents += 1
}

answerCommands({
  async start({ appRoot }: { appRoot: string }): Promise<{ port: number }> {
    const { port } = await startHost({ appRoot, port: 0, orFreePort: false, environment: process.env, log })
    return { port }
  },
  measure,
  auditEvents: () => auditEvents,
})
