import { composition } from '../composition.ts'
import { toFailureReply } from '../http/failure-reply.ts'
import { openApiDocument } from '../http/openapi.ts'
import { json } from '../http/reply.ts'
import { readRequestIds } from '../http/request-ids.ts'
import type { Handle } from './routes.ts'

export const openapiGet: Handle = (request) => {
  const app = composition()
  const reply = app.ok
    ? json(200, openApiDocument(app.value.apiVersions))
    : toFailureReply({ reason: 'configuration_invalid' }, readRequestIds(request.headers).correlationId, undefined)
  return Promise.resolve(reply)
}
