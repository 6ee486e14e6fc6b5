import type { Operation, OperationId } from '../domain/operation.ts'
import type { Slot } from './slot.ts'

/** Every column of every row; `docs/storage.md` says the same in words. */
export const SLOT_ROW_KEY = 'slot'

type SlotRow = {
  readonly partitionKey: string
  readonly rowKey: string
  readonly flightOperation?: string
  readonly flightNonce?: string
  readonly flightLeaseUntil?: string
  readonly scheduledOperation?: string
  readonly scheduledDue?: string
  readonly alertForwards?: string
}

export function toSlotRow(partitionKey: string, { flight, scheduled, alertForwards }: Slot): SlotRow {
  return {
    partitionKey,
    rowKey: SLOT_ROW_KEY,
    ...(flight === undefined
      ? {}
      : {
          flightOperation: flight.operationId,
          flightNonce: flight.nonce,
          flightLeaseUntil: new Date(flight.leaseUntilEpochMs).toISOString(),
        }),
    ...(scheduled === undefined
      ? {}
      : { scheduledOperation: scheduled.operationId, scheduledDue: new Date(scheduled.dueEpochMs).toISOString() }),
    ...(alertForwards === undefined ? {} : { alertForwards: alertForwards.join(' ') }),
  }
}

export function fromSlotRow(row: Record<string, unknown>): Slot {
  const { flightOperation, flightNonce, flightLeaseUntil, scheduledOperation, scheduledDue, alertForwards } =
    row as Partial<SlotRow>
  return {
    ...(flightOperation !== undefined && flightNonce !== undefined && flightLeaseUntil !== undefined
      ? {
          flight: {
            operationId: flightOperation as OperationId,
            nonce: flightNonce,
            leaseUntilEpochMs: Date.parse(flightLeaseUntil),
          },
        }
      : {}),
    ...(scheduledOperation !== undefined && scheduledDue !== undefined
      ? { scheduled: { operationId: scheduledOperation as OperationId, dueEpochMs: Date.parse(scheduledDue) } }
      : {}),
    ...(alertForwards === undefined ? {} : { alertForwards: alertForwards.split(' ').map(Number) }),
  }
}

/** Each instance counts in a column of its own: no count overwrites another's, and none needs a compare-and-set. */
const JOINED_COLUMN = /^joined_[0-9a-z]{1,16}$/
export const joinedColumn = (instance: string): string => `joined_${instance}`

/**
 * An operation is one JSON text: it is only ever read whole. The state stands beside it for whoever looks into the table, and the alerts that
 * joined it in columns of their own.
 */
export function toOperationRow(
  keys: { readonly partitionKey: string; readonly rowKey: string },
  operation: Operation,
): { partitionKey: string; rowKey: string; state: string; operation: string } {
  return {
    partitionKey: keys.partitionKey,
    rowKey: keys.rowKey,
    state: operation.state,
    operation: toAsciiJson({ ...operation, joinedCount: undefined }),
  }
}

export function fromOperationRow({ operation, ...row }: OperationRow): Operation {
  const joinedCount = Object.entries(row).reduce(
    (sum, [name, value]) => (JOINED_COLUMN.test(name) && typeof value === 'number' ? sum + value : sum),
    0,
  )
  return { ...(JSON.parse(operation) as Operation), ...(joinedCount > 0 ? { joinedCount } : {}) }
}

export interface OperationRow {
  readonly operation: string
  readonly [column: string]: unknown
}

/**
 * JSON in printable ASCII: a transaction's body is split into lines by whoever reads it, and U+2028 in a caller's name has been seen to
 * break one for everybody.
 */
function toAsciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
