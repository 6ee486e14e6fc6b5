import { err, ok, type Result } from '../shared/result.ts'
import { quote, type CredentialRefusal } from './credential-refusal.ts'
import { decodeCanonical, parseMembers } from './strict-json.ts'

/** Entra's key ids have 27 or 43 characters. */
const MAX_KEY_ID_CHARS = 256

/**
 * Reads the key id that a token names. Nothing in the token is trusted yet. Refused before any key is looked up:
 * - a text that is no compact JWS in canonical unpadded base64url (RFC 7515, section 7.1); also a JWE, and an empty signature (`none`);
 * - any algorithm but RS256 (RFC 8725, section 3.1): HS256 over the public key, `none`, and RSA variants that Entra does not use;
 * - `crit` (RFC 7515, section 4.1.11): Entra sends none, and an extension would change how the token must be read.
 *
 * `jwk`, `jku`, `x5u` and `x5c` are ignored: keys come from the issuer alone. `typ` is NOT checked, since
 * Entra sends `JWT` for access and ID tokens alike; the claims tell those apart.
 */
export function readKeyId(token: string): Result<string, CredentialRefusal> {
  const parts = token.split('.', 4)
  if (parts.length !== 3) return malformed('not three parts')
  const decoded = parts.map((part) => decodeCanonical(part, 'base64url'))
  if (decoded.some((part) => part === undefined || part.length === 0))
    return malformed('a part is empty or not canonical base64url')

  const header = decoded[0] === undefined ? undefined : parseMembers(decoded[0])
  if (header === undefined) return malformed('the header is not a JSON object')
  if (header.has('crit')) return malformed('the header has crit')
  const algorithm = header.get('alg')
  if (algorithm !== 'RS256')
    return err({ reason: 'token_algorithm', detail: typeof algorithm === 'string' ? quote(algorithm) : 'not a string' })
  const keyId = header.get('kid')
  if (typeof keyId !== 'string' || keyId === '' || keyId.length > MAX_KEY_ID_CHARS)
    return malformed('the header has no usable kid')
  return ok(keyId)
}

function malformed(detail: string): Result<never, CredentialRefusal> {
  return err({ reason: 'token_malformed', detail })
}
