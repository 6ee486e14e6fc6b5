import type { RequestFailure } from '../domain/failure.ts'
import { foldAscii } from '../domain/segments.ts'
import { err, ok, type Result } from '../shared/result.ts'

export const SKIP_TOKEN = '$skiptoken'
export const SERVICE_EXPECTATION = 'the resource id of an API Management service'
/** As `operations/page-token.ts` seals them. */
const TOKEN = /^[A-Za-z0-9_-]{1,512}$/

/** Writes the value into the draft, or says what was expected. */
export type ParameterReader<D> = (text: string, draft: D) => string | undefined
export type ParameterReaders<D> = Readonly<Record<string, ParameterReader<D>>>

/**
 * Reads the parameters of a route. Names match without regard to case, as in ARM: the Functions host already folds names that differ in case
 * only. A name that is not known is refused, because a filter that is ignored shows too much.
 */
export function readParameters<D>(
  query: URLSearchParams,
  readers: ParameterReaders<D>,
  draft: D,
): Result<D, RequestFailure> {
  const read = new Set<string>()
  for (const [given, text] of query) {
    const name = foldAscii(given)
    const reader = Object.hasOwn(readers, name) ? readers[name] : undefined
    if (reader === undefined) return err(unknownParameter(given, Object.keys(readers)))
    const expectation = read.has(name) ? 'given once' : reader(text, draft)
    if (expectation !== undefined) return err({ reason: 'parameter_invalid', parameter: name, expectation })
    read.add(name)
  }
  return ok(draft)
}

/** For routes without parameters. */
export function readNoParameters(query: URLSearchParams): Result<object, RequestFailure> {
  return readParameters(query, {}, {})
}

export function readSkipToken(text: string, draft: { skipToken?: string }): string | undefined {
  if (!TOKEN.test(text)) return 'the value of a nextLink'
  draft.skipToken = text
  return undefined
}

/** The address of the next page: the same question, from there on. */
export function toNextLink(
  query: URLSearchParams,
  skipToken: string,
  publicUrl: string | undefined,
  path = '/operations',
): string {
  const next = new URLSearchParams([...query].filter(([name]) => foldAscii(name) !== SKIP_TOKEN))
  next.set(SKIP_TOKEN, skipToken)
  return `${publicUrl ?? ''}${path}?${next.toString()}`
}

/** Names from outside are repeated only where they are words: the message may be shown in a log or a page. */
function unknownParameter(name: string, known: readonly string[]): RequestFailure {
  return {
    reason: 'parameter_invalid',
    parameter: /^[$A-Za-z][A-Za-z0-9_.-]{0,39}$/.test(name) ? name : '?',
    expectation: `left out: it is unknown here. ${known.length === 0 ? 'This route has no parameters' : `Known are ${known.join(', ')}`}`,
  }
}
