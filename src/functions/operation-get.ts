import { toFailureReply } from '../http/failure-reply.ts'
import { json } from '../http/reply.ts'
import { backendOf } from '../ledger/history.ts'
import { parseOperationId } from '../ledger/keys.ts'
import { isGranted } from '../policy/authorize.ts'
import type { Handle } from './routes.ts'
import { admitReader } from './reader.ts'

/** Clients that poll look again after this long. */
const POLL_AFTER_SECONDS = 2

/** `GET /operations/{operationId}`: 202 while it is on its way, 200 once it is final; what the caller may not read is not there. */
export const operationGet: Handle = (request, context) =>
  admitReader(request, context, async ({ app, caller, correlationId }) => {
    const id = parseOperationId(request.params['operationId'] ?? '')
    const operation = id === undefined ? undefined : await app.history.find(id)
    if (operation === undefined || !isGranted(caller, 'read', backendOf(operation), app.ports.grants)) {
      return toFailureReply({ reason: 'operation_not_found' }, correlationId, app.challenge)
    }
    return operation.state === 'accepted'
      ? json(202, operation, { 'retry-after': String(POLL_AFTER_SECONDS) })
      : json(200, operation)
  })
