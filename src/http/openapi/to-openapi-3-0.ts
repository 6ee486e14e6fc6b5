import type { Json } from './parts.ts'

/**
 * The same document for readers that know OpenAPI 3.0 only (NSwag, for one). Differences, by the section of the 3.1 specification:
 * Schema Object: `type` is one word and null is `nullable`, `examples` is `example`. Formats that 3.0 does not name are left out: NSwag
 * makes a TimeSpan of `duration`, and sends it as `00:05:00`, which is no ISO 8601 duration.
 */
export function toOpenApi30(document: Json): Json {
  return { ...(convert(document) as Json), openapi: '3.0.3' }
}

const UNNAMED_FORMATS: ReadonlySet<unknown> = new Set(['duration', 'uri-reference'])

function convert(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(convert)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).flatMap(([name, member]): [string, unknown][] => {
    if (name === 'type' && Array.isArray(member)) {
      const types = member.filter((type) => type !== 'null')
      return [['type', types[0]], ...(types.length < member.length ? [['nullable', true] as [string, unknown]] : [])]
    }
    if (name === 'format' && UNNAMED_FORMATS.has(member)) return []
    if (name === 'examples' && Array.isArray(member)) return [['example', member[0]]]
    return [[name, convert(member)]]
  })
  return Object.fromEntries(members)
}
