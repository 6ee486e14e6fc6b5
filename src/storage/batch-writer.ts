import { toMinimal, type StoredOperation } from '../domain/operation.ts'
import { MAX_BATCH, StorageFault } from './store.ts'

type WriteBatch = (partitionKey: string, operations: readonly StoredOperation[]) => Promise<void>

/** Resolves when this operation is stored, in a minimal form where storage refuses the whole one. Rejects with the fault otherwise. */
export type WriteOperation = (partitionKey: string, operation: StoredOperation) => Promise<void>

interface Waiting {
  readonly operation: StoredOperation
  readonly resolve: () => void
  readonly reject: (fault: unknown) => void
}

/**
 * While a write to a partition is running, later ones are collected and leave as one transaction: a storm on one backend costs storage one
 * call per hundred requests. A transaction that storage refuses is written row by row, so that one bad row affects no other.
 */
export function createBatchWriter(writeBatch: WriteBatch): WriteOperation {
  const queues = new Map<string, Waiting[]>()

  async function drain(partitionKey: string, queue: Waiting[]): Promise<void> {
    while (queue.length > 0) await writeAll(partitionKey, queue.splice(0, MAX_BATCH))
    queues.delete(partitionKey)
  }

  async function writeAll(partitionKey: string, batch: readonly Waiting[]): Promise<void> {
    // A transaction takes a row once: the last version of an operation counts.
    const latest = new Map(batch.map(({ operation }) => [operation.id, operation]))
    try {
      await writeBatch(partitionKey, [...latest.values()])
      for (const { resolve } of batch) resolve()
    } catch (fault) {
      if (!isRefusal(fault)) return batch.forEach(({ reject }) => reject(fault))
      for (const waiting of batch) await writeAlone(partitionKey, waiting)
    }
  }

  async function writeAlone(partitionKey: string, { operation, resolve, reject }: Waiting): Promise<void> {
    try {
      await writeBatch(partitionKey, [operation]).catch((fault: unknown) => {
        if (!isRefusal(fault)) throw fault
        return writeBatch(partitionKey, [toMinimal(operation)])
      })
      resolve()
    } catch (fault) {
      reject(fault)
    }
  }

  return (partitionKey, operation) =>
    new Promise((resolve, reject) => {
      const waiting = { operation, resolve, reject }
      const queue = queues.get(partitionKey)
      if (queue !== undefined) return void queue.push(waiting)
      const started = [waiting]
      queues.set(partitionKey, started)
      void drain(partitionKey, started)
      return undefined
    })
}

function isRefusal(fault: unknown): boolean {
  return fault instanceof StorageFault && fault.isRefusal
}
