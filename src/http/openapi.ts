import * as z from 'zod/mini'
import { MAX_AFTER_MS } from '../domain/duration.ts'
import { SEGMENT_EXPECTATION, SEGMENT_PATTERNS, type SegmentName } from '../domain/segments.ts'
import { RECONNECT_BODY, type ApiVersions } from '../reconnect/parse-command.ts'
import { WIRE } from './failure-reply.ts'

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
      '/health/live': { get: healthOperation('health-live', 'The process runs.') },
      '/health/ready': { get: healthOperation('health-ready', 'Requests can be judged: configuration and issuer keys.', true) },
      '/openapi.json': {
        get: { operationId: 'openapi-get', summary: 'This document.', security: [], responses: { 200: { description: 'OpenAPI 3.1', content: jsonOf({ type: 'object' }) } } },
      },
    },
    components: {
      schemas: { ErrorResponse: ERROR_RESPONSE },
      securitySchemes: {
        entra: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'A token of Microsoft Entra ID for this app.' },
      },
    },
  }
}

const RECONNECT_PATH =
  '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ApiManagement/service/{serviceName}/backends/{backendId}/reconnect'

const ERROR_DETAIL = {
  type: 'object',
  required: ['code', 'message'],
  properties: {
    code: { type: 'string' },
    message: { type: 'string' },
    target: { type: 'string' },
    details: { description: "ARM's details, as ARM sent them.", type: ['array', 'null'], items: {} },
  },
}
const ERROR_RESPONSE = { type: 'object', required: ['error'], properties: { error: ERROR_DETAIL } }

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
      202: { description: 'Azure Resource Manager accepted the reconnect, or would have been asked (dry run). No body.', headers: ACCEPTED_HEADERS },
      ...failureResponses(),
      '4XX': errorResponse("What Azure Resource Manager said, relayed: status, code, message and details, with its Retry-After."),
    },
  }
}

function bodySchema(): object {
  const { $schema, ...schema } = z.toJSONSchema(RECONNECT_BODY)
  void $schema
  return { ...schema, examples: [{ properties: { after: 'PT5M' } }] }
}

/** One response per status of the failure table, naming its codes. */
function failureResponses(): Record<number, object> {
  const codes = new Map<number, Set<string>>()
  for (const { status, code } of Object.values(WIRE)) codes.set(status, (codes.get(status) ?? new Set()).add(code))
  return Object.fromEntries([...codes].map(([status, names]) => [status, errorResponse([...names].join(', '))]))
}

const ACCEPTED_HEADERS = {
  'x-reconnect-outcome': { description: 'What was done.', schema: { type: 'string', enum: ['forwarded', 'dry-run'] } },
  'x-reconnect-due': { description: 'When the gateway reconnects.', schema: { type: 'string', format: 'date-time' } },
  'x-reconnect-warning': { description: "'after' is below the documented minimum of PT2M.", schema: { type: 'string', enum: ['after-below-minimum'] } },
}

function errorResponse(description: string): object {
  return { description, content: jsonOf({ $ref: '#/components/schemas/ErrorResponse' }) }
}

function healthOperation(operationId: string, summary: string, mayFail = false): object {
  const body = jsonOf({ type: 'object', required: ['status'], properties: { status: { type: 'string' }, checks: { type: 'array', items: { type: 'object' } } } })
  return {
    operationId,
    summary,
    security: [],
    responses: { 200: { description: 'Yes.', content: body }, ...(mayFail ? { 503: { description: 'No: the failing check is named.', content: body } } : {}) },
  }
}

function flagHeader(name: string, description: string): object {
  return { name, in: 'header', description, schema: { type: 'string', enum: ['true', 'false'], default: 'false' } }
}

function guidHeader(name: string): object {
  return { name, in: 'header', description: 'Travels to Azure Resource Manager where it is a GUID.', schema: { type: 'string', format: 'uuid' } }
}

function jsonOf(schema: object): object {
  return { 'application/json': { schema } }
}
