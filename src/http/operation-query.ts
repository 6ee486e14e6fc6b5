import { parseBackendResourceId } from '../domain/backend-id.ts'
import type { RequestFailure } from '../domain/failure.ts'
import { OPERATION_STATES, type OperationState } from '../domain/operation.ts'
import { parseServiceScope } from '../domain/scope.ts'
import type { OperationQuery } from '../domain/operation-query.ts'
import { err, ok, type Result } from '../shared/result.ts'

export const DEFAULT_TOP = 50
export const MAX_TOP = 200

/** RFC 3339, 5.6, in UTC or with an offset. `Date.parse` alone would accept nearly anything. */
const TIMESTAMP = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})$/
/** As `operations/page-token.ts` seals them. */
const SKIP_TOKEN = /^[A-Za-z0-9_-]{1,256}$/

type Parsed<T> = Result<T, RequestFailure>

/** Reads `?backend=|service=|state=|from=|to=|top=` and the position that a `nextLink` carries. Unknown parameters are ignored. */
export function parseOperationQuery(query: URLSearchParams): Parsed<OperationQuery> {
  const result: { -readonly [K in keyof OperationQuery]: OperationQuery[K] } = { top: DEFAULT_TOP }
  const readers: Record<string, (text: string) => string | undefined> = {
    backend(text) {
      const backend = parseBackendResourceId(text)
      if (!backend.ok) return 'the resource id of an API Management backend'
      result.backend = backend.value
      return undefined
    },
    service(text) {
      const service = parseServiceScope(text)
      if (service === undefined) return 'the resource id of an API Management service'
      result.serviceKey = service.key
      return undefined
    },
    state(text) {
      if (!(OPERATION_STATES as readonly string[]).includes(text)) return `one of ${OPERATION_STATES.join(', ')}`
      result.state = text as OperationState
      return undefined
    },
    from: (text) => timestamp(text, (epochMs) => (result.fromEpochMs = epochMs)),
    to: (text) => timestamp(text, (epochMs) => (result.toEpochMs = epochMs)),
    top(text) {
      if (!/^[0-9]{1,3}$/.test(text) || Number(text) < 1 || Number(text) > MAX_TOP)
        return `a whole number from 1 to ${MAX_TOP}`
      result.top = Number(text)
      return undefined
    },
    $skiptoken(text) {
      if (!SKIP_TOKEN.test(text)) return 'the value of a nextLink'
      result.skipToken = text
      return undefined
    },
  }
  for (const [name, read] of Object.entries(readers)) {
    const [text, ...more] = query.getAll(name)
    if (text === undefined) continue
    const expectation = more.length > 0 ? 'given once' : read(text)
    if (expectation !== undefined) return err({ reason: 'parameter_invalid', parameter: name, expectation })
  }
  return ok(result)
}

function timestamp(text: string, keep: (epochMs: number) => void): string | undefined {
  const epochMs = TIMESTAMP.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(epochMs)) return 'a time as in RFC 3339, such as 2026-01-31T12:00:00Z'
  keep(epochMs)
  return undefined
}

/** The address of the next page: the same question, from there on. */
export function toNextLink(query: URLSearchParams, skipToken: string, publicUrl: string | undefined): string {
  const next = new URLSearchParams(query)
  next.set('$skiptoken', skipToken)
  return `${publicUrl ?? ''}/operations?${next.toString()}`
}
