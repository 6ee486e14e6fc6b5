import type { Clock } from '../shared/clock.ts'
import type { Log } from '../shared/log.ts'
import type { ExpiryStore } from '../storage/store.ts'
import { RETENTION_MS } from './history.ts'

/** One process looks this often; what it finds is removed in calls that no request waits for. */
const INTERVAL_MS = 3_600_000
const ROWS_PER_CALL = 100
/** A run removes so many at most: a backlog is worked off over hours, not beside an incident. */
const MAX_ROWS_PER_RUN = 2_000
/** A clock that differs this much from storage's is wrong, and must not decide what is old. */
const MAX_CLOCK_ERROR_MS = 3_600_000

/**
 * Removes operations that are older than the retention, with their copies. Only what has expired is read. Returns at once; call it after
 * writes. Nothing is removed by an instance whose clock differs from storage's by more than an hour.
 */
export function createExpiry(store: ExpiryStore, clock: Clock, log: Log): () => void {
  let nextAtEpochMs = clock.now() + INTERVAL_MS * 0.1

  async function run(): Promise<void> {
    let removed = 0
    while (removed < MAX_ROWS_PER_RUN) {
      const { ids, storageEpochMs } = await store.listExpired(clock.now() - RETENTION_MS, ROWS_PER_CALL)
      if (ids.length === 0) break
      if (storageEpochMs === undefined || Math.abs(storageEpochMs - clock.now()) > MAX_CLOCK_ERROR_MS)
        throw new Error('nothing was removed: the clock of this instance differs from that of storage')
      await store.removeOperations(ids)
      removed += ids.length
    }
    if (removed > 0) log.info(JSON.stringify({ event: 'reconnect.expiry', removed }))
  }

  return () => {
    if (clock.now() < nextAtEpochMs) return
    nextAtEpochMs = clock.now() + INTERVAL_MS
    run().catch((fault: unknown) => log.warn(JSON.stringify({ event: 'reconnect.expiry', detail: String(fault) })))
  }
}
