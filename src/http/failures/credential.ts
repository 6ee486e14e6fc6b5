import type { CredentialFault, CredentialRefused } from '../../domain/failure.ts'
import type { Row, Rows } from './row.ts'

/** One text for every cause: an attacker learns nothing from a difference. */
const REFUSED: Row<CredentialRefused> = {
  status: 401,
  code: 'AuthenticationFailed',
  text: () => 'Authentication failed. A valid bearer token for this app is needed.',
}
const TOKEN: Row<CredentialRefused> = { ...REFUSED, tokenSent: () => true }

/** What the alerts route says instead: its senders prove themselves by other means than a token of Entra ID. */
export const SENDER_REFUSED_TEXT =
  'Authentication failed. The proof that this webhook requires is missing or wrong: check the credentials that the sender is configured with.'

export const CREDENTIAL_ROWS: Rows<CredentialFault> = {
  credential_missing: REFUSED,
  // Another scheme than Bearer is no bearer token; `Bearer a b` is a bad one.
  credential_malformed: { ...REFUSED, tokenSent: ({ tokenSent }) => tokenSent === true },
  token_too_large: TOKEN,
  token_malformed: TOKEN,
  token_algorithm: TOKEN,
  token_key_unknown: TOKEN,
  token_signature: TOKEN,
  token_issuer: TOKEN,
  token_tenant: TOKEN,
  token_audience: TOKEN,
  token_expired: TOKEN,
  token_not_yet_valid: TOKEN,
  token_claims: TOKEN,
  token_scope: TOKEN,
  principal_header_invalid: REFUSED,
  principal_cross_site: REFUSED,
  webhook_unknown: REFUSED,
  webhook_proof_missing: REFUSED,
  webhook_secret: REFUSED,
  webhook_signature: REFUSED,
  webhook_timestamp: REFUSED,
  webhook_sender: REFUSED,
}
