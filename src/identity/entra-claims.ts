import type { EntraConfig } from '../config/config.ts'
import type { Caller } from '../domain/caller.ts'
import { foldAscii, isGuid } from '../domain/segments.ts'
import { err, ok, type Result } from '../shared/result.ts'
import type { CredentialRefusal } from './credential-refusal.ts'
import { issuersOf } from './issuers.ts'
import { firstName, toApplication, toPerson } from './principals.ts'
import type { Members } from './strict-json.ts'

/** Contract, section 4: clocks may differ by this much. */
export const CLOCK_TOLERANCE_SECONDS = 60

/** The caller that a token proves, and until when (tolerance included). */
export interface VerifiedToken {
  readonly caller: Caller
  readonly expiresAtEpochMs: number
}

/**
 * Reads the claims of a token whose signature has been verified (contract, section 4; RFC 8725, sections 3.8 to 3.12). Pure.
 *
 * This does NOT check replay (`uti`: a bearer token may be used until it expires), how the client proved itself (`azpacr`), or
 * whether the person's session has been revoked meanwhile (no continuous access evaluation).
 */
export function interpretClaims(
  claims: Members,
  entra: EntraConfig,
  nowEpochMs: number,
): Result<VerifiedToken, CredentialRefusal> {
  const refusal = issuerFault(claims, entra) ?? audienceFault(claims, entra) ?? lifetimeFault(claims, nowEpochMs / 1000)
  if (refusal !== undefined) return err(refusal)
  const caller = claims.has('scp') ? readPerson(claims, entra) : readApplication(claims)
  if (!caller.ok) return caller
  return ok({
    caller: caller.value,
    expiresAtEpochMs: ((claims.get('exp') as number) + CLOCK_TOLERANCE_SECONDS) * 1000,
  })
}

/** All tenants of a cloud share its signing keys: the signature does not prove the tenant, `iss` and `tid` together do. */
function issuerFault(claims: Members, entra: EntraConfig): CredentialRefusal | undefined {
  const tenant = claims.get('tid')
  if (typeof tenant !== 'string' || !isGuid(tenant)) return { reason: 'token_tenant', detail: 'tid is not a GUID' }
  const tenantId = foldAscii(tenant)
  const issuer = claims.get('iss')
  const consistent = typeof issuer === 'string' && issuersOf(entra.authority, tenantId).includes(issuer)
  if (!consistent) return { reason: 'token_issuer', detail: 'iss is not an issuer of the tenant that tid names' }
  return tenantId === entra.tenantId ? undefined : { reason: 'token_tenant', detail: 'tid names another tenant' }
}

/** One string: Entra sends no lists, and a list would make the token valid for other APIs too. */
function audienceFault(claims: Members, entra: EntraConfig): CredentialRefusal | undefined {
  const audience = claims.get('aud')
  if (typeof audience !== 'string') return { reason: 'token_audience', detail: 'aud is not one string' }
  return entra.audiences.includes(audience) ? undefined : { reason: 'token_audience', detail: 'aud is not one of ours' }
}

/** `1e400` is valid JSON and parses as Infinity: the token would never expire. */
function lifetimeFault(claims: Members, nowSeconds: number): CredentialRefusal | undefined {
  const expiry = claims.get('exp')
  if (!isFiniteNumber(expiry)) return { reason: 'token_claims', detail: 'exp is not a finite number' }
  if (nowSeconds >= expiry + CLOCK_TOLERANCE_SECONDS) return { reason: 'token_expired', detail: 'exp' }
  for (const name of ['nbf', 'iat']) {
    if (!claims.has(name)) continue
    const start = claims.get(name)
    if (!isFiniteNumber(start)) return { reason: 'token_claims', detail: `${name} is not a finite number` }
    if (start > nowSeconds + CLOCK_TOLERANCE_SECONDS) return { reason: 'token_not_yet_valid', detail: name }
  }
  return undefined
}

function readPerson(claims: Members, entra: EntraConfig): Result<Caller, CredentialRefusal> {
  const scopes = claims.get('scp')
  if (typeof scopes !== 'string' || !scopes.split(' ').some((scope) => scope !== '' && entra.scopes.includes(scope))) {
    return err({ reason: 'token_scope', detail: 'scp has none of the scopes that are needed' })
  }
  const objectId = claims.get('oid')
  if (typeof objectId !== 'string' || !isGuid(objectId))
    return err({ reason: 'token_claims', detail: 'oid is not a GUID' })
  const name = firstName(claims.get('name'), claims.get('preferred_username'), claims.get('upn'))
  return ok(toPerson({ id: objectId, ...memberships(claims), name }))
}

/**
 * No `scp`: an application's token, unless it is a person's ID token, which proves a sign-in and is no access token. `idtyp` decides where it is
 * sent (it is optional). Otherwise an application's `sub` is its `oid`, and a person's is not.
 */
function readApplication(claims: Members): Result<Caller, CredentialRefusal> {
  const type = claims.get('idtyp')
  if (claims.has('idtyp') && type !== 'app')
    return err({ reason: 'token_claims', detail: 'idtyp is not app, and there is no scp' })
  if (type !== 'app' && claims.has('sub') && claims.has('oid') && claims.get('sub') !== claims.get('oid')) {
    return err({ reason: 'token_claims', detail: 'sub is not oid, and there is no scp' })
  }
  // v2 tokens have azp, v1 tokens appid. A token never has both with different values.
  const clientId = claims.has('azp') ? claims.get('azp') : claims.get('appid')
  if (typeof clientId !== 'string' || !isGuid(clientId))
    return err({ reason: 'token_claims', detail: 'azp or appid is not a GUID' })
  if (claims.has('appid') && claims.get('appid') !== clientId)
    return err({ reason: 'token_claims', detail: 'azp and appid differ' })
  return ok(toApplication({ id: clientId, ...memberships(claims), name: firstName(claims.get('app_displayname')) }))
}

function memberships(claims: Members): { readonly roles: readonly string[]; readonly groups: readonly string[] } {
  return { roles: stringList(claims.get('roles')), groups: stringList(claims.get('groups')) }
}

/** Only a list of strings counts: a single string is not read as a list of one. */
function stringList(value: unknown): readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : []
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}
