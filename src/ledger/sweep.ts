import type { Clock } from '../shared/clock.ts'
import type { Log } from '../shared/log.ts'
import { RETENTION_MS } from './history.ts'
import type { ExpiryStore } from './store.ts'

/** One process looks this often; what it finds is spread over calls that nobody waits for. */
const INTERVAL_MS = 3_600_000
const ROWS_PER_CALL = 100
/** A run removes this many at most: a backlog is worked off over hours, not in one go beside an incident. */
const MAX_ROWS_PER_RUN = 2_000

/**
 * Removes operations that are older than the retention, with their copies. Copies stand by month and time, so that only what has expired
 * is read. Called after writes; returns at once.
 */
export function createSweep(store: ExpiryStore, clock: Clock, log: Log): () => void {
  let nextAtEpochMs = clock.now() + INTERVAL_MS * 0.1

  async function run(): Promise<void> {
    let removed = 0
    for (;;) {
      const expired = await store.listExpired(clock.now() - RETENTION_MS, ROWS_PER_CALL)
      if (expired.length === 0 || removed >= MAX_ROWS_PER_RUN) break
      await store.removeOperations(expired)
      removed += expired.length
    }
    if (removed > 0) log.info(JSON.stringify({ event: 'reconnect.sweep', removed }))
  }

  return () => {
    if (clock.now() < nextAtEpochMs) return
    nextAtEpochMs = clock.now() + INTERVAL_MS
    run().catch((fault: unknown) => log.warn(JSON.stringify({ event: 'reconnect.sweep', detail: String(fault) })))
  }
}
