import { writeAudit } from '../audit/write-audit.ts'
import { composition, type App } from '../composition.ts'
import { checkFraming, MAX_RECONNECT_BODY_BYTES, readJsonBody } from '../http/body.ts'
import { toFailureReply } from '../http/failure-reply.ts'
import { toReconnectReply } from '../http/reconnect-reply.ts'
import { readRequestIds } from '../http/request-ids.ts'
import { toAuditEvent } from '../reconnect/audit-event.ts'
import { parseReconnectCommand } from '../reconnect/parse-command.ts'
import { reconnect, type ReconnectRequest } from '../reconnect/reconnect.ts'
import { answerReserveMs, createDeadline, type Deadline } from '../shared/deadline.ts'
import { err, type Result } from '../shared/result.ts'
import type { Handle } from './routes.ts'
import type { HttpRequest } from '@azure/functions'
import type { ReconnectCommand } from '../domain/command.ts'
import type { RequestFailure } from '../domain/failure.ts'

export const backendReconnect: Handle = async (request, context) => {
  const ids = readRequestIds(request.headers)
  const app = composition()
  if (!app.ok) {
    const failure = { reason: 'configuration_invalid' } as const
    writeAudit(context, toAuditEvent({ ids, trail: {}, result: err(failure), durationMs: 0 }))
    return toFailureReply(failure, ids.correlationId, undefined)
  }

  const { ports, deadlineMs, challenge, publicUrl } = app.value
  const deadline = createDeadline(ports.clock, deadlineMs - answerReserveMs(deadlineMs))
  try {
    const decision = await reconnect(toRequest(request, app.value, deadline, ids), {
      ...ports,
      record: (event) => writeAudit(context, event),
    })
    return toReconnectReply(decision, { ids, challenge, publicUrl })
  } finally {
    deadline.dispose()
  }
}

function toRequest(request: HttpRequest, app: App, deadline: Deadline, ids: ReconnectRequest['ids']): ReconnectRequest {
  const header = (name: string): string | undefined => request.headers.get(name) ?? undefined
  return {
    ids,
    deadline,
    checkFraming: () => checkFraming(request.headers, MAX_RECONNECT_BODY_BYTES),
    credentials: { authorization: header('authorization'), clientPrincipal: header('x-ms-client-principal') },
    readCommand: async (): Promise<Result<ReconnectCommand, RequestFailure>> => {
      const body = await readJsonBody(request, MAX_RECONNECT_BODY_BYTES)
      if (!body.ok) return body
      const apiVersions = [...request.query]
        .filter(([name]) => name.toLowerCase() === 'api-version')
        .map(([, value]) => value)
      return parseReconnectCommand(
        // Only the parts that the host matched and decoded; the URL is not read a second time, by other rules.
        {
          path: request.params,
          apiVersions,
          dryRun: header('x-reconnect-dry-run'),
          force: header('x-reconnect-force'),
          body: body.value,
        },
        app.apiVersions,
      )
    },
  }
}
