/** RFC 3339, 5.6, in UTC or with an offset. `Date.parse` alone would accept nearly anything. */
const TIMESTAMP = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})$/
/** RFC 3339, section 1: years have four digits. An offset can lead out of them, as in 9999-12-31T23:59:59-00:01. */
const MIN_EPOCH_MS = Date.parse('0000-01-01T00:00:00Z')
const MAX_EPOCH_MS = Date.parse('9999-12-31T23:59:59.999Z')

export const TIMESTAMP_EXPECTATION =
  'a time as in RFC 3339, such as 2026-01-31T12:00:00Z, in the years 0000 to 9999 of UTC'

/** Epoch milliseconds. Undefined for a text that is no RFC 3339 time with a zone. */
export function parseTimestamp(text: string): number | undefined {
  const epochMs = TIMESTAMP.test(text) ? Date.parse(text) : Number.NaN
  return epochMs >= MIN_EPOCH_MS && epochMs <= MAX_EPOCH_MS ? epochMs : undefined
}
