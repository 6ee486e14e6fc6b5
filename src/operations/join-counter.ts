import { MAX_KNOWN_ALERTS, type KnownAlert } from '../domain/effect.ts'
import type { OperationId } from '../domain/operation-id.ts'
import type { Clock } from '../shared/clock.ts'
import type { Log } from '../shared/log.ts'
import type { BackendStore } from '../storage/store.ts'

/** What was counted in this time leaves as one number: a storm costs storage two calls per operation and second. */
const FLUSH_AFTER_MS = 1_000
/** Operations whose counts are kept. A forgotten one starts at zero again; its number stays at least what it was. */
const MAX_COUNTED = 10_000

/**
 * Counts the alerts and requests that joined an operation without one of their own (`joinedCount`), and keeps which alerts are known by a key: the
 * reconnect has helped when all of them are resolved. Written in the background and in absolute numbers, so that a repetition changes nothing.
 * An instance that ends, or storage that is away, loses the latest counts.
 */
export function createJoinCounter(
  store: Pick<BackendStore, 'countJoined'>,
  clock: Clock,
  log: Log,
  instance: string,
): (id: OperationId, alert?: KnownAlert) => void {
  const counts = new Map<OperationId, number>()
  /** One more than can be known tells that there are more. */
  const alerts = new Map<OperationId, Map<string, KnownAlert>>()
  const changed = new Set<OperationId>()
  let waiting = false

  async function flush(): Promise<void> {
    await clock.sleep(FLUSH_AFTER_MS)
    waiting = false
    const ids = [...changed]
    changed.clear()
    for (const [at, id] of ids.entries()) {
      try {
        await store.countJoined(id, instance, counts.get(id) ?? 0, [...(alerts.get(id)?.values() ?? [])])
      } catch (fault) {
        // The others would only fail too: all of them wait for the next alert.
        for (const left of ids.slice(at)) changed.add(left)
        log.warn(JSON.stringify({ event: 'reconnect.storage', detail: String(fault) }))
        break
      }
    }
    for (const id of counts.keys()) {
      if (counts.size <= MAX_COUNTED) break
      if (changed.has(id)) continue
      counts.delete(id)
      alerts.delete(id)
    }
    while (changed.size > MAX_COUNTED) changed.delete(changed.values().next().value as OperationId)
  }

  function know(id: OperationId, alert: KnownAlert): void {
    const known = alerts.get(id) ?? new Map<string, KnownAlert>()
    const before = known.get(alert.key)
    const isLater = before !== undefined && alert.startedAtEpochMs > before.startedAtEpochMs
    if (isLater || (before === undefined && known.size <= MAX_KNOWN_ALERTS)) known.set(alert.key, alert)
    alerts.set(id, known)
  }

  return (id, alert) => {
    counts.set(id, (counts.get(id) ?? 0) + 1)
    if (alert !== undefined) know(id, alert)
    changed.add(id)
    if (waiting) return
    waiting = true
    void flush()
  }
}
