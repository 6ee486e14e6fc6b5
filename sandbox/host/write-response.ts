import type { ServerResponse } from 'node:http'
import type { RpcHttpCookie, RpcHttpResponse, TypedData } from './core-types.ts'

/** Puts what the function returned on the wire. Without a returned value the host answers 204. */
export function writeFunctionResponse(
  response: ServerResponse,
  returned: TypedData | null | undefined,
  customHeaders: Readonly<Record<string, string>>,
): void {
  const rpc: RpcHttpResponse | undefined = returned?.http
  if (rpc === undefined) return writeStatus(response, 204, customHeaders)
  response.statusCode = Number(rpc.statusCode ?? 200)
  for (const [name, value] of Object.entries(rpc.headers ?? {})) response.setHeader(name, value)
  if (rpc.cookies !== undefined && rpc.cookies.length > 0)
    response.appendHeader('set-cookie', rpc.cookies.map(toSetCookie))
  addCustomHeaders(response, customHeaders)
  const body = toBytes(rpc.body)
  // Kestrel sends a body of unknown length in chunks. Two calls make Node do the same.
  if (body.length > 0) response.write(body)
  response.end()
}

/** An answer of the host itself: a status and nothing else. */
export function writeStatus(
  response: ServerResponse,
  status: number,
  customHeaders: Readonly<Record<string, string>>,
): void {
  response.statusCode = status
  addCustomHeaders(response, customHeaders)
  response.end()
}

/** host.json's `customHeaders` go onto every answer of the job host, and never replace what is there. */
function addCustomHeaders(response: ServerResponse, customHeaders: Readonly<Record<string, string>>): void {
  response.setHeader('server', 'Kestrel')
  for (const [name, value] of Object.entries(customHeaders)) {
    if (!response.hasHeader(name)) response.setHeader(name, value)
  }
}

function toBytes(body: TypedData | null | undefined): Uint8Array {
  if (body?.bytes !== undefined) return body.bytes
  return Buffer.from(body?.string ?? body?.json ?? '')
}

const SAME_SITE = { lax: 'lax', strict: 'strict', explicitNone: 'none' } as const

/** As ASP.NET Core writes cookies: path `/` unless said otherwise, attributes in lower case. */
function toSetCookie(cookie: RpcHttpCookie): string {
  const sameSite = cookie.sameSite === undefined || cookie.sameSite === 'none' ? undefined : SAME_SITE[cookie.sameSite]
  const attributes = [
    `${encodeURIComponent(cookie.name)}=${encodeURIComponent(cookie.value)}`,
    cookie.expires && `expires=${new Date(cookie.expires.value.seconds * 1000).toUTCString()}`,
    cookie.maxAge && `max-age=${Math.trunc(cookie.maxAge.value)}`,
    cookie.domain && `domain=${cookie.domain.value}`,
    `path=${cookie.path?.value ?? '/'}`,
    cookie.secure?.value === true && 'secure',
    sameSite && `samesite=${sameSite}`,
    cookie.httpOnly?.value === true && 'httponly',
  ]
  return attributes.filter((attribute) => typeof attribute === 'string').join('; ')
}
