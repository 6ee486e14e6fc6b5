import { constants, createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { systemClock } from '../../src/shared/clock.ts'

/** The tenant, API and callers of test tokens. */
export const TENANT_ID = 'aaaabbbb-0000-cccc-1111-dddd2222eeee'
export const OTHER_TENANT_ID = 'bbbbcccc-1111-dddd-2222-eeee3333ffff'
export const API_ID = '00001111-aaaa-2222-bbbb-3333cccc4444'
export const TOOL_CLIENT_ID = '11112222-bbbb-3333-cccc-4444dddd5555'
export const TOOL_OBJECT_ID = '22223333-cccc-4444-dddd-5555eeee6666'
export const PERSON_OBJECT_ID = '33334444-dddd-5555-eeee-6666ffff7777'
export const GROUP_ID = '44445555-eeee-6666-ffff-777700008888'

export interface SigningKey {
  readonly keyId: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  /** As the issuer publishes it. */
  readonly jwk: {
    readonly kty: 'RSA'
    readonly use: 'sig'
    readonly kid: string
    readonly n: string
    readonly e: string
  }
}

export function createSigningKey(keyId: string, modulusBits = 2048): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: modulusBits })
  const { n, e } = publicKey.export({ format: 'jwk' }) as { n: string; e: string }
  return { keyId, privateKey, publicKey, jwk: { kty: 'RSA', use: 'sig', kid: keyId, n, e } }
}

let sharedKey: SigningKey | undefined

/** The issuer's key. It is created once per process, since RSA keys are slow to create. */
export function issuerKey(): SigningKey {
  sharedKey ??= createSigningKey('issuer-key-1')
  return sharedKey
}

export type TokenKind = 'tool-v2' | 'tool-v1' | 'person-v2' | 'person-v1'
type Members = Readonly<Record<string, unknown>>

/** Differences from the valid token. A member set to undefined is left out. */
export interface TokenChange {
  readonly kind?: TokenKind
  readonly authority?: string
  readonly tenantId?: string
  /** The time of issue; the token is valid for an hour. */
  readonly nowEpochSeconds?: number
  readonly key?: SigningKey
  readonly header?: Members
  readonly claims?: Members
}

/** A valid token of the tool except for `change`: one change per test. */
export function aToken(change: TokenChange = {}): string {
  const key = change.key ?? issuerKey()
  return rawToken({ header: headerOf(change), payload: claimsOf(change), sign: rs256(key) })
}

export function headerOf(change: TokenChange = {}): Members {
  return { typ: 'JWT', alg: 'RS256', kid: (change.key ?? issuerKey()).keyId, ...change.header }
}

/** The claims of such a token of Entra, as far as the app reads them. */
export function claimsOf(change: TokenChange = {}): Members {
  const { kind = 'tool-v2', tenantId = TENANT_ID, authority = 'https://login.microsoftonline.com' } = change
  const now = change.nowEpochSeconds ?? Math.floor(systemClock.now() / 1000)
  const version = kind.endsWith('v2')
    ? { ver: '2.0', iss: `${authority}/${tenantId}/v2.0`, aud: API_ID, azp: TOOL_CLIENT_ID, azpacr: '1' }
    : {
        ver: '1.0',
        iss: `https://sts.windows.net/${tenantId}/`,
        aud: `api://${API_ID}`,
        appid: TOOL_CLIENT_ID,
        appidacr: '1',
      }
  const subject = kind.startsWith('tool')
    ? { oid: TOOL_OBJECT_ID, sub: TOOL_OBJECT_ID, roles: ['Reconnect.Tool'] }
    : {
        oid: PERSON_OBJECT_ID,
        sub: 'HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ',
        scp: 'Reconnect.Invoke',
        name: 'Sample Operator',
      }
  return {
    ...version,
    ...subject,
    tid: tenantId,
    iat: now,
    nbf: now,
    exp: now + 3600,
    uti: 'fqiBqXLPj0eQa82S-IYFAA',
    ...change.claims,
  }
}

export type Sign = (signingInput: string) => Buffer

/** Builds a token from any parts, for attacks: objects become JSON, text and bytes are used unchanged. */
export function rawToken(parts: { readonly header: unknown; readonly payload: unknown; readonly sign: Sign }): string {
  const signingInput = `${base64url(parts.header)}.${base64url(parts.payload)}`
  return `${signingInput}.${parts.sign(signingInput).toString('base64url')}`
}

function base64url(part: unknown): string {
  const bytes = Buffer.isBuffer(part) ? part : Buffer.from(typeof part === 'string' ? part : JSON.stringify(part))
  return bytes.toString('base64url')
}

export const rs256 =
  (key: SigningKey): Sign =>
  (input) =>
    sign('sha256', Buffer.from(input), key.privateKey)
export const rs384 =
  (key: SigningKey): Sign =>
  (input) =>
    sign('sha384', Buffer.from(input), key.privateKey)
export const ps256 =
  (key: SigningKey): Sign =>
  (input) =>
    sign('sha256', Buffer.from(input), {
      key: key.privateKey,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: 32,
    })
export const hs256 =
  (secret: string | Buffer): Sign =>
  (input) =>
    createHmac('sha256', secret).update(input).digest()
export const unsigned: Sign = () => Buffer.alloc(0)
