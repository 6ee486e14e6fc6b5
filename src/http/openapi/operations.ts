import { EFFECT_VERDICTS } from '../../domain/effect.ts'
import { OPERATION_STATES } from '../../domain/operation.ts'
import { DEFAULT_TOP, MAX_TOP } from '../operation-query.ts'
import { BACKEND_ID, OPERATION, OPERATION_ID, SERVICE_ID } from './examples.ts'
import { jsonOf, parameterRef, schemaRef, TEXT, TIME, type Json } from './parts.ts'
import { answer, failureResponses, READING } from './responses.ts'

export function operationListOperation(): Json {
  return {
    operationId: 'operation-list',
    tags: ['Operations'],
    summary: 'List operations',
    description:
      'Operations that the caller may read, newest first, of the last 90 days. Parameter names match without regard to case; an unknown one is refused.',
    security: [{ entra: [] }],
    parameters: [
      filter('backend', TEXT, 'Resource id of a backend.', BACKEND_ID),
      filter('service', TEXT, 'Resource id of an API Management service.', SERVICE_ID),
      filter('state', { type: 'string', enum: OPERATION_STATES }, 'Only operations in this state.'),
      filter('alert', { type: 'string', minLength: 1, maxLength: 256 }, "The sender's own id of an alert, as written."),
      filter('rule', { type: 'string', minLength: 1, maxLength: 256 }, 'The name of an alert rule, as written.'),
      filter('effect', { type: 'string', enum: EFFECT_VERDICTS }, 'Only operations with this verdict.'),
      filter('from', TIME, 'Requested at this time or later.', '2026-11-27T00:00:00Z'),
      filter('to', TIME, 'Requested at this time or earlier.', '2026-11-28T00:00:00Z'),
      filter(
        'top',
        { type: 'integer', format: 'int32', minimum: 1, maximum: MAX_TOP, default: DEFAULT_TOP },
        'At most so many; a page may hold fewer and still have a nextLink.',
      ),
      parameterRef('skiptoken'),
    ],
    responses: {
      200: answer('A page.', jsonOf(schemaRef('Operations'), { value: [OPERATION] })),
      ...failureResponses(['parameter_invalid', ...READING]),
    },
  }
}

export function operationGetOperation(): Json {
  const content = jsonOf(schemaRef('Operation'), OPERATION)
  return {
    operationId: 'operation-get',
    tags: ['Operations'],
    summary: 'Get an operation',
    description: 'For callers that hold the action `read` on its backend, and for the caller that made it.',
    security: [{ entra: [] }],
    parameters: [
      {
        name: 'operationId',
        in: 'path',
        required: true,
        description: 'From `x-reconnect-operation`, `Location`, or the answer to an alert.',
        schema: TEXT,
        example: OPERATION_ID,
      },
    ],
    responses: {
      200: answer('The operation is final.', content),
      202: answer('The operation is `accepted` and will go on.', jsonOf(schemaRef('Operation')), ['retry-after']),
      ...failureResponses(['operation_not_found', ...READING]),
    },
  }
}

export function filter(name: string, schema: Json, description: string, example?: unknown): Json {
  return { name, in: 'query', description, schema, ...(example === undefined ? {} : { example }) }
}
