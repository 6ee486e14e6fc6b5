import { err, ok, type Result } from '../shared/result.ts'

/** Contract, section 3: the longest `after`. */
export const MAX_AFTER_MS = 24 * 3_600_000
/** The documented minimum of `after`. ARM's own example is shorter, so a shorter one is forwarded with a warning. */
export const DOCUMENTED_MINIMUM_AFTER_MS = 120_000
/** The gateway's delay when `after` is absent (REST reference, "Backend - Reconnect"). */
export const DEFAULT_AFTER_MS = 120_000

/** The text is forwarded as it was given; the milliseconds are for comparison. */
export interface Duration {
  readonly text: string
  readonly ms: number
}

export type DurationFault = 'not_iso8601' | 'not_positive' | 'too_long'

/** Far longer than any sensible duration. It bounds the work of the pattern and the number of digits. */
const MAX_TEXT_LENGTH = 64

/** ISO 8601-1:2019, 5.5.2: designators in order, at least one, and a decimal fraction only in the last one. */
const ISO_8601 =
  /^P(?=[0-9T])(?:([0-9]+)Y)?(?:([0-9]+)M)?(?:([0-9]+(?:[.,][0-9]+(?=W$))?)W)?(?:([0-9]+(?:[.,][0-9]+(?=D$))?)D)?(?:T(?=[0-9])(?:([0-9]+(?:[.,][0-9]+(?=H$))?)H)?(?:([0-9]+(?:[.,][0-9]+(?=M$))?)M)?(?:([0-9]+(?:[.,][0-9]+)?)S)?)?$/

/** Years and months have no fixed length. Their shortest lengths are used, which are longer than any duration that is allowed here. */
const UNIT_MS = [365 * 86_400_000, 28 * 86_400_000, 7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1_000] as const

/** Parses an ISO 8601 duration. NOT checked: whether it is positive, and its length. */
export function parseIsoDuration(text: string): Result<Duration, 'not_iso8601'> {
  const match = text.length <= MAX_TEXT_LENGTH ? ISO_8601.exec(text) : null
  if (match === null) return err('not_iso8601')
  const ms = UNIT_MS.reduce(
    (sum, unitMs, index) => sum + unitMs * Number((match[index + 1] ?? '0').replace(',', '.')),
    0,
  )
  return ok({ text, ms })
}

/** Parses `after`: a positive ISO 8601 duration of at most 24 h (contract, section 3). */
export function parseAfter(text: unknown): Result<Duration, DurationFault> {
  if (typeof text !== 'string') return err('not_iso8601')
  const duration = parseIsoDuration(text)
  if (!duration.ok) return duration
  if (!(duration.value.ms > 0)) return err('not_positive')
  if (duration.value.ms > MAX_AFTER_MS) return err('too_long')
  return duration
}
