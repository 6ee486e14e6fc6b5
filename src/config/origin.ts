import { isIPv4 } from 'node:net'
import { foldAscii } from '../domain/segments.ts'

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
/** Checked before `URL` parses the text: it would drop tabs and line breaks, read `\` as `/` and turn other scripts into ASCII. */
const ORIGIN = new RegExp(`^https?://(?:${LABEL}(?:\\.${LABEL}){0,30}|\\[[0-9a-f:.]{2,45}\\])(?::[0-9]{1,5})?/?$`)

/** Whether http is allowed, and where. Other networks have on-path attackers. */
export type Plaintext = 'never' | 'on-loopback'

/**
 * The origin that `text` names, without trailing slash; undefined if it is not one: another scheme, credentials, a path, a query, or
 * http where it may not be. `localhost` counts as a loopback address (RFC 6761, section 6.3). Names are NOT resolved.
 */
export function parseOrigin(text: string, plaintext: Plaintext): string | undefined {
  if (!ORIGIN.test(foldAscii(text)) || !URL.canParse(text)) return undefined
  const { protocol, hostname, origin } = new URL(text)
  return protocol === 'https:' || (plaintext === 'on-loopback' && isLoopback(hostname)) ? origin : undefined
}

export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || (isIPv4(hostname) && hostname.startsWith('127.'))
}
