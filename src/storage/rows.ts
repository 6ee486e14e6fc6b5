import type { Effect, KnownAlert } from '../domain/effect.ts'
import type { OperationId } from '../domain/operation-id.ts'
import type { StoredOperation } from '../domain/operation.ts'
import type { Slot } from '../coordination/slot.ts'
import { escapeNonAscii } from '../shared/escape-text.ts'
import { toRfc3339 } from '../shared/rfc3339.ts'
import {
  readCount,
  readEffect,
  readJoinedAlerts,
  readOperation,
  readOperationId,
  readText,
  readTime,
  readTimes,
  readWatches,
  type ReadColumn,
} from './row-schema.ts'

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
          leaseUntil: toRfc3339(inFlight.leaseUntilEpochMs),
          leaseEarliestDue: toRfc3339(inFlight.earliestDueEpochMs),
        }),
    ...(scheduled === undefined
      ? {}
      : { scheduledOperation: scheduled.operationId, scheduledDue: toRfc3339(scheduled.dueEpochMs) }),
    ...(alertSends === undefined || alertSends.length === 0 ? {} : { alertSends: alertSends.join(' ') }),
    ...(watches.length === 0 ? {} : { watches: escapeNonAscii(JSON.stringify(watches)) }),
    ...(notHelping === 0 ? {} : { notHelping }),
  }
}

/** What a row says, and which of its columns cannot be read. They count as absent, and stop nothing else. */
export interface ReadRow<T> {
  readonly value: T
  readonly unreadable: readonly string[]
}

export function fromSlotRow(row: Record<string, unknown>): ReadRow<Slot> {
  const { read, readEach, unreadable } = columnsOf(row)
  const leaseOperation = read('leaseOperation', readOperationId)
  const leaseOwner = read('leaseOwner', readText)
  const leaseUntil = read('leaseUntil', readTime)
  const leaseEarliestDue = read('leaseEarliestDue', readTime)
  const scheduledOperation = read('scheduledOperation', readOperationId)
  const scheduledDue = read('scheduledDue', readTime)
  const alertSends = readEach('alertSends', readTimes)
  const notHelping = read('notHelping', readCount)
  const watches = readEach('watches', readWatches)
  const value = {
    ...(leaseOperation === undefined || leaseOwner === undefined || leaseUntil === undefined
      ? {}
      : {
          inFlight: {
            operationId: leaseOperation,
            ownerToken: leaseOwner,
            leaseUntilEpochMs: leaseUntil,
            earliestDueEpochMs: leaseEarliestDue ?? leaseUntil,
          },
        }),
    ...(scheduledOperation === undefined || scheduledDue === undefined
      ? {}
      : { scheduled: { operationId: scheduledOperation, dueEpochMs: scheduledDue } }),
    ...(alertSends === undefined ? {} : { alertSends }),
    ...(watches === undefined ? {} : { watches }),
    ...(notHelping === undefined ? {} : { notHelping }),
  }
  return { value, unreadable }
}

/** Reads the columns of a row one by one, and keeps the names of those that are there and cannot be read. */
function columnsOf(row: Record<string, unknown>) {
  const unreadable: string[] = []
  function read<T>(name: string, column: ReadColumn<T>): T | undefined {
    if (row[name] === undefined) return undefined
    const value = column(row[name])
    if (value === undefined) unreadable.push(name)
    return value
  }
  /** Of several facts in one column those that can be read. */
  function readEach<T>(name: string, column: ReadColumn<readonly (T | undefined)[]>): readonly T[] | undefined {
    const all = read(name, column)
    const known = all?.filter((one): one is T => one !== undefined)
    if (known?.length !== all?.length) unreadable.push(name)
    return known
  }
  return { read, readEach, unreadable }
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

/**
 * Undefined: there is nothing but a verdict in it, or what was asked cannot be read. `isOwn`: whether this is the row of that operation; under the
 * key of another one it would be removed, or gone on from, in its place.
 */
export function fromOperationRow(
  row: OperationRow,
  isOwn: (id: OperationId) => boolean,
): ReadRow<StoredOperation | undefined> {
  const { read, unreadable } = columnsOf(row)
  const stored = read('operation', (column) => {
    const known = readOperation(column)
    return known !== undefined && isOwn(known.id) ? known : undefined
  })
  const effect = read('effect', readEffect)
  const names = Object.keys(row)
  const counts = names.filter((name) => JOINED_COLUMN.test(name)).map((name) => read(name, readCount) ?? 0)
  const joinedCount = counts.reduce((sum, count) => sum + count, 0)
  const joinedAlerts = names
    .filter((name) => ALERTS_COLUMN.test(name))
    .flatMap((name) => read(name, readJoinedAlerts) ?? [])
  if (stored === undefined) return { value: undefined, unreadable }
  const value = {
    ...stored,
    ...(joinedCount > 0 ? { joinedCount } : {}),
    ...(joinedAlerts.length > 0 ? { joinedAlerts } : {}),
    ...(effect === undefined ? {} : { effect }),
  }
  return { value, unreadable }
}
