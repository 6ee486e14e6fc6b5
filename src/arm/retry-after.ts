/** Zero, negative and past values wait this long: a shorter wait would be a hot loop. */
export const MIN_WAIT_MS = 1_000

const DELTA_SECONDS = /^[0-9]{1,10}$/
/** RFC 9110, 5.6.7: IMF-fixdate, the only form that is still generated. `Date.parse` alone would accept nearly anything. */
const IMF_FIXDATE =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$/

export interface RetryAfter {
  /** The header as ARM sent it, valid to be relayed. */
  readonly text: string
  /** At least {@link MIN_WAIT_MS}. Not limited above: the caller decides whether it fits. */
  readonly waitMs: number
}

/** Reads `Retry-After` (RFC 9110, section 10.2.3). Undefined for an invalid value: the caller then uses its own back-off. */
export function parseRetryAfter(header: string | undefined, nowEpochMs: number): RetryAfter | undefined {
  const text = header?.trim() ?? ''
  if (DELTA_SECONDS.test(text)) return { text, waitMs: Math.max(MIN_WAIT_MS, Number(text) * 1_000) }
  if (!IMF_FIXDATE.test(text)) return undefined
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : { text, waitMs: Math.max(MIN_WAIT_MS, at - nowEpochMs) }
}
