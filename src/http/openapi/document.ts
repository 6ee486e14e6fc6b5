import type { ApiVersions } from '../../reconnect/parse-command.ts'
import { alertOperation, handshakeOperation } from './alerts.ts'
import { HEADERS } from './headers.ts'
import { operationGetOperation, operationListOperation } from './operations.ts'
import {
  backendListOperation,
  deliveryListOperation,
  grantListOperation,
  pauseCreateOperation,
  pauseDeleteOperation,
  pauseListOperation,
} from './operators.ts'
import { object, TEXT, type Json } from './parts.ts'
import { RECONNECT_PATH, reconnectOperation } from './reconnect.ts'
import { SCHEMAS } from './schemas.ts'
import { healthLiveOperation, healthReadyOperation, openapiGetOperation } from './service.ts'
import { VERSION } from './version.ts'
import { WEBHOOK_SCHEMAS, WEBHOOK_SECURITY } from './webhook-schemas.ts'

export interface DocumentFacts {
  readonly apiVersions: ApiVersions
  /** Where callers reach this app, without a trailing slash. Absent: where the document was read. */
  readonly publicUrl: string | undefined
  /** Names of the registered functions: what is not registered is not described. */
  readonly functions: ReadonlySet<string>
}

interface Described {
  readonly function: string
  readonly path: string
  readonly method: 'get' | 'post' | 'options' | 'delete'
  readonly operation: (facts: DocumentFacts) => Json
}

/** The surface (contract, sections 2 and 11), in the order of the document. The console is a page, not an interface, and is left out. */
const SURFACE: readonly Described[] = [
  {
    function: 'backend-reconnect',
    path: RECONNECT_PATH,
    method: 'post',
    operation: ({ apiVersions }) => reconnectOperation(apiVersions),
  },
  { function: 'alert-receive', path: '/alerts/{webhook}', method: 'post', operation: alertOperation },
  { function: 'alert-receive', path: '/alerts/{webhook}', method: 'options', operation: handshakeOperation },
  { function: 'operation-list', path: '/operations', method: 'get', operation: operationListOperation },
  { function: 'operation-get', path: '/operations/{operationId}', method: 'get', operation: operationGetOperation },
  { function: 'grant-list', path: '/grants', method: 'get', operation: grantListOperation },
  { function: 'backend-list', path: '/backends', method: 'get', operation: backendListOperation },
  {
    function: 'delivery-list',
    path: '/webhooks/{webhook}/deliveries',
    method: 'get',
    operation: deliveryListOperation,
  },
  { function: 'pause-list', path: '/pauses', method: 'get', operation: pauseListOperation },
  { function: 'pause-create', path: '/pauses', method: 'post', operation: pauseCreateOperation },
  { function: 'pause-delete', path: '/pauses/{pauseId}', method: 'delete', operation: pauseDeleteOperation },
  { function: 'health-live', path: '/health/live', method: 'get', operation: healthLiveOperation },
  { function: 'health-ready', path: '/health/ready', method: 'get', operation: healthReadyOperation },
  { function: 'openapi-get', path: '/openapi.json', method: 'get', operation: openapiGetOperation },
]

/** Every function that can be described. */
export const DESCRIBED_FUNCTIONS: ReadonlySet<string> = new Set(SURFACE.map((entry) => entry.function))

const TAGS = [
  { name: 'Reconnect', description: 'Reconnect a backend, as through Azure Resource Manager.' },
  { name: 'Alerts', description: 'Webhooks of alert senders.' },
  { name: 'Operations', description: 'What was asked, and what became of it.' },
  { name: 'Operators', description: 'What the caller may do, what goes on, and pauses of automation.' },
  { name: 'Service', description: 'Health and description of this app.' },
]

const PARAMETERS: Json = {
  webhook: {
    name: 'webhook',
    in: 'path',
    required: true,
    description: "A webhook's name in the policy.",
    schema: { type: 'string', pattern: '^[a-z0-9-]{1,63}$' },
    example: 'azure-monitor',
  },
  skiptoken: {
    name: '$skiptoken',
    in: 'query',
    description: 'Where to go on: part of a nextLink, not to be made by callers.',
    schema: TEXT,
  },
}

/**
 * The OpenAPI 3.1 description of the HTTP surface, made of the very patterns and the failure table that serve requests, so that it
 * cannot drift from them.
 */
export function openApiDocument(facts: DocumentFacts): Json {
  const described = SURFACE.filter((entry) => facts.functions.has(entry.function))
  const paths: Record<string, Record<string, Json>> = {}
  for (const { path, method, operation } of described) (paths[path] ??= {})[method] = operation(facts)
  const used = new Set(Object.values(paths).flatMap((methods) => Object.values(methods).flatMap(({ tags }) => tags)))
  return withoutUnused({
    openapi: '3.1.0',
    info: {
      title: 'APIM Reconnect',
      version: VERSION,
      description:
        'Lets people and internal tools reconnect API Management backends through Azure Resource Manager, without an Azure role.',
      contact: { name: 'The team that runs this app' },
      license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
    },
    servers: [{ url: facts.publicUrl ?? '/' }],
    tags: TAGS.filter(({ name }) => used.has(name)),
    paths,
    components: {
      schemas: {
        ...SCHEMAS,
        ...WEBHOOK_SCHEMAS,
        ValidationAnswer: object(['validationResponse'], { validationResponse: TEXT }),
      },
      headers: HEADERS,
      parameters: PARAMETERS,
      securitySchemes: {
        entra: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'A token of Microsoft Entra ID for this app.',
        },
        ...WEBHOOK_SECURITY,
      },
    },
  })
}

interface Draft extends Json {
  readonly components: { readonly [kind: string]: Json }
}

/** Leaves out components that nothing refers to, directly or through others. */
function withoutUnused(document: Draft): Json {
  const { components, ...rest } = document
  const { securitySchemes = {}, ...referable } = components
  const reached = new Set<string>()
  const follow = (part: unknown): void => {
    for (const [, kind = '', name = ''] of JSON.stringify(part).matchAll(/"#\/components\/(\w+)\/([^"]+)"/g)) {
      if (reached.has(`${kind}/${name}`)) continue
      reached.add(`${kind}/${name}`)
      follow(referable[kind]?.[name])
    }
  }
  follow(rest)
  const kept = Object.entries(referable).map(([kind, parts]) => [
    kind,
    Object.fromEntries(Object.entries(parts).filter(([name]) => reached.has(`${kind}/${name}`))),
  ])
  return { ...rest, components: { ...Object.fromEntries(kept), securitySchemes } as Json }
}
