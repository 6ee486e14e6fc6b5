import type { HttpRequest } from '@azure/functions'
import type { ReconnectCommand } from '../domain/command.ts'
import type { RequestFailure } from '../domain/failure.ts'
import { checkFraming, MAX_RECONNECT_BODY_BYTES, readJsonBody } from '../http/body.ts'
import { toReconnectReply } from '../http/reconnect-reply.ts'
import { readCredentials } from '../http/request-credentials.ts'
import { parseReconnectCommand, type ApiVersions } from '../reconnect/parse-command.ts'
import { reconnect } from '../reconnect/reconnect.ts'
import { answerReserveMs, recordShareMs } from '../shared/deadline.ts'
import type { Result } from '../shared/result.ts'
import { httpFunction } from './invocation.ts'

/** `POST …/backends/{backendId}/reconnect`: ARM's own route (contract, section 3). */
export const backendReconnect = httpFunction(
  { deadlineMs: ({ deadlineMs }) => deadlineMs - answerReserveMs(deadlineMs), trigger: () => ({ kind: 'http' }) },
  async ({ app, request, ids, deadline, audit, auditEffect }) => {
    const { reconnectPorts, apiVersions, challenge, publicUrl, deadlineMs } = app
    const asked = {
      ids,
      deadline,
      recordWithinMs: recordShareMs(deadlineMs),
      checkFraming: () => checkFraming(request.headers, MAX_RECONNECT_BODY_BYTES),
      credentials: readCredentials(request.headers),
      readCommand: () => readCommand(request, apiVersions),
    }
    const decision = await reconnect(asked, { ...reconnectPorts, audit, auditEffect })
    return toReconnectReply(decision, { ids, challenge, publicUrl })
  },
)

async function readCommand(
  request: HttpRequest,
  versions: ApiVersions,
): Promise<Result<ReconnectCommand, RequestFailure>> {
  const body = await readJsonBody(request, MAX_RECONNECT_BODY_BYTES)
  if (!body.ok) return body
  const header = (name: string): string | undefined => request.headers.get(name) ?? undefined
  const headers = {
    dryRun: header('x-reconnect-dry-run'),
    force: header('x-reconnect-force'),
    reason: header('x-reconnect-reason'),
  }
  // Only the parts that the host matched and decoded; the URL is not read a second time, by other rules.
  return parseReconnectCommand({ path: request.params, query: request.query, ...headers, body: body.value }, versions)
}
