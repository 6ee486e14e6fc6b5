import { readNoParameters } from '../http/query-parameters.ts'
import { COMMON_HEADERS } from '../http/reply.ts'
import { readCredentials } from '../http/request-credentials.ts'
import { deletePause } from '../reconnect/manage-pauses.ts'
import { readFunction } from './read-function.ts'

/** `DELETE /pauses/{pauseId}`: ends it before its time (contract, section 11). */
export const pauseDelete = readFunction(
  ({ app, request, ids, deadline, auditPause }) =>
    deletePause(
      {
        ids,
        deadline,
        credentials: readCredentials(request.headers),
        checkQuery: () => readNoParameters(request.query),
        id: app.parsePauseId(request.params['pauseId'] ?? ''),
        audit: auditPause,
      },
      app.pausePorts,
    ),
  (_, { ids }) => ({
    status: 204,
    headers: { ...COMMON_HEADERS, 'x-ms-correlation-request-id': ids.correlationId },
  }),
)
