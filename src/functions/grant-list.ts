import { readNoParameters } from '../http/query-parameters.ts'
import { json } from '../http/reply.ts'
import { readCredentials } from '../http/request-credentials.ts'
import { listGrants } from '../reconnect/list-grants.ts'
import { readFunction } from './read-function.ts'

/** `GET /grants`: what the caller may do, and by which principals (contract, section 11). */
export const grantList = readFunction(
  ({ app, request, deadline }) =>
    listGrants(readCredentials(request.headers), () => readNoParameters(request.query), deadline, app.readPorts),
  (grants) => json(200, grants),
)
