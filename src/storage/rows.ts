import type { OperationId, StoredOperation } from '../domain/operation.ts'
import type { Slot } from '../coordination/slot.ts'
import { escapeNonAscii } from '../shared/escape-text.ts'

/** Every column of every row; `docs/storage.md` says the same in words. */
export const SLOT_ROW_KEY = 'slot'

type SlotRow = {
  readonly partitionKey: string
  readonly rowKey: string
  readonly leaseOperation?: string
  readonly leaseOwner?: string
  readonly leaseUntil?: string
  readonly leaseEarliestDue?: string
  readonly scheduledOperation?: string
  readonly scheduledDue?: string
  readonly alertSends?: string
}

export function toSlotRow(partitionKey: string, { inFlight, scheduled, alertSends }: Slot): SlotRow {
  return {
    partitionKey,
    rowKey: SLOT_ROW_KEY,
    ...(inFlight === undefined
      ? {}
      : {
          leaseOperation: inFlight.operationId,
          leaseOwner: inFlight.ownerToken,
          leaseUntil: toText(inFlight.leaseUntilEpochMs),
          leaseEarliestDue: toText(inFlight.earliestDueEpochMs),
        }),
    ...(scheduled === undefined
      ? {}
      : { scheduledOperation: scheduled.operationId, scheduledDue: toText(scheduled.dueEpochMs) }),
    ...(alertSends === undefined || alertSends.length === 0 ? {} : { alertSends: alertSends.join(' ') }),
  }
}

export function fromSlotRow(row: Record<string, unknown>): Slot {
  const columns = row as Partial<SlotRow>
  const { leaseOperation, leaseOwner, leaseUntil, leaseEarliestDue } = columns
  const { scheduledOperation, scheduledDue, alertSends } = columns
  return {
    ...(leaseOperation !== undefined && leaseOwner !== undefined && leaseUntil !== undefined
      ? {
          inFlight: {
            operationId: leaseOperation as OperationId,
            ownerToken: leaseOwner,
            leaseUntilEpochMs: Date.parse(leaseUntil),
            earliestDueEpochMs: Date.parse(leaseEarliestDue ?? leaseUntil),
          },
        }
      : {}),
    ...(scheduledOperation !== undefined && scheduledDue !== undefined
      ? { scheduled: { operationId: scheduledOperation as OperationId, dueEpochMs: Date.parse(scheduledDue) } }
      : {}),
    ...(alertSends === undefined ? {} : { alertSends: alertSends.split(' ').map(Number) }),
  }
}

/** Each instance counts in a column of its own: no count overwrites another's, and none needs a compare-and-set. */
const JOINED_COLUMN = /^joined_[0-9a-z]{1,16}$/
export const joinedColumn = (instance: string): string => `joined_${instance}`

export interface OperationRow {
  readonly operation: string
  readonly [column: string]: unknown
}

/**
 * An operation is one JSON text: it is only ever read whole. In printable ASCII, because readers of a transaction's body split it into lines,
 * and U+2028 in a caller's name was seen to break one. `state` stands beside it for people who look into the table.
 */
export function toOperationRow(
  { partitionKey, rowKey }: { readonly partitionKey: string; readonly rowKey: string },
  operation: StoredOperation,
): { partitionKey: string; rowKey: string; state: string; operation: string } {
  const text = escapeNonAscii(JSON.stringify({ ...operation, joinedCount: undefined }))
  return { partitionKey, rowKey, state: operation.state, operation: text }
}

export function fromOperationRow({ operation, ...row }: OperationRow): StoredOperation {
  const joinedCount = Object.entries(row).reduce(
    (sum, [name, value]) => (JOINED_COLUMN.test(name) && typeof value === 'number' ? sum + value : sum),
    0,
  )
  return { ...(JSON.parse(operation) as StoredOperation), ...(joinedCount > 0 ? { joinedCount } : {}) }
}

function toText(epochMs: number): string {
  return new Date(epochMs).toISOString()
}
