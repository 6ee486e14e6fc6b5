import type { Clock } from '../shared/clock.ts'

/** The clock that instances share: due times and leases in storage are told by it. */
export interface StorageClock {
  now(): number
  /** How far `now()` may be off on account of a correction; 0 where none was needed. */
  uncertaintyMs(): number
  /** Learns from the `Date` header (RFC 9110, 6.6.1) of an answer of storage to a request that was sent and answered at these times of our own clock. */
  observe(date: string | undefined, sentAtEpochMs: number, answeredAtEpochMs: number): void
}

/** `Date` is cut to whole seconds. */
const DATE_GRANULARITY_MS = 1_000
/** Clocks drift: what was learned is forgotten after this long. */
const REMEMBERED_MS = 600_000

/** Storage's clock minus ours lies between these two. */
interface Offset {
  readonly lowestMs: number
  readonly highestMs: number
  readonly sinceEpochMs: number
}

/**
 * Corrects our own clock only as far as answers of storage prove it wrong: clocks that agree to the second, as all do that are set by
 * NTP, are left alone, so that two instances compute the same due time; a clock that is a minute off is brought to within half a second
 * by the first answer, and closer by every further one.
 */
export function createStorageClock(clock: Clock): StorageClock {
  let learned: Offset | undefined

  const isRight = ({ lowestMs, highestMs }: Offset): boolean => lowestMs <= 0 && highestMs >= 0

  return {
    now: () =>
      clock.now() + (learned === undefined || isRight(learned) ? 0 : (learned.lowestMs + learned.highestMs) / 2),
    uncertaintyMs: () => (learned === undefined || isRight(learned) ? 0 : (learned.highestMs - learned.lowestMs) / 2),
    observe(date, sentAtEpochMs, answeredAtEpochMs) {
      const second = date === undefined ? Number.NaN : Date.parse(date)
      // Sent after it was answered: our own clock was set meanwhile, and the two times tell nothing of each other.
      if (Number.isNaN(second) || answeredAtEpochMs < sentAtEpochMs) return
      // Storage's clock stood somewhere in [second, second + 1 s) while ours went from sent to answered.
      const seen: Offset = {
        lowestMs: second - answeredAtEpochMs,
        highestMs: second + DATE_GRANULARITY_MS - sentAtEpochMs,
        sinceEpochMs: answeredAtEpochMs,
      }
      const known = learned !== undefined && answeredAtEpochMs - learned.sinceEpochMs < REMEMBERED_MS ? learned : seen
      const both: Offset = {
        lowestMs: Math.max(known.lowestMs, seen.lowestMs),
        highestMs: Math.min(known.highestMs, seen.highestMs),
        sinceEpochMs: known.sinceEpochMs,
      }
      // Two answers that contradict each other: a clock was set, and the later answer is right.
      learned = both.lowestMs <= both.highestMs ? both : seen
    },
  }
}
