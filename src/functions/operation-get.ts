import { json } from '../http/reply.ts'
import { readCredentials } from '../http/request-credentials.ts'
import { readOperation } from '../reconnect/read-operations.ts'
import { readFunction } from './read-function.ts'

/** Clients that poll look again after this long. */
const POLL_AFTER_SECONDS = 2

/** `GET /operations/{operationId}`: 202 while it is on its way, 200 once it is final (contract, section 7). */
export const operationGet = readFunction(
  ({ app, request, deadline }) => {
    const id = app.parseOperationId(request.params['operationId'] ?? '')
    return readOperation(readCredentials(request.headers), id, deadline, app.readPorts)
  },
  (operation) =>
    operation.state === 'accepted'
      ? json(202, operation, { 'retry-after': String(POLL_AFTER_SECONDS) })
      : json(200, operation),
)
