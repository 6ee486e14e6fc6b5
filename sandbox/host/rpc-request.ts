import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { NullableString, RpcHttpRequest } from './core-types.ts'
import { encodeRequestPath } from './request-path.ts'

/** The request as the host puts it into `RpcHttp` for a worker with `UseNullableValueDictionaryForHttp` and `RpcHttpBodyOnly`. */
export function toRpcRequest(
  request: IncomingMessage,
  target: { readonly path: string; readonly query: string },
  headers: ReadonlyMap<string, string>,
  params: Readonly<Record<string, string>>,
  body: Uint8Array,
): RpcHttpRequest {
  const scheme = (request.socket as Partial<TLSSocket>).encrypted === true ? 'https' : 'http'
  return {
    url: `${scheme}://${headers.get('host') ?? ''}${encodeRequestPath(target.path)}${target.query}`,
    method: request.method ?? '',
    nullableHeaders: nullable(headers),
    nullableQuery: nullable(parseQuery(target.query)),
    nullableParams: nullable(new Map(Object.entries(params))),
    ...(body.length > 0 && { body: { bytes: body } }),
  }
}

/**
 * Repeated headers joined with ',' as `StringValues.ToString` does, empty ones left out of the join. Kestrel reads header values as
 * UTF-8; undefined where they are not, which it answers with 400.
 */
export function readHeaders(request: IncomingMessage): Map<string, string> | undefined {
  const lines: [string, string][] = []
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    lines.push([(request.rawHeaders[index] as string).toLowerCase(), request.rawHeaders[index + 1] as string])
  }
  if (lines.filter(([name]) => name === 'host').length > 1) return undefined
  try {
    const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    return joinValues(
      lines.map(([name, value]) => [
        name,
        /[\x80-\xff]/.test(value) ? utf8.decode(Buffer.from(value, 'latin1')) : value,
      ]),
    )
  } catch {
    return undefined
  }
}

/**
 * ASP.NET Core's reading of a query (QueryFeature): keys without regard to case, `+` is a space, bad encodings stay as sent. Of several
 * spellings of a key that of its second occurrence stays.
 */
function parseQuery(query: string): Map<string, string> {
  const pairs = query
    .slice(1)
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair): readonly [string, string] => {
      const equals = pair.indexOf('=')
      return equals < 0
        ? [decodeQueryPart(pair), '']
        : [decodeQueryPart(pair.slice(0, equals)), decodeQueryPart(pair.slice(equals + 1))]
    })
  const occurrences = Map.groupBy(pairs, ([name]) => name.toUpperCase())
  return joinValues(
    [...occurrences.values()].flatMap((same) => {
      const [spelling = ''] = same[1] ?? same[0] ?? []
      return same.map(([, value]) => [spelling, value] as const)
    }),
  )
}

function decodeQueryPart(text: string): string {
  return text.replaceAll('+', ' ').replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) => {
    try {
      return decodeURIComponent(run)
    } catch {
      return run
    }
  })
}

function joinValues(pairs: readonly (readonly [string, string])[]): Map<string, string> {
  const joined = new Map<string, string>()
  for (const [name, value] of pairs) {
    const before = joined.get(name) ?? ''
    joined.set(name, before === '' ? value : value === '' ? before : `${before},${value}`)
  }
  return joined
}

/** A prototype-less dictionary, so that a header or parameter named `__proto__` is one like any other. */
function nullable(values: ReadonlyMap<string, string>): Record<string, NullableString> {
  const dictionary = Object.create(null) as Record<string, NullableString>
  for (const [name, value] of values) dictionary[name] = { value }
  return dictionary
}
