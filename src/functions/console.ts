import { composition } from '../composition.ts'
import { toConsoleReply } from '../http/console-reply.ts'
import { toFailureReply } from '../http/failure-reply.ts'
import { readRequestIds } from '../http/request-ids.ts'
import type { Handle } from './routes.ts'

/** `GET /console`, `GET /console/{file}`: static files; the page signs in by itself (contract, section 13). */
export const consolePage: Handle = async (request) => {
  const app = composition()
  if (!app.ok)
    return toFailureReply({ reason: 'configuration_invalid' }, readRequestIds(request.headers).correlationId, undefined)
  const { consoleFiles } = await import('../console-files.ts')
  const { file } = request.params
  return toConsoleReply(file, consoleFiles, app.value.consoleSettings, request.headers.get('accept-encoding'))
}
