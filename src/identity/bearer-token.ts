import { err, ok, type Result } from '../shared/result.ts'
import type { CredentialRefusal } from './credential-refusal.ts'

/**
 * The longest token that is read. Entra's stay below about 8 KiB (200 groups at most, then overage). Without a limit an unauthenticated caller could
 * make this app decode and parse any header that the host accepts.
 */
export const MAX_TOKEN_BYTES = 16 * 1024

const SCHEME = 'Bearer '
/** RFC 6750, section 2.1: the scheme in any case (RFC 9110, section 11.1), then exactly one token68; a comma or a second word is no token68. */
const BEARER = /^[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9\-._~+/]+=*)$/
/** RFC 6750, section 3.1: only a caller that sent a token is told that it is a bad one. */
const TOKEN_OF_SOME_KIND = /^bearer +[^ ]/i

/**
 * The token of an Authorization header. A header that was sent twice arrives joined with a comma and is refused: with two credentials, a gateway
 * in front of this app could check one and this app the other.
 */
export function extractBearerToken(authorization: string): Result<string, CredentialRefusal> {
  if (authorization.length > SCHEME.length + MAX_TOKEN_BYTES)
    return err({ reason: 'token_too_large', detail: `limit ${MAX_TOKEN_BYTES} bytes` })
  const token = BEARER.exec(authorization)?.[1]
  return token === undefined
    ? err({
        reason: 'credential_malformed',
        detail: 'Authorization is not one bearer token',
        ...(TOKEN_OF_SOME_KIND.test(authorization) ? { tokenSent: true } : {}),
      })
    : ok(token)
}
