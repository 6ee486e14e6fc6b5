import { randomBytes, randomUUID, sign } from 'node:crypto'
import {
  API_AUDIENCE,
  API_CLIENT_ID,
  MANAGED_IDENTITY,
  OPERATOR,
  OPERATOR_ROLE,
  STRANGER,
  TENANT_ID,
  TOOL,
} from './directory.ts'
import type { KeyRing, SigningKey } from './signing-keys.ts'

const DEFAULT_LIFETIME_SECONDS = 3_600
/** Managed-identity tokens live a day. */
const IDENTITY_LIFETIME_SECONDS = 86_399

export type TokenKind = 'operator' | 'tool' | 'stranger'
export const TOKEN_KINDS: readonly TokenKind[] = ['operator', 'tool', 'stranger']

/** What to mint. `operator` is a person (v2), `tool` an application (v2), `stranger` an application without any grant (v1); the rest changes that. */
export interface TokenRequest {
  readonly kind: TokenKind
  readonly version?: 1 | 2
  readonly roles?: readonly string[]
  readonly groups?: readonly string[]
  /** Client id. */
  readonly app?: string
  /** Object id of a person: the token becomes a delegated one. */
  readonly user?: string
  readonly scp?: string
  readonly audience?: string
  readonly tenantId?: string
  readonly expiresInSeconds?: number
  readonly notBeforeInSeconds?: number
  /** Set last, whatever they say; null removes a claim. */
  readonly claims?: Readonly<Record<string, unknown>>
  readonly header?: Readonly<Record<string, unknown>>
  /** `unpublished`: signed with a key that the issuer does not publish. */
  readonly key?: 'current' | 'unpublished'
}

export interface Mint {
  (request: TokenRequest): Promise<string>
}

/** Mints access tokens for the function app's API, with the claims that Entra puts into them (entra-docs, access-token-claims-reference). */
export function createMint(keys: KeyRing, authority: string, now: () => number): Mint {
  return async (request) => {
    const version = request.version ?? (request.kind === 'stranger' ? 1 : 2)
    const isPerson = request.kind === 'operator' || request.user !== undefined
    const tenantId = request.tenantId ?? TENANT_ID
    const caller = request.kind === 'operator' ? OPERATOR : request.kind === 'tool' ? TOOL : STRANGER
    const clientId = request.app ?? caller.clientId
    const objectId = request.user ?? (request.app === undefined || isPerson ? caller.objectId : randomUUID())
    const roles = request.roles ?? (request.kind === 'operator' ? [OPERATOR_ROLE] : undefined)
    const claims = {
      aud: request.audience ?? (version === 1 ? API_AUDIENCE : API_CLIENT_ID),
      iss: version === 1 ? `https://sts.windows.net/${tenantId}/` : `${authority}/${tenantId}/v2.0`,
      ...times(now(), request.expiresInSeconds ?? DEFAULT_LIFETIME_SECONDS, request.notBeforeInSeconds ?? 0),
      aio: randomBytes(33).toString('base64'),
      ...(version === 1
        ? { appid: clientId, appidacr: isPerson ? '0' : '1' }
        : { azp: clientId, azpacr: isPerson ? '0' : '1' }),
      ...(version === 1 && { idp: `https://sts.windows.net/${tenantId}/` }),
      ...(request.groups !== undefined && { groups: request.groups }),
      ...(isPerson && {
        name: OPERATOR.name,
        [version === 1 ? 'unique_name' : 'preferred_username']: OPERATOR.userName,
      }),
      oid: objectId,
      rh: '0.AAAA.',
      ...(roles !== undefined && { roles }),
      ...((isPerson || request.scp !== undefined) && { scp: request.scp ?? 'user_impersonation' }),
      sub: isPerson ? randomBytes(32).toString('base64url') : objectId,
      tid: tenantId,
      uti: randomBytes(16).toString('base64url'),
      ver: `${version}.0`,
    }
    const key = request.key === 'unpublished' ? await keys.unpublished() : keys.current()
    return signToken(
      key,
      { ...(version === 1 && { x5t: key.kid }), ...request.header },
      withChanges(claims, request.claims ?? {}),
    )
  }
}

/** The token that the identity endpoint gives the function app for `resource`: v1, application only. */
export function mintIdentityToken(
  keys: KeyRing,
  resource: string,
  nowEpochMs: number,
  expired: boolean,
  identity: { readonly clientId: string; readonly objectId: string } = MANAGED_IDENTITY,
): { token: string; expiresOn: number } {
  const claims = {
    aud: resource,
    iss: `https://sts.windows.net/${TENANT_ID}/`,
    ...times(nowEpochMs, expired ? -100 : IDENTITY_LIFETIME_SECONDS, expired ? -IDENTITY_LIFETIME_SECONDS : 0),
    appid: identity.clientId,
    appidacr: '2',
    idp: `https://sts.windows.net/${TENANT_ID}/`,
    idtyp: 'app',
    oid: identity.objectId,
    sub: identity.objectId,
    tid: TENANT_ID,
    uti: randomBytes(16).toString('base64url'),
    ver: '1.0',
  }
  const key = keys.current()
  return { token: signToken(key, { x5t: key.kid }, claims), expiresOn: claims.exp }
}

function times(
  nowEpochMs: number,
  expiresInSeconds: number,
  notBeforeInSeconds: number,
): { iat: number; nbf: number; exp: number } {
  const now = Math.floor(nowEpochMs / 1_000)
  const from = now + notBeforeInSeconds
  return { iat: from, nbf: from, exp: now + expiresInSeconds }
}

function withChanges(
  claims: Readonly<Record<string, unknown>>,
  changes: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries({ ...claims, ...changes }).filter(([, value]) => value !== null))
}

/** RS256 (RFC 7518, 3.3). */
function signToken(
  key: SigningKey,
  header: Readonly<Record<string, unknown>>,
  claims: Readonly<Record<string, unknown>>,
): string {
  const parts = [{ typ: 'JWT', alg: 'RS256', kid: key.kid, ...header }, claims]
  const signed = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${signed}.${sign('sha256', Buffer.from(signed), key.privateKey).toString('base64url')}`
}
