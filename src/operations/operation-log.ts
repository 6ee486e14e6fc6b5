import { isSameVersion, mayReplace, toMinimal, type Operation, type StoredOperation } from '../domain/operation.ts'
import type { OperationId } from '../domain/operation-id.ts'
import type { OperationLog, RowEnd } from '../reconnect/ports.ts'
import type { CircuitBreaker } from '../shared/circuit-breaker.ts'
import type { Clock } from '../shared/clock.ts'
import { createBatchWriter } from '../storage/batch-writer.ts'
import { operationKeysOf } from '../storage/keys.ts'
import { StorageFault, type BackendStore } from '../storage/store.ts'

/** Conflicts and faults in a row after which a row is left as it is. */
const MAX_ATTEMPTS = 5
const RETRY_MS = 100

export interface OperationLogOptions {
  readonly store: BackendStore
  /** Of the slot's path: while it is open, nothing waits for storage. */
  readonly breaker: CircuitBreaker
  readonly clock: Clock
  readonly copy: (operation: Operation) => void
}

/** Rows of operations that change no slot. Rows that do are written with the slot (`coordination/lease.ts`). */
export function createOperationLog({ store, breaker, clock, copy }: OperationLogOptions): OperationLog {
  const write = createBatchWriter(store.writeOperations)

  return {
    async record(operation) {
      if (breaker.isOpen()) return false
      copy(operation)
      try {
        await write(operationKeysOf(operation.id).partitionKey, operation)
        return true
      } catch (fault) {
        if (!(fault instanceof StorageFault)) throw fault
        return false
      }
    },

    async find(id) {
      return (await store.readOperation(id)).value
    },

    async finish(id, begun, change): Promise<RowEnd> {
      let tried: StoredOperation | undefined
      const recorded = (operation: StoredOperation): RowEnd => {
        copy(operation)
        return { kind: 'recorded', operation }
      }
      for (let attempt = 0; attempt < MAX_ATTEMPTS && !breaker.isOpen(); attempt += 1) {
        if (attempt > 0) await clock.sleep(RETRY_MS * attempt)
        try {
          const row = await store.readOperation(id)
          const current = row.value ?? begun
          // A previous attempt of this call wrote it, and its answer was lost.
          if (tried !== undefined && isSameVersion(current, tried)) return recorded(current)
          const next = change(current)
          if (!mayReplace(current.state, next.state)) return { kind: 'already_done', operation: current }
          tried = next
          const end = await writeRow(row, next)
          if (end !== undefined) return recorded(end)
        } catch (fault) {
          if (!(fault instanceof StorageFault)) throw fault
        }
      }
      return { kind: 'not_recorded' }
    },
  }

  /** Compare-and-set on the row (invariant 3); in a minimal form where storage refuses the whole one. Undefined: a conflict. */
  async function writeRow(
    from: Awaited<ReturnType<BackendStore['readOperation']>>,
    to: StoredOperation,
  ): Promise<StoredOperation | undefined> {
    const commit = (operation: StoredOperation) =>
      store.commit(partitionOf(operation.id), { operation: { from, to: operation } })
    try {
      return (await commit(to)).kind === 'written' ? to : undefined
    } catch (fault) {
      if (!(fault instanceof StorageFault) || !fault.isRefusal) throw fault
      const minimal = toMinimal(to)
      return (await commit(minimal)).kind === 'written' ? minimal : undefined
    }
  }
}

function partitionOf(id: OperationId): string {
  return operationKeysOf(id).partitionKey
}
