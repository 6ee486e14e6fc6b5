import { SEGMENT_EXPECTATION, SEGMENT_PATTERNS, type SegmentName } from '../../domain/segments.ts'
import { MAX_REASON_CHARS, type ApiVersions } from '../../reconnect/parse-command.ts'
import { SEGMENTS } from './examples.ts'
import { jsonOf, schemaRef, type Json } from './parts.ts'
import { answer, errorResponse, failureResponses } from './responses.ts'

export const RECONNECT_PATH =
  '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ApiManagement/service/{serviceName}/backends/{backendId}/reconnect'

/** On answers of this route, whatever they say: where a request came that far. */
const IDS = ['x-ms-client-request-id', 'x-ms-request-id', 'x-ms-routing-request-id'] as const
const OPERATION = ['x-reconnect-operation', 'x-reconnect-warning'] as const
const ON_ERRORS = [...IDS, ...OPERATION]

/** What Azure Resource Manager is known to answer; any other 4xx of it is relayed as well. */
const RELAYED_STATUSES = [404, 409, 412, 422, 429] as const

export function reconnectOperation({ supported, fallback }: ApiVersions): Json {
  const relayed = (status?: number): Json =>
    errorResponse(
      status,
      'Relayed from Azure Resource Manager: status, code, message, details and Retry-After are its own.',
      ['retry-after', ...ON_ERRORS],
    )
  return {
    operationId: 'backend-reconnect',
    tags: ['Reconnect'],
    summary: 'Reconnect a backend',
    description:
      "Asks API Management to make new connections to a backend. The route is Azure Resource Manager's own operation Backend - Reconnect. An earlier reconnect that is due in time is joined.",
    security: [{ entra: [] }],
    parameters: [
      ...(Object.keys(SEGMENT_PATTERNS) as SegmentName[]).map((name) => ({
        name,
        in: 'path',
        required: true,
        description: `Expected: ${SEGMENT_EXPECTATION[name]}.`,
        schema: { type: 'string', pattern: SEGMENT_PATTERNS[name].source },
        ...(SEGMENTS[name] === undefined ? {} : { example: SEGMENTS[name] }),
      })),
      {
        name: 'api-version',
        in: 'query',
        description: 'Version of the REST API of API Management, forwarded as given.',
        schema: { type: 'string', enum: supported, default: fallback },
      },
      flagHeader('x-reconnect-dry-run', 'Decide everything, joining included, and send nothing.'),
      flagHeader('x-reconnect-force', 'Do not join a reconnect that is already scheduled. Needs the action `force`.'),
      {
        name: 'x-reconnect-reason',
        in: 'header',
        description: 'Why, for the record: printable ASCII characters.',
        schema: { type: 'string', maxLength: MAX_REASON_CHARS, pattern: '^[ -~]*$' },
        example: 'INC-4711',
      },
      guidHeader('x-ms-client-request-id'),
      guidHeader('x-ms-correlation-request-id'),
    ],
    requestBody: {
      required: false,
      description: 'At most 64 KiB, with a Content-Length.',
      content: jsonOf(schemaRef('ReconnectRequest'), { properties: { after: 'PT5M' } }),
    },
    responses: {
      202: answer(
        'Azure Resource Manager accepted the reconnect, or an earlier one covers it, or it would have been asked (dry run). No body. `Location` leads to the operation.',
        undefined,
        [
          'x-reconnect-outcome',
          'x-reconnect-would',
          'x-reconnect-due',
          ...OPERATION,
          'location',
          'retry-after',
          'x-ms-correlation-request-id',
          ...IDS,
        ],
      ),
      ...Object.fromEntries(RELAYED_STATUSES.map((status) => [status, relayed(status)])),
      ...withRelayed(
        failureResponses(
          [
            'body_too_large',
            'length_required',
            'media_type_unsupported',
            'body_malformed',
            'header_invalid',
            'parameter_invalid',
            'segment_invalid',
            'api_version_invalid',
            'duration_invalid',
            'credential_missing',
            'keys_unavailable',
            'not_granted',
            'switched_off',
            'configuration_invalid',
            'in_flight_elsewhere',
            'identity_unavailable',
            'arm_refused_identity',
            'arm_unreachable',
            'arm_unavailable',
            'outcome_unknown',
            'defect',
          ],
          ON_ERRORS,
        ),
      ),
      default: relayed(),
    },
  }
}

/** ARM's own 400, 411, 413 and 415 come under the same status as ours, with its codes and its Retry-After. */
function withRelayed(responses: Record<string, Json>): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(responses).map(([status, response]) => [
      status,
      status.startsWith('4') && status !== '401' && status !== '403'
        ? {
            ...response,
            headers: { ...(response['headers'] as Json), 'retry-after': { $ref: '#/components/headers/retry-after' } },
          }
        : response,
    ]),
  )
}

function flagHeader(name: string, description: string): Json {
  return { name, in: 'header', description, schema: { type: 'string', enum: ['true', 'false'], default: 'false' } }
}

function guidHeader(name: string): Json {
  return {
    name,
    in: 'header',
    description: 'Travels to Azure Resource Manager and into the audit event where it is a GUID.',
    schema: { type: 'string', format: 'uuid' },
  }
}
