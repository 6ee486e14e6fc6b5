import { err, ok, type Result } from '../shared/result.ts'

/** Written by the contract: a reconnect is asked for at most a day ahead. */
export const MAX_AFTER_MS = 24 * 3_600_000
/** The documented minimum of `after`; ARM's own example goes below it, so it only warns. */
export const DOCUMENTED_MINIMUM_AFTER_MS = 120_000
/** What the gateway waits when `after` is absent (REST reference of Backend - Reconnect). */
export const DEFAULT_AFTER_MS = 120_000

/** A duration with the text it was given as: the text is what is forwarded, the milliseconds are what is compared. */
export interface Duration {
  readonly text: string
  readonly ms: number
}

export type DurationFault = 'not_iso8601' | 'not_positive' | 'too_long'

/** Longer texts are no duration of at most a day that anyone would write; the bound keeps digits from piling up. */
const MAX_TEXT_LENGTH = 64

/** ISO 8601-1:2019, 5.5.2: designators in order, at least one of them, a decimal fraction only in the last. */
const ISO_8601 =
  /^P(?=[0-9T])(?:([0-9]+)Y)?(?:([0-9]+)M)?(?:([0-9]+(?:[.,][0-9]+(?=W$))?)W)?(?:([0-9]+(?:[.,][0-9]+(?=D$))?)D)?(?:T(?=[0-9])(?:([0-9]+(?:[.,][0-9]+(?=H$))?)H)?(?:([0-9]+(?:[.,][0-9]+(?=M$))?)M)?(?:([0-9]+(?:[.,][0-9]+)?)S)?)?$/

/** A year and a month have no fixed length; any of them is longer than every duration admitted here. */
const UNIT_MS = [365 * 86_400_000, 28 * 86_400_000, 7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1_000] as const

/** Parses an ISO 8601 duration without judging it: zero and any length pass. */
export function parseIsoDuration(text: string): Result<Duration, 'not_iso8601'> {
  const match = text.length <= MAX_TEXT_LENGTH ? ISO_8601.exec(text) : null
  if (match === null) return err('not_iso8601')
  const ms = UNIT_MS.reduce(
    (sum, unitMs, index) => sum + unitMs * Number((match[index + 1] ?? '0').replace(',', '.')),
    0,
  )
  return ok({ text, ms })
}

/** Parses `after`: a positive ISO 8601 duration of at most 24 h. */
export function parseAfter(text: unknown): Result<Duration, DurationFault> {
  if (typeof text !== 'string') return err('not_iso8601')
  const duration = parseIsoDuration(text)
  if (!duration.ok) return duration
  if (!(duration.value.ms > 0)) return err('not_positive')
  if (duration.value.ms > MAX_AFTER_MS) return err('too_long')
  return duration
}
