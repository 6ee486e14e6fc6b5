import type { HttpRequest } from '@azure/functions'
import type { RequestFailure } from '../domain/failure.ts'
import { toShownPause, type NewPause } from '../domain/pause.ts'
import { checkFraming, readJsonBody } from '../http/body.ts'
import { MAX_PAUSE_BODY_BYTES, parseNewPause } from '../http/new-pause.ts'
import { readNoParameters } from '../http/query-parameters.ts'
import { json } from '../http/reply.ts'
import { readCredentials } from '../http/request-credentials.ts'
import { createPause } from '../reconnect/manage-pauses.ts'
import type { Result } from '../shared/result.ts'
import { readFunction } from './read-function.ts'

/** `POST /pauses`: 201 with the pause (contract, section 11). */
export const pauseCreate = readFunction(
  ({ app, request, ids, deadline, auditPause }) =>
    createPause(
      {
        ids,
        deadline,
        credentials: readCredentials(request.headers),
        checkFraming: () => checkFraming(request.headers, MAX_PAUSE_BODY_BYTES),
        readPause: (nowEpochMs) => readPause(request, nowEpochMs),
        audit: auditPause,
      },
      app.pausePorts,
    ),
  (pause, { app, ids }) =>
    json(201, toShownPause(pause), {
      location: `${app.publicUrl ?? ''}/pauses/${pause.id}`,
      'x-ms-correlation-request-id': ids.correlationId,
    }),
)

async function readPause(request: HttpRequest, nowEpochMs: number): Promise<Result<NewPause, RequestFailure>> {
  const query = readNoParameters(request.query)
  if (!query.ok) return query
  const body = await readJsonBody(request, MAX_PAUSE_BODY_BYTES)
  return body.ok ? parseNewPause(body.value, nowEpochMs) : body
}
