import { randomUUID } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { TENANT_ID } from './directory.ts'
import type { Faults } from './faults.ts'
import { listener, sendJson } from './http-helpers.ts'
import type { SignIn } from './sign-in.ts'
import type { KeyRing } from './signing-keys.ts'

/** How often the issuer was asked. */
export interface IssuerCounts {
  metadata: number
  keys: number
}

/** The tenant's OpenID metadata and keys, at Entra's paths, for both token versions, and the sign-in of people with version 2. */
export function createIssuer(
  keys: KeyRing,
  faults: Faults,
  counts: IssuerCounts,
  authority: () => string,
  signIn?: SignIn,
): RequestListener {
  return listener(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const match = /^\/([^/]+)(\/v2\.0)?\/(?:\.well-known\/openid-configuration|discovery\/(?:(v2\.0)\/)?keys)$/.exec(
      url.pathname,
    )
    const isKeys = url.pathname.endsWith('/keys')
    if (match !== null) counts[isKeys ? 'keys' : 'metadata'] += 1

    const fault = faults.takeForRequest('issuer')
    if (fault?.kind === 'hang') return
    if (fault?.kind === 'slow') await delay(fault.delayMs ?? 1_000, undefined, { ref: false })
    if (fault?.kind === 'garbage')
      return void response.writeHead(200, { 'content-type': 'application/json' }).end('<!DOCTYPE html>')
    if (fault !== undefined && fault.kind !== 'slow') {
      return sendJson(
        response,
        Number(fault.kind),
        { error: 'server_error' },
        fault.retryAfter === undefined ? {} : { 'retry-after': fault.retryAfter },
      )
    }

    const flow = /^\/([^/]+)\/oauth2\/v2\.0\/(authorize|token)$/.exec(url.pathname)
    if (signIn !== undefined && flow?.[1]?.toLowerCase() === TENANT_ID) {
      if (flow[2] === 'token') return signIn.redeem(request, response)
      if (request.method === 'GET') return signIn.authorize(url, response)
    }
    if (match === null || request.method !== 'GET') return void response.writeHead(404).end()
    const tenant = match[1] as string
    if (tenant.toLowerCase() !== TENANT_ID) return sendJson(response, 400, unknownTenant(tenant))
    const version = (isKeys ? match[3] : match[2]) === undefined ? 1 : 2
    sendJson(response, 200, isKeys ? keySet(keys, authority(), version) : metadata(authority(), version), {
      'cache-control': 'max-age=86400, private',
      // Entra lets pages of every origin read both documents.
      'access-control-allow-origin': '*',
    })
  })
}

function metadata(authority: string, version: 1 | 2): object {
  const base = `${authority}/${TENANT_ID}`
  return {
    token_endpoint: version === 1 ? `${base}/oauth2/token` : `${base}/oauth2/v2.0/token`,
    token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt', 'client_secret_basic'],
    jwks_uri: version === 1 ? `${base}/discovery/keys` : `${base}/discovery/v2.0/keys`,
    response_modes_supported: ['query', 'fragment', 'form_post'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['RS256'],
    response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    issuer: version === 1 ? `https://sts.windows.net/${TENANT_ID}/` : `${base}/v2.0`,
    authorization_endpoint: version === 1 ? `${base}/oauth2/authorize` : `${base}/oauth2/v2.0/authorize`,
    claims_supported: ['sub', 'iss', 'cloud_instance_name', 'aud', 'exp', 'iat', 'name', 'tid', 'ver'],
    tenant_region_scope: 'EU',
    cloud_instance_name: 'microsoftonline.com',
  }
}

/** The keys of the v2 endpoint carry the issuer that may use them. */
function keySet(keys: KeyRing, authority: string, version: 1 | 2): object {
  return {
    keys: keys
      .published()
      .map(({ jwk }) => (version === 1 ? jwk : { ...jwk, issuer: `${authority}/${TENANT_ID}/v2.0` })),
  }
}

function unknownTenant(tenant: string): object {
  return {
    error: 'invalid_tenant',
    error_description: `AADSTS90002: Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.`,
    error_codes: [90002],
    trace_id: randomUUID(),
    correlation_id: randomUUID(),
  }
}
