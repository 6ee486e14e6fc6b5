import { jsonOf, schemaRef, type Json } from './parts.ts'
import { answer, failureResponses } from './responses.ts'

/** The one error of these routes that is the caller's; every other route has it as well, among its own. */
const UNREADABLE: Json = { description: 'The platform could not read the request. No body.' }

/** What load balancers and client generators ask: needs no credentials, and reveals no id and no secret. */
function open(operationId: string, summary: string, description: string, responses: Json): Json {
  return {
    operationId,
    tags: ['Service'],
    summary,
    description,
    security: [],
    responses: { 400: UNREADABLE, ...responses },
  }
}

export function healthLiveOperation(): Json {
  return open('health-live', 'Say whether the process runs', 'Looks at nothing else.', {
    200: answer('It runs.', jsonOf(schemaRef('Health'), { status: 'live' })),
    ...failureResponses(['defect']),
  })
}

export function healthReadyOperation(): Json {
  return open(
    'health-ready',
    'Say whether requests can be served',
    'Looks at configuration, the keys of the token issuer, and storage. The failing check is named, never a value.',
    {
      200: answer('They can be served.', jsonOf(schemaRef('Health'), { status: 'ready' })),
      503: answer('A check failed.', jsonOf(schemaRef('Health'), { status: 'unready' }), [
        'retry-after',
        'x-ms-error-code',
      ]),
      ...failureResponses(['defect']),
    },
  )
}

export function openapiGetOperation(): Json {
  return open('openapi-get', 'Get this document', 'OpenAPI 3.1. The same in OpenAPI 3.0 is `docs/openapi-3.0.json`.', {
    200: answer('This document.', jsonOf({ type: 'object' })),
    ...failureResponses(['configuration_invalid', 'defect']),
  })
}
