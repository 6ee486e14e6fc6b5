import type { EntraConfig } from '../config/config.ts'
import type { Caller } from '../domain/caller.ts'
import { foldAscii, isGuid } from '../domain/segments.ts'
import { err, ok, type Result } from '../shared/result.ts'
import type { CredentialRefusal } from './credential-refusal.ts'
import { firstName, toApplication, toPerson } from './principals.ts'
import { decodeCanonical, parseMembers, toMembers } from './strict-json.ts'

/** The header carries the claims of one sign-in. App Service limits all headers of a request to 64 KiB together. */
export const MAX_PRINCIPAL_HEADER_BYTES = 16 * 1024

/** App Service names some claims by their short names and some by those of .NET, depending on version and settings. */
const CLAIM_TYPES = {
  objectId: ['oid', 'http://schemas.microsoft.com/identity/claims/objectidentifier'],
  tenantId: ['tid', 'http://schemas.microsoft.com/identity/claims/tenantid'],
  subject: ['sub', 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier'],
  audience: ['aud'],
  scopes: ['scp', 'http://schemas.microsoft.com/identity/claims/scope'],
  clientId: ['azp', 'appid'],
  tokenType: ['idtyp'],
  roles: ['roles', 'http://schemas.microsoft.com/ws/2008/06/identity/claims/role'],
  groups: [
    'groups',
    'http://schemas.microsoft.com/identity/claims/groups',
    'http://schemas.microsoft.com/ws/2008/06/identity/claims/groups',
  ],
  name: ['name', 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name'],
  userName: ['preferred_username', 'upn', 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn'],
  appName: ['app_displayname'],
} as const satisfies Record<string, readonly string[]>

type ClaimName = keyof typeof CLAIM_TYPES
type ReadClaims = (name: ClaimName) => readonly string[]

/**
 * Reads `x-ms-client-principal`. The header has no signature: call this only when the platform says that it wrote the header
 * (`WEBSITE_AUTH_ENABLED`). Checked nevertheless: Entra did the sign-in, for our tenant and our audience.
 *
 * NOT checked, because App Service does: signature, lifetime, revoked sessions. The authenticator refuses requests that another site starts.
 */
export function readAppServicePrincipal(header: string, entra: EntraConfig): Result<Caller, CredentialRefusal> {
  if (header.length > MAX_PRINCIPAL_HEADER_BYTES) return invalid('too large')
  const bytes = decodeCanonical(header, 'base64')
  const principal = bytes === undefined ? undefined : parseMembers(bytes)
  if (principal === undefined) return invalid('not base64 of a JSON object')
  if (principal.get('auth_typ') !== 'aad') return invalid('auth_typ is not aad')
  const claims = readClaims(principal.get('claims'))
  if (claims === undefined) return invalid('claims is not a list of typ and val')

  const tenants = claims('tenantId')
  if (tenants.length === 0 || tenants.some((tenant) => foldAscii(tenant) !== entra.tenantId))
    return invalid('tenant id is absent or another')
  // As for tokens: a sign-in that does not say for which API it was made is for none.
  const audiences = claims('audience')
  if (audiences.length === 0 || audiences.some((audience) => !entra.audiences.includes(audience)))
    return invalid('aud is absent or not one of ours')
  return isPerson(claims) ? readPerson(claims, entra) : readApplication(claims)
}

/**
 * As for tokens: `scp`, another `idtyp` than `app`, or a subject that is not the object id mean a person. Unlike with a bearer token, a
 * person's sign-in without `scp` is accepted: it is a browser session, and App Service itself was the audience of that ID token.
 */
function isPerson(claims: ReadClaims): boolean {
  if (claims('scopes').length > 0) return true
  if (claims('tokenType').length > 0) return claims('tokenType').some((type) => type !== 'app')
  const objectIds = claims('objectId')
  return claims('clientId').length === 0 || claims('subject').some((subject) => !objectIds.includes(subject))
}

function readPerson(claims: ReadClaims, entra: EntraConfig): Result<Caller, CredentialRefusal> {
  const scopes = claims('scopes')
  if (
    scopes.length > 0 &&
    !scopes.some((value) => value.split(' ').some((scope) => scope !== '' && entra.scopes.includes(scope)))
  ) {
    return invalid('scp has none of the scopes that are needed')
  }
  const id = onlyGuid(claims('objectId'))
  if (id === undefined) return invalid('object id is not one GUID')
  return ok(
    toPerson({
      id,
      roles: claims('roles'),
      groups: claims('groups'),
      name: firstName(...claims('name'), ...claims('userName')),
    }),
  )
}

function readApplication(claims: ReadClaims): Result<Caller, CredentialRefusal> {
  const id = onlyGuid(claims('clientId'))
  if (id === undefined) return invalid('azp or appid is not one GUID')
  return ok(
    toApplication({ id, roles: claims('roles'), groups: claims('groups'), name: firstName(...claims('appName')) }),
  )
}

/** A claim may come under both of its names, with one value. Undefined for two values. */
function onlyGuid(values: readonly string[]): string | undefined {
  const [first, ...others] = new Set(values.map(foldAscii))
  return first !== undefined && others.length === 0 && isGuid(first) ? first : undefined
}

function readClaims(listed: unknown): ReadClaims | undefined {
  if (!Array.isArray(listed)) return undefined
  const byType = new Map<string, string[]>()
  for (const entry of listed) {
    const claim = toMembers(entry)
    const type = claim?.get('typ')
    const value = claim?.get('val')
    if (typeof type !== 'string' || typeof value !== 'string') return undefined
    byType.set(type, [...(byType.get(type) ?? []), value])
  }
  return (name) => CLAIM_TYPES[name].flatMap((type) => byType.get(type) ?? [])
}

function invalid(detail: string): Result<never, CredentialRefusal> {
  return err({ reason: 'principal_header_invalid', detail })
}
