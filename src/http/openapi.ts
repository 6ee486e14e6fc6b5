import * as z from 'zod/mini'
import { MAX_AFTER_MS } from '../domain/duration.ts'
import { SEGMENT_EXPECTATION, SEGMENT_PATTERNS, type SegmentName } from '../domain/segments.ts'
import { OPERATION_STATES } from '../domain/operation.ts'
import { DEFAULT_TOP, MAX_TOP } from './operation-query.ts'
import { RECONNECT_BODY, type ApiVersions } from '../reconnect/parse-command.ts'
import { WIRE } from './failure-reply.ts'
import { ALERT_ANSWERS, ERROR_RESPONSE, OPERATION, TIME } from './openapi-schemas.ts'

/**
 * The OpenAPI 3.1 description of the HTTP surface, made of the very patterns, schema and failure table that serve requests, so that it
 * cannot drift from them.
 */
export function openApiDocument({ supported, fallback }: ApiVersions): object {
  return {
    openapi: '3.1.0',
    info: {
      title: 'APIM Reconnect',
      version: '1.0.0',
      summary: 'Reconnects API Management backends through Azure Resource Manager, for callers without an Azure role.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    paths: {
      [RECONNECT_PATH]: { post: reconnectOperation(supported, fallback) },
      '/alerts/{webhook}': { post: alertOperation(), options: handshakeOperation() },
      '/operations': { get: operationListOperation() },
      '/operations/{operationId}': { get: operationGetOperation() },
      '/health/live': { get: healthOperation('health-live', 'The process runs.') },
      '/health/ready': {
        get: healthOperation(
          'health-ready',
          'Requests can be judged and recorded: configuration, issuer keys, storage.',
          true,
        ),
      },
      '/openapi.json': {
        get: {
          operationId: 'openapi-get',
          summary: 'This document.',
          security: [],
          responses: { 200: { description: 'OpenAPI 3.1', content: jsonOf({ type: 'object' }) } },
        },
      },
    },
    components: {
      schemas: { ErrorResponse: ERROR_RESPONSE, Operation: OPERATION, AlertAnswers: ALERT_ANSWERS },
      securitySchemes: {
        entra: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'A token of Microsoft Entra ID for this app.',
        },
      },
    },
  }
}

const RECONNECT_PATH =
  '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ApiManagement/service/{serviceName}/backends/{backendId}/reconnect'

/** Reasons that only the operation routes have. */
const READING_ONLY = ['parameter_invalid', 'operation_not_found', 'storage_unavailable']
/** Reasons that only alerts and their deliveries have. */
const ALERTS_ONLY = ['payload_invalid', 'too_many_alerts', 'target_invalid']
/** Reasons that a sender may be answered with; each webhook's proof is its own, and every fault of it is the same on the wire. */
const POSTING = [
  'webhook_secret',
  'keys_unavailable',
  'configuration_invalid',
  'storage_unavailable',
  'defect',
  'body_too_large',
  'length_required',
  'media_type_unsupported',
  'payload_invalid',
  'too_many_alerts',
]
/** Reasons that both operation routes have; every credential's fault is the same on the wire. */
const READING = ['credential_missing', 'keys_unavailable', 'configuration_invalid', 'storage_unavailable', 'defect']

function reconnectOperation(supported: readonly string[], fallback: string): object {
  return {
    operationId: 'backend-reconnect',
    summary: 'Asks API Management to make new connections to a backend.',
    description: `The route of Azure Resource Manager's own operation Backend - Reconnect. 'after' is an ISO 8601 duration of at most ${MAX_AFTER_MS / 3_600_000} hours.`,
    security: [{ entra: [] }],
    parameters: [
      ...(Object.keys(SEGMENT_PATTERNS) as SegmentName[]).map((name) => ({
        name,
        in: 'path',
        required: true,
        description: `Expected: ${SEGMENT_EXPECTATION[name]}.`,
        schema: { type: 'string', pattern: SEGMENT_PATTERNS[name].source },
      })),
      { name: 'api-version', in: 'query', schema: { type: 'string', enum: supported, default: fallback } },
      flagHeader('x-reconnect-dry-run', 'Decide everything, send nothing.'),
      flagHeader('x-reconnect-force', "Do not join a reconnect that is already on its way; needs the action 'force'."),
      guidHeader('x-ms-client-request-id'),
      guidHeader('x-ms-correlation-request-id'),
    ],
    requestBody: { required: false, content: jsonOf(bodySchema()) },
    responses: {
      202: {
        description:
          'Azure Resource Manager accepted the reconnect, or an earlier one covers it, or it would have been asked (dry run). No body.',
        headers: ACCEPTED_HEADERS,
      },
      ...failureResponses((reason) => ![...READING_ONLY, ...ALERTS_ONLY].includes(reason)),
      '4XX': errorResponse(
        'What Azure Resource Manager said, relayed: status, code, message and details, with its Retry-After.',
      ),
    },
  }
}

function bodySchema(): object {
  const { $schema, ...schema } = z.toJSONSchema(RECONNECT_BODY)
  void $schema
  return { ...schema, examples: [{ properties: { after: 'PT5M' } }] }
}

/** One response per status of the failure table, naming its codes. */
function failureResponses(has: (reason: string) => boolean): Record<number, object> {
  const codes = new Map<number, Set<string>>()
  for (const [reason, { status, code }] of Object.entries(WIRE))
    if (has(reason)) codes.set(status, (codes.get(status) ?? new Set()).add(code))
  return Object.fromEntries([...codes].map(([status, names]) => [status, errorResponse([...names].join(', '))]))
}

const ACCEPTED_HEADERS = {
  'x-reconnect-outcome': {
    description: 'What was done.',
    schema: { type: 'string', enum: ['forwarded', 'joined', 'dry-run'] },
  },
  'x-reconnect-due': { description: 'When the gateway reconnects.', schema: { type: 'string', format: 'date-time' } },
  'x-reconnect-operation': { description: 'The operation.', schema: { type: 'string' } },
  'x-reconnect-warning': {
    description:
      "`after-below-minimum`: 'after' is below the documented minimum of PT2M. `not-recorded`: storage is away, the operation cannot be looked up.",
    schema: { type: 'string' },
  },
  location: { description: 'Where the operation is.', schema: { type: 'string', format: 'uri-reference' } },
  'retry-after': { description: 'Seconds after which to look there.', schema: { type: 'integer' } },
}

const OPERATION_REF = { $ref: '#/components/schemas/Operation' }

const WEBHOOK_PARAMETER = {
  name: 'webhook',
  in: 'path',
  required: true,
  description: "A webhook's name in the policy.",
  schema: { type: 'string', pattern: '^[a-z0-9-]{1,63}$' },
}

function alertOperation(): object {
  const answers = jsonOf({ $ref: '#/components/schemas/AlertAnswers' })
  return {
    operationId: 'alert-receive',
    summary: 'Takes in alerts, and has the backends that they select reconnected.',
    description:
      'Body and proof are what the configuration of the webhook says. A 2xx means that what is to be done is held durably.',
    security: [],
    parameters: [WEBHOOK_PARAMETER],
    requestBody: { required: true, content: jsonOf({}) },
    responses: {
      200: { description: 'Nothing is to be done. (Event Grid: the answer to a validation event.)', content: answers },
      202: {
        description: 'One alert at least was accepted: it will be delivered, or its operation says why not.',
        content: answers,
      },
      403: errorResponse('Every firing alert was denied: AuthorizationFailed. `alerts` stands beside `error`.'),
      ...failureResponses((reason) => POSTING.includes(reason)),
    },
  }
}

function handshakeOperation(): object {
  return {
    operationId: 'alert-handshake',
    summary:
      'The handshake of CloudEvents (HTTP 1.1 Web Hooks for Event Delivery, section 4), for webhooks of format event-grid.',
    security: [],
    parameters: [
      WEBHOOK_PARAMETER,
      { name: 'WebHook-Request-Origin', in: 'header', required: true, schema: { type: 'string' } },
    ],
    responses: {
      200: {
        description: 'Events are welcome.',
        headers: {
          'webhook-allowed-origin': { schema: { type: 'string' } },
          'webhook-allowed-rate': { schema: { type: 'string' } },
        },
      },
      ...failureResponses((reason) =>
        ['webhook_secret', 'keys_unavailable', 'configuration_invalid', 'header_invalid', 'defect'].includes(reason),
      ),
    },
  }
}

function operationListOperation(): object {
  const parameter = (name: string, schema: object, description: string): object => ({
    name,
    in: 'query',
    schema,
    description,
  })
  return {
    operationId: 'operation-list',
    summary: 'Operations that the caller may read, newest first.',
    security: [{ entra: [] }],
    parameters: [
      parameter('backend', { type: 'string' }, 'Resource id of a backend.'),
      parameter('service', { type: 'string' }, 'Resource id of an API Management service.'),
      parameter('state', { type: 'string', enum: OPERATION_STATES }, 'Only these.'),
      parameter('from', TIME, 'Requested at or after.'),
      parameter('to', TIME, 'Requested at or before.'),
      parameter(
        'top',
        { type: 'integer', minimum: 1, maximum: MAX_TOP, default: DEFAULT_TOP },
        'At most so many; a page may hold fewer and still have a nextLink.',
      ),
    ],
    responses: {
      200: {
        description: 'A page.',
        content: jsonOf({
          type: 'object',
          required: ['value'],
          properties: {
            value: { type: 'array', items: OPERATION_REF },
            nextLink: { type: 'string', format: 'uri-reference' },
          },
        }),
      },
      ...failureResponses((reason) => reason === 'parameter_invalid' || READING.includes(reason)),
    },
  }
}

function operationGetOperation(): object {
  return {
    operationId: 'operation-get',
    summary: 'One operation.',
    security: [{ entra: [] }],
    parameters: [{ name: 'operationId', in: 'path', required: true, schema: { type: 'string' } }],
    responses: {
      200: { description: 'It is final.', content: jsonOf(OPERATION_REF) },
      202: {
        description: 'It is on its way.',
        headers: { 'retry-after': ACCEPTED_HEADERS['retry-after'] },
        content: jsonOf(OPERATION_REF),
      },
      ...failureResponses((reason) => reason === 'operation_not_found' || READING.includes(reason)),
    },
  }
}

function errorResponse(description: string): object {
  return { description, content: jsonOf({ $ref: '#/components/schemas/ErrorResponse' }) }
}

function healthOperation(operationId: string, summary: string, mayFail = false): object {
  const body = jsonOf({
    type: 'object',
    required: ['status'],
    properties: { status: { type: 'string' }, checks: { type: 'array', items: { type: 'object' } } },
  })
  return {
    operationId,
    summary,
    security: [],
    responses: {
      200: { description: 'Yes.', content: body },
      ...(mayFail ? { 503: { description: 'No: the failing check is named.', content: body } } : {}),
    },
  }
}

function flagHeader(name: string, description: string): object {
  return { name, in: 'header', description, schema: { type: 'string', enum: ['true', 'false'], default: 'false' } }
}

function guidHeader(name: string): object {
  return {
    name,
    in: 'header',
    description: 'Travels to Azure Resource Manager where it is a GUID.',
    schema: { type: 'string', format: 'uuid' },
  }
}

function jsonOf(schema: object): object {
  return { 'application/json': { schema } }
}
