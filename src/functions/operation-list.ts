import { toFailureReply } from '../http/failure-reply.ts'
import { parseOperationQuery, toNextLink } from '../http/operation-query.ts'
import { json } from '../http/reply.ts'
import { backendOf } from '../ledger/history.ts'
import { isGranted } from '../policy/authorize.ts'
import type { Handle } from './routes.ts'
import { admitReader } from './reader.ts'

/** `GET /operations`: newest first, only what the caller may read; of the rest not even its number is told. */
export const operationList: Handle = (request, context) =>
  admitReader(request, context, async ({ app, caller, correlationId }) => {
    const query = parseOperationQuery(request.query)
    if (!query.ok) return toFailureReply(query.error, correlationId, app.challenge)
    // Who may read nothing learns nothing, also not from how many pages of it there are.
    if (!app.ports.grants.grantsAnywhere(caller.principals, 'read')) return json(200, { value: [] })
    const listed = await app.history.list(query.value, (operation) =>
      isGranted(caller, 'read', backendOf(operation), app.ports.grants),
    )
    return json(200, {
      value: listed.operations,
      ...(listed.next === undefined ? {} : { nextLink: toNextLink(request.query, listed.next, app.publicUrl) }),
    })
  })
