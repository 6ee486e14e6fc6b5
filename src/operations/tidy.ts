import type { Clock } from '../shared/clock.ts'
import type { Log } from '../shared/log.ts'
import type { OperatorStore } from '../storage/operator-store.ts'

/** One process looks this often; no request waits for it. */
const INTERVAL_MS = 3_600_000
const ROWS_PER_RUN = 200
/** A clock that differs this much from storage's is wrong, and must not decide what is old. */
const MAX_CLOCK_ERROR_MS = 3_600_000

/**
 * Removes rows of lists whose time has passed: pauses that have ended, deliveries that did not act, backends without operations. Returns at
 * once; call it after writes. Nothing is removed by an instance whose clock differs from storage's by more than an hour.
 */
export function createTidy(store: Pick<OperatorStore, 'removeExpired'>, clock: Clock, log: Log): () => void {
  let nextAtEpochMs = clock.now() + INTERVAL_MS * 0.1

  async function run(): Promise<void> {
    const now = clock.now()
    const removed = await store.removeExpired(
      now,
      ROWS_PER_RUN,
      (storageEpochMs) => storageEpochMs !== undefined && Math.abs(storageEpochMs - now) <= MAX_CLOCK_ERROR_MS,
    )
    if (removed > 0) log.info(JSON.stringify({ event: 'reconnect.expiry', removed }))
  }

  return () => {
    if (clock.now() < nextAtEpochMs) return
    nextAtEpochMs = clock.now() + INTERVAL_MS
    run().catch((fault: unknown) => log.warn(JSON.stringify({ event: 'reconnect.expiry', detail: String(fault) })))
  }
}
