import type { Operation } from '../domain/operation.ts'
import type { Clock } from '../shared/clock.ts'
import type { Log } from '../shared/log.ts'
import { historyKeysOf, operationKeysOf } from './keys.ts'
import { createOperationWriter } from './operation-writer.ts'
import type { OperationStore, SlotStore } from './store.ts'

/** What is written down, and whether storage is up to it. */
export interface Records {
  /** Writes an operation and its copy; false when it could not be written. */
  write(operation: Operation): Promise<boolean>
  /** Writes the copy that lists are read from, in the background: it may be late or missing, the row beside the slot is the truth. */
  copy(operation: Operation): void
  /** Runs something that writes; false when storage fails. */
  attempt(write: () => Promise<unknown>): Promise<boolean>
  /** Storage failed a moment ago: nobody waits for it now. */
  resting(): boolean
  rest(detail: string): void
}

type WriteBatch = (key: string, operations: readonly Operation[]) => Promise<void>

/** After storage has failed, nobody waits for it this long: an incident is no time to. */
const REST_MS = 5_000

export function createRecords(
  store: Pick<SlotStore, 'writeOperations'> & Pick<OperationStore, 'writeCopies'>,
  clock: Clock,
  log: Log,
  sweep: () => void,
): Records {
  const rows = createOperationWriter((id) => operationKeysOf(id).partitionKey, unlessResting(store.writeOperations))
  const copies = createOperationWriter((id) => historyKeysOf(id).partitionKey, unlessResting(store.writeCopies))
  let restsUntilEpochMs = 0

  /** What has gathered behind a write that failed fails with it: otherwise every batch of a storm would wait for a time-out of its own. */
  function unlessResting(write: WriteBatch): WriteBatch {
    return async (key, operations) => {
      if (resting()) throw new Error('storage failed a moment ago')
      try {
        await write(key, operations)
      } catch (fault) {
        rest(String(fault))
        throw fault
      }
    }
  }

  function resting(): boolean {
    return clock.now() < restsUntilEpochMs
  }

  function rest(detail: string): void {
    // Whoever failed with the first one is late with the news.
    if (resting()) return
    restsUntilEpochMs = clock.now() + REST_MS
    log.warn(JSON.stringify({ event: 'reconnect.storage', detail }))
  }

  function copy(operation: Operation): void {
    if (resting()) return
    sweep()
    copies.write(operation).catch((fault: unknown) => rest(String(fault)))
  }

  async function attempt(write: () => Promise<unknown>): Promise<boolean> {
    try {
      await write()
      return true
    } catch (fault) {
      rest(String(fault))
      return false
    }
  }

  return {
    resting,
    rest,
    copy,
    attempt,
    async write(operation) {
      if (resting()) return false
      copy(operation)
      return attempt(() => rows.write(operation))
    },
  }
}
