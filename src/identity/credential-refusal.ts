import type { CredentialFault } from '../domain/failure.ts'
import { quoteText } from '../shared/escape-text.ts'

/** Why a credential was refused. `detail` names a claim, a header member or a quoted key id, never a part of the credential. */
export interface CredentialRefusal {
  readonly reason: CredentialFault
  readonly detail?: string
  /** Of `credential_malformed`: the scheme was Bearer and something followed it (RFC 6750, section 3.1). */
  readonly tokenSent?: true
}

/** Enough to recognise a key id or an address by. */
const MAX_QUOTED_CHARS = 80

/** Text from outside for a detail or a log line: limited, quoted, and in printable ASCII, so that it cannot forge a line. */
export function quote(text: string): string {
  return quoteText(text, MAX_QUOTED_CHARS)
}
