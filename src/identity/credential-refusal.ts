import type { CredentialFault } from '../domain/failure.ts'

/** Why a credential was not believed. `detail` names a claim, a header member or a quoted key id, never a piece of the credential. */
export interface CredentialRefusal {
  readonly reason: CredentialFault
  readonly detail?: string
  /** Of `credential_malformed`: the scheme was Bearer and something followed it (RFC 6750, section 3.1). */
  readonly tokenSent?: true
}

/** Enough to recognise a key id or an address by. */
const MAX_QUOTED_CHARS = 80

/** Text from outside for a detail or a log line: bounded, and nothing in it but printable ASCII, so that it cannot forge a line. */
export function quote(text: string): string {
  const shown = text
    .slice(0, MAX_QUOTED_CHARS)
    .replace(/[^ !#-[\]-~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return text.length > MAX_QUOTED_CHARS ? `"${shown}"…` : `"${shown}"`
}
