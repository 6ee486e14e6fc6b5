import { BACKENDS, DELIVERIES, GRANTS, NEW_PAUSE, PAUSE, SERVICE_ID } from './examples.ts'
import { filter } from './operations.ts'
import { jsonOf, parameterRef, schemaRef, TEXT, type Json } from './parts.ts'
import { answer, failureResponses, READING } from './responses.ts'

/** Contract, section 11: what the caller may do, what goes on, and pauses. */
const read = (
  operationId: string,
  summary: string,
  description: string,
  responses: Json,
  parameters: Json[] = [],
): Json => ({
  operationId,
  tags: ['Operators'],
  summary,
  description,
  security: [{ entra: [] }],
  parameters,
  responses,
})

export function grantListOperation(): Json {
  return read(
    'grant-list',
    'List the grants of the caller',
    'What may I do, and why not that: only what applies to the caller.',
    {
      200: answer('The caller and what it may do.', jsonOf(schemaRef('Grants'), GRANTS)),
      ...failureResponses([
        'parameter_invalid',
        'credential_missing',
        'keys_unavailable',
        'configuration_invalid',
        'storage_unavailable',
        'defect',
      ]),
    },
  )
}

export function backendListOperation(): Json {
  return read(
    'backend-list',
    'List the backends of the caller',
    'Backends that a grant of the caller names, and those with operations in the last 90 days within its scopes. Azure Resource Manager is not asked.',
    {
      200: answer('A page.', jsonOf(schemaRef('Backends'), BACKENDS)),
      ...failureResponses(['parameter_invalid', ...READING]),
    },
    [filter('service', TEXT, 'Resource id of an API Management service.', SERVICE_ID), parameterRef('skiptoken')],
  )
}

export function deliveryListOperation(): Json {
  return read(
    'delivery-list',
    'List the deliveries of a webhook that did not act',
    'The last 100 of the last 7 days, newest first, without payloads. Entries that name a backend are shown to callers that may read it, the others to callers that may read everything that the webhook is granted.',
    {
      200: answer('The deliveries.', jsonOf(schemaRef('Deliveries'), DELIVERIES)),
      ...failureResponses(['parameter_invalid', 'deliveries_not_found', ...READING]),
    },
    [parameterRef('webhook')],
  )
}

export function pauseListOperation(): Json {
  return read('pause-list', 'List pauses', 'Pauses that last, on scopes that the caller may read.', {
    200: answer('The pauses.', jsonOf(schemaRef('Pauses'), { value: [PAUSE] })),
    ...failureResponses(['parameter_invalid', ...READING]),
  })
}

export function pauseCreateOperation(): Json {
  return {
    ...read(
      'pause-create',
      'Pause automation',
      'While the pause lasts, alerts for backends in its scope do not act. People and tools are not affected. It ends by itself. Needs the action `pause` on the scope.',
      {
        201: answer('The pause.', jsonOf(schemaRef('Pause'), PAUSE), ['location', 'x-ms-correlation-request-id']),
        ...failureResponses([
          'body_malformed',
          'parameter_invalid',
          'pause_limit',
          'body_too_large',
          'length_required',
          'media_type_unsupported',
          'not_granted',
          ...READING,
        ]),
      },
    ),
    requestBody: { required: true, content: jsonOf(schemaRef('NewPause'), NEW_PAUSE) },
  }
}

export function pauseDeleteOperation(): Json {
  return read(
    'pause-delete',
    'End a pause',
    'Needs the action `pause` on its scope. Effective on every instance within 10 seconds.',
    {
      204: answer('It has ended.', undefined, ['x-ms-correlation-request-id']),
      ...failureResponses(['parameter_invalid', 'not_granted', 'pause_not_found', ...READING]),
    },
    [{ name: 'pauseId', in: 'path', required: true, description: 'Id of the pause.', schema: TEXT, example: PAUSE.id }],
  )
}
