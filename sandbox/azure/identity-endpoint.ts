import { randomUUID } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { MANAGED_IDENTITY, TENANT_ID, USER_ASSIGNED_IDENTITY } from './directory.ts'
import type { Faults } from './faults.ts'
import { listener, sendJson } from './http-helpers.ts'
import type { KeyRing } from './signing-keys.ts'
import { mintIdentityToken } from './tokens.ts'

export const IDENTITY_PATH = '/MSI/token'

export interface IdentityCounts {
  /** Requests for a token, answered with one or not. */
  tokens: number
}

export interface IdentityEndpointOptions {
  /** What callers must send as `X-IDENTITY-HEADER`. */
  readonly secret: () => string
  /** Resources (audiences) for which the tenant knows a service principal. */
  readonly resources: () => readonly string[]
  readonly keys: KeyRing
  readonly faults: Faults
  readonly counts: IdentityCounts
  readonly now: () => number
}

/** The managed-identity endpoint of App Service, protocol 2019-08-01, for one system-assigned identity and one that is user-assigned. */
export function createIdentityEndpoint(options: IdentityEndpointOptions): RequestListener {
  return listener(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    if (url.pathname.toLowerCase() !== IDENTITY_PATH.toLowerCase()) return void response.writeHead(404).end()
    options.counts.tokens += 1

    const fault = options.faults.takeForRequest('identity')
    if (fault?.kind === 'hang') return
    if (fault?.kind === 'slow') await delay(fault.delayMs ?? 1_000, undefined, { ref: false })
    if (fault?.kind === 'garbage')
      return void response.writeHead(200, { 'content-type': 'application/json' }).end('<html>')
    if (fault !== undefined && /^[45]/.test(fault.kind)) {
      const headers = fault.retryAfter === undefined ? {} : { 'retry-after': fault.retryAfter }
      return sendJson(
        response,
        Number(fault.kind),
        problem(Number(fault.kind), fault.message ?? FAULT_MESSAGES[fault.kind] ?? 'The request failed.'),
        headers,
      )
    }

    const refusal = judge(url.searchParams, request.method, request.headers['x-identity-header'], options)
    if (refusal !== undefined) return sendJson(response, refusal.statusCode, refusal)
    const resource = url.searchParams.get('resource') as string
    const identity = identityOf(url.searchParams) ?? MANAGED_IDENTITY
    const { token, expiresOn } = mintIdentityToken(
      options.keys,
      resource,
      options.now(),
      fault?.kind === 'expired-token',
      identity,
    )
    sendJson(response, 200, {
      access_token: fault?.kind === 'garbage-token' ? 'not.a.token' : token,
      expires_on: String(expiresOn),
      resource,
      token_type: 'Bearer',
      client_id: identity.clientId.toUpperCase(),
    })
  })
}

const FAULT_MESSAGES: Readonly<Record<string, string>> = {
  '400': 'No MSI found for specified ClientId/ResourceId.',
  '404': 'The identity service is being updated.',
  '429': 'Too many requests.',
  '500': 'An unexpected error occured while fetching the AAD Token.',
}

/** How a request names a user-assigned identity, and its name there. */
const NAMES = {
  client_id: USER_ASSIGNED_IDENTITY.clientId,
  principal_id: USER_ASSIGNED_IDENTITY.objectId,
  object_id: USER_ASSIGNED_IDENTITY.objectId,
  mi_res_id: USER_ASSIGNED_IDENTITY.resourceId,
} as const

/** Undefined for an identity that this app does not have, and for more than one name. */
function identityOf(query: URLSearchParams): typeof MANAGED_IDENTITY | typeof USER_ASSIGNED_IDENTITY | undefined {
  const [named, ...others] = Object.entries(NAMES).filter(([name]) => query.has(name))
  if (named === undefined) return MANAGED_IDENTITY
  const [name, id] = named
  return others.length === 0 && query.get(name)?.toLowerCase() === id.toLowerCase() ? USER_ASSIGNED_IDENTITY : undefined
}

interface Problem {
  readonly statusCode: number
  readonly message: string
  readonly correlationId: string
}

function problem(statusCode: number, message: string): Problem {
  return { statusCode, message, correlationId: randomUUID() }
}

/** The header that proves that the caller runs inside the app comes first: without it nothing is revealed. */
function judge(
  query: URLSearchParams,
  method: string | undefined,
  secret: unknown,
  options: IdentityEndpointOptions,
): Problem | undefined {
  if (method !== 'GET') return problem(405, 'Only GET is supported.')
  if (secret === undefined) return problem(401, 'The X-IDENTITY-HEADER header is missing.')
  if (secret !== options.secret()) return problem(401, 'The X-IDENTITY-HEADER header is invalid.')
  if (query.get('api-version') !== '2019-08-01')
    return problem(400, `Unsupported api-version '${query.get('api-version') ?? ''}'.`)
  const resource = query.get('resource')
  if (resource === null || resource === '') return problem(400, "The 'resource' parameter is missing.")
  if (identityOf(query) === undefined) return problem(400, FAULT_MESSAGES['400'] as string)
  if (!options.resources().includes(resource.replace(/\/$/, ''))) {
    return problem(
      400,
      `AADSTS500011: The resource principal named ${resource} was not found in the tenant named ${TENANT_ID}.`,
    )
  }
  return undefined
}
