/** Node's names for the methods that routes can have, and one that no route has, for all methods that Node does not know. */
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE']
const NO_ROUTE_HAS_IT = 'UNLINK'

/**
 * Rewrites a request that Kestrel reads and Node's parser refuses: methods in lower case, unknown methods, bare line feeds, and
 * Transfer-Encoding beside Content-Length (the length is dropped, RFC 9112, 6.3). Undefined where there is nothing of the kind: the
 * bytes are then no HTTP for Kestrel either. One character per byte.
 */
export function repairRequest(bytes: string): string | undefined {
  const end = /\r?\n\r?\n/.exec(bytes)
  if (end === null) return undefined
  const [requestLine = '', ...fields] = bytes.slice(0, end.index).split(/\r?\n/)
  const [, method = '', rest = ''] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)( \S+ HTTP\/1\.[01])$/.exec(requestLine) ?? []
  if (rest === '') return undefined
  const isChunked = fields.some((field) => /^transfer-encoding:/i.test(field))
  const kept = fields.filter((field) => !(isChunked && /^content-length:/i.test(field)))
  const upper = method.toUpperCase()
  const head = [`${METHODS.includes(upper) ? upper : NO_ROUTE_HAS_IT}${rest}`, ...kept].join('\r\n')
  const repaired = `${head}\r\n\r\n${bytes.slice(end.index + end[0].length)}`
  return repaired === bytes ? undefined : repaired
}
