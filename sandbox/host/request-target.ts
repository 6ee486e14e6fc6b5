import { decodeRequestPath } from './request-path.ts'

export interface RequestTarget {
  /** Decoded as Kestrel does it. */
  readonly path: string
  /** As it was sent, with its question mark; empty for none. */
  readonly query: string
}

/**
 * Kestrel's reading of the request target and the Host header: origin form, absolute form with the same host, or `OPTIONS *`. A number
 * is the status of the refusal: 400 for a target or Host that is not valid, 500 for an empty Host, on which the Functions host fails.
 */
export function readRequestTarget(
  method: string,
  url: string,
  host: string | undefined,
): RequestTarget | 400 | 404 | 500 {
  if (host === undefined || !isHost(host) || url.includes('#')) return 400
  if (url === '*') return method === 'OPTIONS' ? 404 : 400
  const [origin = '', scheme = '', authority = ''] = /^(https?):\/\/([^/?]*)/i.exec(url) ?? []
  if (origin !== '' && !isSameHost(host, authority, scheme)) return 400
  const rest = url.slice(origin.length)
  const mark = rest.indexOf('?')
  const query = mark < 0 ? '' : rest.slice(mark)
  const path = decodeRequestPath((mark < 0 ? rest : rest.slice(0, mark)) || '/')
  if (path === undefined || /[^\x21-\x7e]/.test(query)) return 400
  return host === '' ? 500 : { path, query: query === '?' ? '' : query }
}

/** Kestrel: the Host header equals the authority of the target, or names its default port beside it. */
function isSameHost(host: string, authority: string, scheme: string): boolean {
  return host === authority || host === `${authority}:${scheme.toLowerCase() === 'https' ? 443 : 80}`
}

function isHost(host: string): boolean {
  return /^(?:[A-Za-z0-9\-._~!$&'()*+,;=%]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?$/.test(host)
}
