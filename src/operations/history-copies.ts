import { toShown, type Operation, type StoredOperation } from '../domain/operation.ts'
import type { OperationId } from '../domain/operation-id.ts'
import type { Clock } from '../shared/clock.ts'
import type { Log } from '../shared/log.ts'
import { createBatchWriter } from '../storage/batch-writer.ts'
import { historyKeysOf } from '../storage/keys.ts'
import { StorageFault, type HistoryStore } from '../storage/store.ts'

/** Copies of operations for lists across backends, written in the background. */
export interface HistoryCopies {
  /** Returns at once. A later version of the same operation replaces one that still waits. */
  write(operation: StoredOperation): void
  /** For an operation whose end is likely to follow within moments: written within 200 ms, unless a later version was. Returns at once. */
  writeLater(operation: StoredOperation): void
  /** Copies that could not be written yet. */
  waiting(): number
}

const FIRST_RETRY_MS = 1_000
const MAX_RETRY_MS = 60_000
/** ARM mostly answers before. */
const LATER_MS = 200
/** Copies that wait for storage at most. Beyond it the oldest are left out, and the log says how many. */
const MAX_WAITING = 10_000

/**
 * A copy may be late; the row beside the slot is the truth. What fails waits and is tried again, and never touches coordination. An instance
 * that ends takes the copies with it that still wait: they are missing from lists across backends.
 */
export function createHistoryCopies(store: Pick<HistoryStore, 'writeCopies'>, clock: Clock, log: Log): HistoryCopies {
  const writeCopy = createBatchWriter(store.writeCopies)
  const failed = new Map<OperationId, Operation>()
  const later = new Map<OperationId, StoredOperation>()
  let isLaterSet = false
  let retrying = false
  let leftOut = 0

  async function attempt(operation: Operation): Promise<void> {
    try {
      await writeCopy(historyKeysOf(operation.id).partitionKey, operation)
      const waiting = failed.get(operation.id)
      if (waiting !== undefined && waiting.updatedAt <= operation.updatedAt) failed.delete(operation.id)
    } catch (fault) {
      if (fault instanceof StorageFault && fault.isRefusal) {
        failed.delete(operation.id)
        return log.error(
          JSON.stringify({ event: 'reconnect.storage', detail: 'a copy was refused', operationId: operation.id }),
        )
      }
      keep(operation, fault)
    }
  }

  function keep(operation: Operation, fault: unknown): void {
    const waiting = failed.get(operation.id)
    if (waiting === undefined || waiting.updatedAt <= operation.updatedAt) failed.set(operation.id, operation)
    if (failed.size > MAX_WAITING) {
      failed.delete(failed.keys().next().value as OperationId)
      leftOut += 1
    }
    if (retrying) return
    retrying = true
    log.warn(JSON.stringify({ event: 'reconnect.storage', detail: `copies wait: ${String(fault)}` }))
    void retry()
  }

  async function retry(): Promise<void> {
    for (let delayMs = FIRST_RETRY_MS; failed.size > 0; delayMs = Math.min(MAX_RETRY_MS, delayMs * 2)) {
      await clock.sleep(delayMs)
      // One first: while storage is away, the others are not tried.
      const [first] = failed.values()
      if (first !== undefined) await attempt(first)
      if (first === undefined || failed.get(first.id) === first) continue
      await Promise.all([...failed.values()].map(attempt))
    }
    retrying = false
    if (leftOut > 0)
      log.error(JSON.stringify({ event: 'reconnect.storage', detail: `${leftOut} copies were left out of the lists` }))
    leftOut = 0
  }

  function write(operation: StoredOperation): void {
    later.delete(operation.id)
    const shown = toShown(operation)
    // While others wait, this one waits with them: storage is away, or about to be tried.
    if (retrying) keep(shown, 'storage is away')
    else void attempt(shown)
  }

  async function writeWhatStillWaits(): Promise<void> {
    await clock.sleep(LATER_MS)
    isLaterSet = false
    for (const operation of later.values()) write(operation)
  }

  return {
    waiting: () => failed.size,
    write,
    writeLater(operation) {
      later.set(operation.id, operation)
      if (isLaterSet) return
      isLaterSet = true
      void writeWhatStillWaits()
    },
  }
}

const READ_ATTEMPTS = 3

/** Copies an operation from its row, where only its id is at hand. Returns at once. What fails is left out: lists read an overdue verdict in the row. */
export function createCopyAgain(
  store: Pick<HistoryStore, 'readOperation'>,
  copies: HistoryCopies,
  clock: Clock,
): (id: OperationId) => void {
  async function copyAgain(id: OperationId): Promise<void> {
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt += 1) {
      if (attempt > 0) await clock.sleep(FIRST_RETRY_MS * attempt)
      try {
        const { value } = await store.readOperation(id)
        if (value !== undefined) copies.write(value)
        return
      } catch (fault) {
        if (!(fault instanceof StorageFault)) throw fault
      }
    }
  }
  return (id) => void copyAgain(id)
}
