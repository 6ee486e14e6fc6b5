/** Longer differences than this are rounding, not a wrong clock: the `Date` header has whole seconds. */
const MIN_SKEW_MS = 2_000

let skewMs = 0

/** The time of this computer, epoch milliseconds: for what begins and ends here. */
export function clientNow(): number {
  return Date.now()
}

/** The app's time, epoch milliseconds: countdowns are right also where the clock of this computer is wrong. */
export function now(): number {
  return Date.now() + skewMs
}

/** Takes the `Date` header of an answer. */
export function noteServerTime(date: string | null): void {
  const difference = Date.parse(date ?? '') - Date.now()
  if (Number.isFinite(difference)) skewMs = Math.abs(difference) < MIN_SKEW_MS ? 0 : difference
}
