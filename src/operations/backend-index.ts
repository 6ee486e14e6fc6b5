import { parseBackendResourceId } from '../domain/backend-id.ts'
import type { Operation } from '../domain/operation.ts'
import type { Clock } from '../shared/clock.ts'
import type { Log } from '../shared/log.ts'
import { remember } from '../shared/remember.ts'
import { backendRowKeyOf } from '../storage/keys.ts'
import type { OperatorStore, SeenBackend } from '../storage/operator-store.ts'
import { MAX_BATCH, StorageFault } from '../storage/store.ts'

const DAY_MS = 86_400_000
/** What was seen in this time leaves as one call. */
const BATCH_MS = 1_000
const MAX_RETRY_MS = 60_000
/** Backends that are remembered, and that wait for storage, at most. A forgotten one is written once more, or with its next operation. */
const MAX_KNOWN = 10_000

/**
 * Notes which backends have operations, for the list of backends: one row per backend, written once a day by each instance, in the background.
 * A row may be late; whether it still counts is read from the operations themselves. An instance that ends loses what waits.
 */
export function createBackendIndex(
  store: Pick<OperatorStore, 'writeBackends'>,
  clock: Clock,
  log: Log,
): (operation: Pick<Operation, 'backend'>) => void {
  /** The day on which the backend was noted last. */
  const noted = new Map<string, number>()
  const waiting = new Map<string, SeenBackend>()
  let running = false

  async function run(): Promise<void> {
    let delayMs = BATCH_MS
    while (waiting.size > 0) {
      await clock.sleep(delayMs)
      const batch = [...waiting].slice(0, MAX_BATCH)
      try {
        await writeAll(batch.map(([, seen]) => seen))
        for (const [key, seen] of batch) if (waiting.get(key) === seen) waiting.delete(key)
        delayMs = BATCH_MS
      } catch (fault) {
        if (delayMs === BATCH_MS) log.warn(describe(`the list of backends waits: ${String(fault)}`))
        delayMs = Math.min(MAX_RETRY_MS, delayMs * 2)
      }
    }
    running = false
  }

  /** A refused row must not keep the others from being written. */
  async function writeAll(batch: readonly SeenBackend[]): Promise<void> {
    try {
      await store.writeBackends(batch)
    } catch (fault) {
      if (!isRefusal(fault)) throw fault
      if (batch.length === 1) return log.error(describe('a row of the list of backends was refused'))
      for (const seen of batch) await writeAll([seen])
    }
  }

  return ({ backend: resourceId }) => {
    const backend = parseBackendResourceId(resourceId)
    if (!backend.ok) return
    const key = backendRowKeyOf(backend.value)
    const now = clock.now()
    const day = Math.floor(now / DAY_MS)
    if (noted.get(key) === day) return
    remember(noted, key, day, MAX_KNOWN)
    waiting.set(key, { backend: backend.value, seenAtEpochMs: now })
    if (waiting.size > MAX_KNOWN) waiting.delete(waiting.keys().next().value as string)
    if (running) return
    running = true
    void run()
  }
}

function isRefusal(fault: unknown): boolean {
  return fault instanceof StorageFault && fault.isRefusal
}

function describe(detail: string): string {
  return JSON.stringify({ event: 'reconnect.storage', detail })
}
