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
}

export function toSlotRow(partitionKey: string, { flight, scheduled }: Slot): SlotRow {
  return {
    partitionKey,
    rowKey: SLOT_ROW_KEY,
    ...(flight === undefined
      ? {}
      : { flightOperation: flight.operationId, flightNonce: flight.nonce, flightLeaseUntil: new Date(flight.leaseUntilEpochMs).toISOString() }),
    ...(scheduled === undefined ? {} : { scheduledOperation: scheduled.operationId, scheduledDue: new Date(scheduled.dueEpochMs).toISOString() }),
  }
}

export function fromSlotRow(row: Record<string, unknown>): Slot {
  const { flightOperation, flightNonce, flightLeaseUntil, scheduledOperation, scheduledDue } = row as Partial<SlotRow>
  return {
    ...(flightOperation !== undefined && flightNonce !== undefined && flightLeaseUntil !== undefined
      ? { flight: { operationId: flightOperation as OperationId, nonce: flightNonce, leaseUntilEpochMs: Date.parse(flightLeaseUntil) } }
      : {}),
    ...(scheduledOperation !== undefined && scheduledDue !== undefined
      ? { scheduled: { operationId: scheduledOperation as OperationId, dueEpochMs: Date.parse(scheduledDue) } }
      : {}),
  }
}

/** An operation is one JSON text: it is only ever read whole. The state stands beside it for whoever looks into the table. */
export function toOperationRow(keys: { readonly partitionKey: string; readonly rowKey: string }, operation: Operation): { partitionKey: string; rowKey: string; state: string; operation: string } {
  return { partitionKey: keys.partitionKey, rowKey: keys.rowKey, state: operation.state, operation: toAsciiJson(operation) }
}

export function fromOperationRow({ operation }: { readonly operation: string }): Operation {
  return JSON.parse(operation) as Operation
}

/**
 * JSON in printable ASCII: a transaction's body is split into lines by whoever reads it, and U+2028 in a caller's name has been seen to
 * break one for everybody.
 */
function toAsciiJson(value: unknown): string {
  return JSON.stringify(value).replace(/[^ -~]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
