import { parseBackendQuery } from '../http/backend-query.ts'
import { toNextLink } from '../http/query-parameters.ts'
import { json } from '../http/reply.ts'
import { readCredentials } from '../http/request-credentials.ts'
import { listBackends } from '../reconnect/list-backends.ts'
import { readFunction } from './read-function.ts'

/** `GET /backends`: what the caller can reconnect, and what goes on there (contract, section 11). */
export const backendList = readFunction(
  ({ app, request, deadline }) =>
    listBackends(readCredentials(request.headers), () => parseBackendQuery(request.query), deadline, app.backendPorts),
  ({ backends, nextToken }, { app, request }) => {
    const next =
      nextToken === undefined ? {} : { nextLink: toNextLink(request.query, nextToken, app.publicUrl, '/backends') }
    return json(200, { value: backends, ...next })
  },
)
