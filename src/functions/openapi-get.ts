import { composition } from '../composition.ts'
import { toFailureReply } from '../http/failure-reply.ts'
import { openApiDocument } from '../http/openapi/document.ts'
import { json } from '../http/reply.ts'
import { readRequestIds } from '../http/request-ids.ts'
import { ROUTES, type Handle } from './routes.ts'

const REGISTERED: ReadonlySet<string> = new Set(ROUTES.map(({ name }) => name))

export const openapiGet: Handle = (request) => {
  const app = composition()
  const reply = app.ok
    ? json(
        200,
        openApiDocument({
          apiVersions: app.value.apiVersions,
          publicUrl: app.value.publicUrl,
          functions: REGISTERED,
        }),
      )
    : toFailureReply({ reason: 'configuration_invalid' }, readRequestIds(request.headers).correlationId, undefined)
  return Promise.resolve(reply)
}
