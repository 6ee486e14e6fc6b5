import { toShownPause } from '../domain/pause.ts'
import { readNoParameters } from '../http/query-parameters.ts'
import { json } from '../http/reply.ts'
import { readCredentials } from '../http/request-credentials.ts'
import { listPauses } from '../reconnect/manage-pauses.ts'
import { readFunction } from './read-function.ts'

/** `GET /pauses`: those that last, the newest first. There are never so many that a second page is needed. */
export const pauseList = readFunction(
  ({ app, request, deadline }) =>
    listPauses(readCredentials(request.headers), () => readNoParameters(request.query), deadline, app.pausePorts),
  (pauses) => json(200, { value: pauses.map(toShownPause) }),
)
