import type { Operation, OperationId } from '../domain/operation.ts'
import { MAX_BATCH } from './store.ts'

/** Writes operations that change no slot. Resolves when this one is stored, rejects when it is not. */
export interface OperationWriter {
  write(operation: Operation): Promise<void>
}

interface Waiting {
  readonly operation: Operation
  readonly resolve: () => void
  readonly reject: (fault: unknown) => void
}

/**
 * While a write for a partition is under way, what comes after it gathers, and goes out as one transaction: a storm on one backend costs
 * storage one call per hundred requests, and a lone request waits for nobody.
 */
export function createOperationWriter(
  partitionOf: (id: OperationId) => string,
  writeBatch: (partitionKey: string, operations: readonly Operation[]) => Promise<void>,
): OperationWriter {
  const queues = new Map<string, Waiting[]>()

  async function drain(partitionKey: string, queue: Waiting[]): Promise<void> {
    while (queue.length > 0) {
      const batch = queue.splice(0, MAX_BATCH)
      try {
        // A transaction takes a row once: what was written last about an operation is what holds.
        const latest = new Map(batch.map(({ operation }) => [operation.id, operation]))
        await writeBatch(partitionKey, [...latest.values()])
        for (const { resolve } of batch) resolve()
      } catch (fault) {
        for (const { reject } of batch) reject(fault)
      }
    }
    queues.delete(partitionKey)
  }

  return {
    write(operation) {
      const partitionKey = partitionOf(operation.id)
      return new Promise((resolve, reject) => {
        const waiting = { operation, resolve, reject }
        const queue = queues.get(partitionKey)
        if (queue !== undefined) {
          queue.push(waiting)
          return
        }
        const started = [waiting]
        queues.set(partitionKey, started)
        void drain(partitionKey, started)
      })
    },
  }
}
