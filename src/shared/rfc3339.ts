/** The time in UTC, to the millisecond, as all texts of this app have it (RFC 3339, section 5.6). Throws a RangeError where there is no such time. */
export function toRfc3339(epochMs: number): string {
  return new Date(epochMs).toISOString()
}
