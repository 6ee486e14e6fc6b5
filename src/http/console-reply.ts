import { gunzipSync } from 'node:zlib'
import { foldAscii } from '../domain/segments.ts'
import { COMMON_HEADERS, json, type FileReply, type Reply } from './reply.ts'

/** What the page has to know before anybody has signed in. Nothing of it is secret: the challenge of every 401 names the tenant too. */
export interface ConsoleSettings {
  /** Origin of the token issuer, which the page may connect to. */
  readonly authority: string
  readonly issuer: string
  /** Absent: users cannot sign in to the page. */
  readonly clientId?: string
  readonly scope?: string
}

/** The files of the page, each compressed with gzip, in base64. */
export type ConsoleFiles = Readonly<Record<string, string>>

const TYPES: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'app.js': 'text/javascript; charset=utf-8',
  'style.css': 'text/css; charset=utf-8',
}

/**
 * A file of the console (contract, section 13). `file` is the rest of the path, in any case; absent: the page itself. 404 without a body for
 * any other name, as the host answers unknown routes. There is no ETag: `no-store` keeps nothing that it could be compared with.
 */
export function toConsoleReply(
  file: string | undefined,
  files: ConsoleFiles,
  settings: ConsoleSettings,
  acceptEncoding: string | null,
): Reply | FileReply {
  const name = foldAscii(file ?? 'index.html')
  const headers = { ...COMMON_HEADERS, ...protection(settings.authority) }
  const { authority: _, ...told } = settings
  if (name === 'settings.json') return json(200, told, headers)
  const type = Object.hasOwn(TYPES, name) ? TYPES[name] : undefined
  const compressed = files[name]
  if (type === undefined || compressed === undefined) return { status: 404, headers: COMMON_HEADERS }
  const bytes = Buffer.from(compressed, 'base64')
  const typed = { ...headers, 'content-type': type, vary: 'Accept-Encoding' }
  return acceptsGzip(acceptEncoding)
    ? { status: 200, headers: { ...typed, 'content-encoding': 'gzip' }, body: bytes }
    : { status: 200, headers: typed, body: gunzipSync(bytes) }
}

/**
 * The page runs its own script and style, talks to this app and to the issuer, is framed by no page, and makes no markup of text (Content Security
 * Policy Level 3, Trusted Types). `data:` is for the empty icon, which keeps browsers from asking for /favicon.ico.
 */
function protection(authority: string): Readonly<Record<string, string>> {
  return {
    'content-security-policy': [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      'img-src data:',
      `connect-src 'self' ${authority}`,
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ].join('; '),
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
  }
}

/** RFC 9110, section 12.5.3. Only gzip is offered; `*` and other codings are not read. */
function acceptsGzip(acceptEncoding: string | null): boolean {
  return foldAscii(acceptEncoding ?? '')
    .split(',')
    .some((part) => /^\s*gzip\s*(?:;\s*q=(?!0(?:\.0{0,3})?\s*$)[0-9.]+\s*)?$/.test(part))
}
