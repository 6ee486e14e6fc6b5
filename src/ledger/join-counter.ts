import type { OperationId } from '../domain/operation.ts'
import type { Clock } from '../shared/clock.ts'
import type { Log } from '../shared/log.ts'
import type { AcceptanceStore } from './store.ts'

/** Counts the alerts that joined an operation without one of their own (`joinedCount`). */
export interface JoinCounter {
  count(id: OperationId): void
}

/** What has gathered in this time goes out as one number: a storm costs storage two calls per operation and second. */
const FLUSH_AFTER_MS = 1_000
/** Operations whose counts are kept; an older one starts at nought again, and its number stays what it was at least. */
const MAX_COUNTED = 10_000

/**
 * Written in the background and in absolute numbers, so that a repetition changes nothing. A number is for people: what has not been written when
 * an instance ends, or while storage is away, is missing from it.
 */
export function createJoinCounter(store: AcceptanceStore, clock: Clock, log: Log, instance: string): JoinCounter {
  const counts = new Map<OperationId, number>()
  const changed = new Set<OperationId>()
  let waiting = false

  async function flush(): Promise<void> {
    await clock.sleep(FLUSH_AFTER_MS)
    waiting = false
    const ids = [...changed]
    changed.clear()
    for (const [at, id] of ids.entries()) {
      try {
        await store.countJoined(id, instance, counts.get(id) ?? 0)
      } catch (fault) {
        // With storage away the others would only fail too: all of them wait for the next alert.
        for (const left of ids.slice(at)) changed.add(left)
        log.warn(JSON.stringify({ event: 'reconnect.storage', detail: String(fault) }))
        break
      }
    }
    for (const id of counts.keys()) {
      if (counts.size <= MAX_COUNTED) break
      if (!changed.has(id)) counts.delete(id)
    }
  }

  return {
    count(id) {
      counts.set(id, (counts.get(id) ?? 0) + 1)
      changed.add(id)
      if (waiting) return
      waiting = true
      void flush()
    },
  }
}
