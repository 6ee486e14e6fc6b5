import { parseBackendResourceId } from '../domain/backend-id.ts'
import { EFFECT_VERDICTS } from '../domain/effect.ts'
import type { RequestFailure } from '../domain/failure.ts'
import { OPERATION_STATES } from '../domain/operation.ts'
import { parseServiceScope } from '../domain/scope.ts'
import type { OperationQuery } from '../domain/operation-query.ts'
import { foldAscii } from '../domain/segments.ts'
import { err, ok, type Result } from '../shared/result.ts'

export const DEFAULT_TOP = 50
export const MAX_TOP = 200
const SKIP_TOKEN = '$skiptoken'

/** RFC 3339, 5.6, in UTC or with an offset. `Date.parse` alone would accept nearly anything. */
const TIMESTAMP = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})$/
/** RFC 3339, section 1: years have four digits. An offset can lead out of them, as in 9999-12-31T23:59:59-00:01. */
const MIN_EPOCH_MS = Date.parse('0000-01-01T00:00:00Z')
const MAX_EPOCH_MS = Date.parse('9999-12-31T23:59:59.999Z')
/** As `operations/page-token.ts` seals them. */
const TOKEN = /^[A-Za-z0-9_-]{1,256}$/

/** Ids and rule names are stored up to this length (`MAX_ID_CHARS` of the alerts). */
const MAX_ALERT_TEXT_CHARS = 256

type Parsed<T> = Result<T, RequestFailure>
type Draft = { -readonly [K in keyof OperationQuery]: OperationQuery[K] }
/** Writes the value into the draft, or says what was expected. */
type Reader = (text: string, draft: Draft) => string | undefined

const READERS: Readonly<Record<string, Reader>> = {
  backend(text, draft) {
    const backend = parseBackendResourceId(text)
    if (!backend.ok) return 'the resource id of an API Management backend'
    draft.backend = backend.value
    return undefined
  },
  service(text, draft) {
    const service = parseServiceScope(text)
    if (service === undefined) return 'the resource id of an API Management service'
    draft.serviceKey = service.key
    return undefined
  },
  state(text, draft) {
    const state = OPERATION_STATES.find((known) => known === text)
    if (state === undefined) return `one of ${OPERATION_STATES.join(', ')}`
    draft.state = state
    return undefined
  },
  alert: (text, draft) => alertText(text, () => (draft.alertId = text)),
  rule: (text, draft) => alertText(text, () => (draft.alertRule = text)),
  effect(text, draft) {
    const effect = EFFECT_VERDICTS.find((known) => known === text)
    if (effect === undefined) return `one of ${EFFECT_VERDICTS.join(', ')}`
    draft.effect = effect
    return undefined
  },
  from: (text, draft) => timestamp(text, (epochMs) => (draft.fromEpochMs = epochMs)),
  to: (text, draft) => timestamp(text, (epochMs) => (draft.toEpochMs = epochMs)),
  top(text, draft) {
    if (!/^[0-9]{1,3}$/.test(text) || Number(text) < 1 || Number(text) > MAX_TOP)
      return `a whole number from 1 to ${MAX_TOP}`
    draft.top = Number(text)
    return undefined
  },
  [SKIP_TOKEN](text, draft) {
    if (!TOKEN.test(text)) return 'the value of a nextLink'
    draft.skipToken = text
    return undefined
  },
}

/** The parameters of `GET /operations`, as they are documented. */
export const OPERATION_PARAMETERS: readonly string[] = Object.keys(READERS)

/**
 * Reads the parameters of `GET /operations` (contract, section 7). Names match without regard to case, as in ARM: the Functions host
 * already folds names that differ in case only. A name that is not known is refused, because a filter that is ignored shows too much.
 */
export function parseOperationQuery(query: URLSearchParams): Parsed<OperationQuery> {
  const draft: Draft = { top: DEFAULT_TOP }
  const read = new Set<string>()
  for (const [given, text] of query) {
    const name = foldAscii(given)
    const reader = Object.hasOwn(READERS, name) ? READERS[name] : undefined
    if (reader === undefined) return err(unknownParameter(given))
    const expectation = read.has(name) ? 'given once' : reader(text, draft)
    if (expectation !== undefined) return err({ reason: 'parameter_invalid', parameter: name, expectation })
    read.add(name)
  }
  return ok(draft)
}

/** Names from outside are repeated only where they are words: the message may be shown in a log or a page. */
function unknownParameter(name: string): RequestFailure {
  return {
    reason: 'parameter_invalid',
    parameter: /^[$A-Za-z][A-Za-z0-9_.-]{0,39}$/.test(name) ? name : '?',
    expectation: `left out: it is unknown here. Known are ${OPERATION_PARAMETERS.join(', ')}`,
  }
}

function alertText(text: string, keep: () => void): string | undefined {
  if (text === '' || text.length > MAX_ALERT_TEXT_CHARS) return `a text of 1 to ${MAX_ALERT_TEXT_CHARS} characters`
  keep()
  return undefined
}

function timestamp(text: string, keep: (epochMs: number) => void): string | undefined {
  const epochMs = TIMESTAMP.test(text) ? Date.parse(text) : Number.NaN
  if (!(epochMs >= MIN_EPOCH_MS && epochMs <= MAX_EPOCH_MS))
    return 'a time as in RFC 3339, such as 2026-01-31T12:00:00Z, in the years 0000 to 9999 of UTC'
  keep(epochMs)
  return undefined
}

/** The address of the next page: the same question, from there on. */
export function toNextLink(query: URLSearchParams, skipToken: string, publicUrl: string | undefined): string {
  const next = new URLSearchParams([...query].filter(([name]) => foldAscii(name) !== SKIP_TOKEN))
  next.set(SKIP_TOKEN, skipToken)
  return `${publicUrl ?? ''}/operations?${next.toString()}`
}
