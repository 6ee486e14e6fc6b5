import type { CryptoKey } from 'jose'
import { importJWK } from 'jose/key/import'
import { toMembers, type Members } from './strict-json.ts'

/** Key id → public key. */
export type SigningKeys = ReadonlyMap<string, CryptoKey>

/** Entra publishes about ten. Every key is imported, so the number is limited. */
const MAX_KEYS = 100
/** RFC 7518, section 3.3. */
const MIN_MODULUS_BITS = 2048

/**
 * The keys of a JWK set (RFC 7517) that may sign tokens for this API: RSA, for signatures, RS256, with a key id. Other keys are ignored, as
 * section 5 of the RFC requires. Entra's member `issuer` says whose tokens a key signs; a key of another issuer is ignored.
 * Of two keys with one id the first is used. Undefined if the document is no key set.
 */
export async function parseSigningKeys(
  document: unknown,
  issuers: readonly string[],
  tenantId: string,
): Promise<SigningKeys | undefined> {
  const listed = toMembers(document)?.get('keys')
  if (!Array.isArray(listed)) return undefined
  const keys = new Map<string, CryptoKey>()
  for (const entry of listed.slice(0, MAX_KEYS)) {
    const jwk = toMembers(entry)
    const keyId = jwk?.get('kid')
    if (jwk === undefined || typeof keyId !== 'string' || keys.has(keyId) || !mayServe(jwk, issuers, tenantId)) continue
    const key = await importKey(jwk)
    if (key !== undefined) keys.set(keyId, key)
  }
  return keys
}

function mayServe(jwk: Members, issuers: readonly string[], tenantId: string): boolean {
  if (jwk.get('kty') !== 'RSA') return false
  if (jwk.has('use') && jwk.get('use') !== 'sig') return false
  if (jwk.has('alg') && jwk.get('alg') !== 'RS256') return false
  if (!jwk.has('issuer')) return true
  const issuer = jwk.get('issuer')
  return typeof issuer === 'string' && issuers.includes(issuer.replace('{tenantid}', tenantId))
}

/** Only modulus and exponent are passed on, so that no other member of the entry can change the key. */
async function importKey(jwk: Members): Promise<CryptoKey | undefined> {
  const n = jwk.get('n')
  const e = jwk.get('e')
  if (typeof n !== 'string' || typeof e !== 'string') return undefined
  try {
    const key = await importJWK({ kty: 'RSA', n, e }, 'RS256')
    return modulusBits(key) >= MIN_MODULUS_BITS ? key : undefined
  } catch {
    // One invalid entry must not make the valid ones unusable.
    return undefined
  }
}

function modulusBits(key: CryptoKey): number {
  return 'modulusLength' in key.algorithm && typeof key.algorithm.modulusLength === 'number'
    ? key.algorithm.modulusLength
    : 0
}
