import type { CryptoKey } from 'jose'
import { JOSEError, JWSSignatureVerificationFailed } from 'jose/errors'
import { compactVerify } from 'jose/jws/compact/verify'
import type { EntraConfig } from '../config/config.ts'
import type { AuthenticationFailure } from '../domain/failure.ts'
import type { Clock } from '../shared/clock.ts'
import type { Deadline } from '../shared/deadline.ts'
import { err, ok, type Result } from '../shared/result.ts'
import { readKeyId } from './compact-jws.ts'
import type { CredentialRefusal } from './credential-refusal.ts'
import { interpretClaims, type VerifiedToken } from './entra-claims.ts'
import type { IssuerKeys } from './issuer-keys.ts'
import { parseMembers, type Members } from './strict-json.ts'

/**
 * shape → key of the issuer → signature → claims, in this order. No claim is read before the signature is verified. A text that cannot be a token
 * for this API is refused before the issuer is asked for anything.
 */
export async function verifyEntraToken(
  token: string,
  entra: EntraConfig,
  keys: IssuerKeys,
  clock: Clock,
  deadline: Deadline,
): Promise<Result<VerifiedToken, AuthenticationFailure>> {
  const keyId = readKeyId(token)
  if (!keyId.ok) return keyId
  const key = await keys.find(keyId.value, deadline)
  if (!key.ok) return key
  const claims = await readSigned(token, key.value)
  if (!claims.ok) return claims
  return interpretClaims(claims.value, entra, clock.now())
}

async function readSigned(token: string, key: CryptoKey): Promise<Result<Members, CredentialRefusal>> {
  try {
    const { payload } = await compactVerify(token, key, { algorithms: ['RS256'] })
    const claims = parseMembers(payload)
    return claims === undefined
      ? err({ reason: 'token_malformed', detail: 'the payload is not a JSON object' })
      : ok(claims)
  } catch (error) {
    if (error instanceof JWSSignatureVerificationFailed) return err({ reason: 'token_signature' })
    // jose's other refusals; any other error is a defect of this app.
    if (error instanceof JOSEError) return err({ reason: 'token_malformed', detail: error.code })
    throw error
  }
}
