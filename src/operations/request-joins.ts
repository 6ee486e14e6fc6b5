import type { Operation } from '../domain/operation.ts'
import type { OperationId } from '../domain/operation-id.ts'
import type { RecordJoin } from '../reconnect/ports.ts'
import { remember } from '../shared/remember.ts'

/** Joins to one reconnect that an instance writes one by one. Far more than people and tools make, except in a storm. */
export const MAX_ROWS = 500
/** Reconnects, and joins of different callers, that are remembered at once; beyond it the oldest go. Forgetting costs a row. */
const MAX_REMEMBERED = 2_000

export interface RequestJoinsOptions {
  readonly record: (operation: Operation) => Promise<boolean>
  readonly countJoined: (id: OperationId) => void
}

/**
 * Writes down that a person or a tool joined a reconnect. The first {@link MAX_ROWS} joins have an operation each. In a storm beyond that, a
 * caller who asks for the same again is answered with an earlier operation of that caller, and is counted in `joinedCount` of the reconnect: the
 * history keeps who asked, and for what; when, and how often, is in the audit events.
 */
export function createRequestJoins({ record, countJoined }: RequestJoinsOptions): RecordJoin {
  const rows = new Map<OperationId, number>()
  const written = new Map<string, Operation>()

  return async (operation) => {
    const { joined, caller, after, reason } = operation
    if (joined === undefined) return { operation, recorded: await record(operation) }
    const key = JSON.stringify([joined, caller.kind, caller.id, after, reason])
    const before = rows.get(joined) ?? 0
    const same = before < MAX_ROWS ? undefined : written.get(key)
    if (same !== undefined) {
      countJoined(joined)
      return { operation: same, recorded: true }
    }
    const recorded = await record(operation)
    if (recorded) {
      remember(rows, joined, (rows.get(joined) ?? 0) + 1, MAX_REMEMBERED)
      remember(written, key, operation, MAX_REMEMBERED)
    }
    return { operation, recorded }
  }
}
