import { parseOperationQuery } from '../http/operation-query.ts'
import { toNextLink } from '../http/query-parameters.ts'
import { json } from '../http/reply.ts'
import { readCredentials } from '../http/request-credentials.ts'
import { listOperations } from '../reconnect/read-operations.ts'
import { readFunction } from './read-function.ts'

/** `GET /operations`: newest first, only what the caller may read (contract, section 7). */
export const operationList = readFunction(
  ({ app, request, deadline }) =>
    listOperations(readCredentials(request.headers), () => parseOperationQuery(request.query), deadline, app.readPorts),
  ({ operations, nextToken }, { app, request }) => {
    const next = nextToken === undefined ? {} : { nextLink: toNextLink(request.query, nextToken, app.publicUrl) }
    return json(200, { value: operations, ...next })
  },
)
