import type { Effect, KnownAlert, Watch } from '../domain/effect.ts'
import type { StoredOperation } from '../domain/operation.ts'
import type { OperationId } from '../domain/operation-id.ts'
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
  readonly watches?: string
  readonly notHelping?: number
}

export function toSlotRow(partitionKey: string, slot: Slot): SlotRow {
  const { inFlight, scheduled, alertSends, watches = [], notHelping = 0 } = slot
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
    ...(watches.length === 0 ? {} : { watches: escapeNonAscii(JSON.stringify(watches)) }),
    ...(notHelping === 0 ? {} : { notHelping }),
  }
}

export function fromSlotRow(row: Record<string, unknown>): Slot {
  const columns = row as Partial<SlotRow>
  const { leaseOperation, leaseOwner, leaseUntil, leaseEarliestDue } = columns
  const { scheduledOperation, scheduledDue, alertSends, watches, notHelping } = columns
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
    ...(watches === undefined ? {} : { watches: JSON.parse(watches) as readonly Watch[] }),
    ...(notHelping === undefined ? {} : { notHelping }),
  }
}

/** Each instance counts in columns of its own: no count overwrites another's, and none needs a compare-and-set. */
const JOINED_COLUMN = /^joined_[0-9a-z]{1,16}$/
const ALERTS_COLUMN = /^alerts_[0-9a-z]{1,16}$/

export function toJoinedColumns(
  instance: string,
  count: number,
  alerts: readonly KnownAlert[] = [],
): Readonly<Record<string, unknown>> {
  const known = alerts.map(({ key, startedAtEpochMs }) => [key, startedAtEpochMs])
  return {
    [`joined_${instance}`]: count,
    ...(known.length === 0 ? {} : { [`alerts_${instance}`]: JSON.stringify(known) }),
  }
}

/** The verdict on an operation: written with the slot, and never together with the operation's own text. */
export function toEffectColumn(effect: Effect): { readonly effect: string } {
  return { effect: escapeNonAscii(JSON.stringify(effect)) }
}

export interface OperationRow {
  /** Absent: the row has a verdict only, because its operation was removed. */
  readonly operation?: string
  readonly effect?: string
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
  const text = escapeNonAscii(JSON.stringify({ ...operation, joinedCount: undefined, joinedAlerts: undefined }))
  return { partitionKey, rowKey, state: operation.state, operation: text }
}

export function fromOperationRow({ operation, effect, ...row }: OperationRow): StoredOperation | undefined {
  if (operation === undefined) return undefined
  const stored = JSON.parse(operation) as StoredOperation
  const columns = Object.entries(row)
  const joinedCount = columns.reduce(
    (sum, [name, value]) => (JOINED_COLUMN.test(name) && typeof value === 'number' ? sum + value : sum),
    0,
  )
  const joinedAlerts = columns.flatMap(([name, value]) =>
    ALERTS_COLUMN.test(name) && typeof value === 'string' ? (JSON.parse(value) as [string, number][]) : [],
  )
  return {
    ...stored,
    ...(joinedCount > 0 ? { joinedCount } : {}),
    ...(joinedAlerts.length > 0 ? { joinedAlerts } : {}),
    ...(effect === undefined ? {} : { effect: JSON.parse(effect) as Effect }),
  }
}

function toText(epochMs: number): string {
  return new Date(epochMs).toISOString()
}
