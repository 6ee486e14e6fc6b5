import assert from 'node:assert/strict'
import type { Effect, KnownAlert } from '../../src/domain/effect.ts'
import type { StoredOperation } from '../../src/domain/operation.ts'
import type { OperationId } from '../../src/domain/operation-id.ts'
import { isEmpty, type Slot } from '../../src/coordination/slot.ts'
import { historyKeysOf, invertedTime, monthOf, operationKeysOf } from '../../src/storage/keys.ts'
import { fromOperationRow, toEffectColumn, toOperationRow } from '../../src/storage/rows.ts'
import {
  MAX_BATCH,
  StorageFault,
  type Commit,
  type Committed,
  type OperationPage,
  type OperationRange,
  type Store,
  type Versioned,
} from '../../src/storage/store.ts'

/** The rows that all instances share. As strict as Azure Table storage: ETags, keys, sizes, transactions of one partition. */
export interface MemoryRows {
  readonly slots: Map<string, Versioned<Slot>>
  readonly operations: Map<OperationId, Versioned<StoredOperation>>
  readonly copies: Map<OperationId, StoredOperation>
  readonly joined: Map<OperationId, Map<string, number>>
  readonly alerts: Map<OperationId, Map<string, readonly KnownAlert[]>>
  readonly effects: Map<OperationId, Effect>
  readonly secrets: Map<string, Buffer>
  /** Storage's own clock. */
  now: () => number
  version: number
}

export function createMemoryRows(now: () => number = () => 0): MemoryRows {
  return {
    slots: new Map(),
    operations: new Map(),
    copies: new Map(),
    joined: new Map(),
    alerts: new Map(),
    effects: new Map(),
    secrets: new Map(),
    now,
    version: 0,
  }
}

/** How one call happens: when its effect takes place, and what its caller hears. */
export type Happen = <T>(name: keyof Store, effect: () => T) => Promise<T>

const atOnce: Happen = async (_, effect) => effect()

/** A property of a row takes 64 KiB, two bytes a character (Azure, "Understanding the Table service data model"). */
const MAX_PROPERTY_CHARS = 32 * 1024

/** The one in-memory store of all tests; `test/contract/store.test.ts` compares it with the real one. */
export function createMemoryStore(rows: MemoryRows, happen: Happen = atOnce): Store {
  const nextEtag = (): string => `W/"${(rows.version += 1)}"`

  function counted(id: OperationId): Versioned<StoredOperation | undefined> {
    const row = rows.operations.get(id)
    if (row === undefined) return { value: undefined }
    const counts = [...(rows.joined.get(id)?.values() ?? [])]
    const joinedCount = counts.reduce((sum, count) => sum + count, 0)
    const joinedAlerts = [...(rows.alerts.get(id)?.values() ?? [])].flatMap((alerts) =>
      alerts.map(({ key, startedAtEpochMs }) => [key, startedAtEpochMs] as const),
    )
    const effect = rows.effects.get(id)
    const more = {
      ...(joinedCount === 0 ? {} : { joinedCount }),
      ...(joinedAlerts.length === 0 ? {} : { joinedAlerts }),
    }
    // As storage keeps it: a text, read again.
    const written = {
      ...toOperationRow(operationKeysOf(id), row.value),
      ...(effect === undefined ? {} : toEffectColumn(effect)),
    }
    const kept = fromOperationRow(written, (stored) => stored === id).value
    return { ...row, value: { ...(kept ?? assert.fail('the row cannot be read')), ...more } }
  }

  function write(operation: StoredOperation): string {
    const { joinedCount: _, joinedAlerts: __, ...value } = operation
    const etag = nextEtag()
    rows.operations.set(operation.id, { value, etag })
    return etag
  }

  function commit(partitionKey: string, { slot, operation, verdicts = [] }: Commit): Committed {
    const written = [
      ...verdicts.map(({ operationId }) => operationId),
      ...(operation === undefined ? [] : [operation.to.id]),
    ]
    // A transaction takes a row once, and rows of one partition.
    if ((slot === undefined && written.length === 0) || new Set(written).size < written.length)
      throw refusal('InvalidInput')
    if (verdicts.some(({ operationId }) => operationKeysOf(operationId).partitionKey !== partitionKey))
      throw refusal('InvalidInput')
    if (JSON.stringify(slot?.to.watches ?? []).length > MAX_PROPERTY_CHARS) throw refusal('PropertyValueTooLarge')
    if (operation !== undefined) checkRows(partitionKey, [operation.to])
    if (slot !== undefined && rows.slots.get(partitionKey)?.etag !== slot.from.etag) return { kind: 'conflict' }
    if (operation !== undefined && rows.operations.get(operation.to.id)?.etag !== operation.from.etag)
      return { kind: 'conflict' }
    const slotEtag = slot === undefined || isEmpty(slot.to) ? undefined : nextEtag()
    if (slot !== undefined) {
      if (slotEtag === undefined) rows.slots.delete(partitionKey)
      else rows.slots.set(partitionKey, { value: slot.to, etag: slotEtag })
    }
    const operationEtag = operation === undefined ? undefined : write(operation.to)
    for (const { operationId, effect } of verdicts) {
      rows.effects.set(operationId, effect)
      const row = rows.operations.get(operationId)
      if (row !== undefined) rows.operations.set(operationId, { value: row.value, etag: nextEtag() })
    }
    return {
      kind: 'written',
      ...(slotEtag === undefined ? {} : { slotEtag }),
      ...(operationEtag === undefined ? {} : { operationEtag }),
    }
  }

  return {
    readSlot: (partitionKey) => happen('readSlot', () => rows.slots.get(partitionKey) ?? { value: {} }),
    readOperation: (id) => happen('readOperation', () => counted(id)),
    commit: (partitionKey, change) => happen('commit', () => commit(partitionKey, change)),
    writeOperations: (partitionKey, operations) =>
      happen('writeOperations', () => {
        checkRows(partitionKey, operations)
        for (const operation of operations) write(operation)
      }),
    countJoined: (id, instance, count, alerts = []) =>
      happen('countJoined', () => {
        const row = rows.operations.get(id)
        if (row === undefined) return
        rows.alerts.set(id, new Map(rows.alerts.get(id)).set(instance, alerts))
        rows.joined.set(id, new Map(rows.joined.get(id)).set(instance, count))
        rows.operations.set(id, { value: row.value, etag: nextEtag() })
      }),
    listBackend: (partitionKey, range) =>
      happen('listBackend', () => {
        const all = [...rows.operations.keys()].map((id) => ({ ...operationKeysOf(id), operation: counted(id).value }))
        return pageOf(all as readonly Row[], partitionKey, 'op-', range)
      }),
    listMonth: (month, range) => happen('listMonth', () => pageOf(copiesOf(rows), month, '', range)),
    writeCopies: (month, operations) =>
      happen('writeCopies', () => {
        checkSizes(operations)
        if (operations.some(({ id }) => historyKeysOf(id).partitionKey !== month)) throw refusal('InvalidInput')
        for (const operation of operations) rows.copies.set(operation.id, operation)
      }),
    listExpired: (beforeEpochMs, top) =>
      happen('listExpired', () => {
        const all = copiesOf(rows)
        const month = monthOf(beforeEpochMs)
        const whole = all.filter((row) => row.partitionKey < month)
        const tail = all.filter((row) => row.partitionKey === month && row.rowKey > `${invertedTime(beforeEpochMs)}~`)
        const ids = (whole.length > 0 ? whole : tail).slice(0, top).map(({ operation }) => operation.id)
        return { ids, storageEpochMs: rows.now() }
      }),
    removeOperations: (ids) =>
      happen('removeOperations', () => {
        for (const id of ids) {
          rows.operations.delete(id)
          rows.copies.delete(id)
        }
      }),
    probe: () => happen('probe', () => undefined),
    sharedSecret: (name, proposal) =>
      happen('sharedSecret', () => {
        const known = rows.secrets.get(name) ?? proposal
        rows.secrets.set(name, known)
        return known
      }),
  }
}

interface Row {
  readonly partitionKey: string
  readonly rowKey: string
  readonly operation: StoredOperation
}

function copiesOf(rows: MemoryRows): readonly Row[] {
  return [...rows.copies.values()].map((operation) => ({ ...historyKeysOf(operation.id), operation })).toSorted(byKeys)
}

function byKeys(a: Row, b: Row): number {
  return a.partitionKey + a.rowKey < b.partitionKey + b.rowKey ? -1 : 1
}

function pageOf(
  all: readonly Row[],
  partitionKey: string,
  prefix: string,
  { fromEpochMs, toEpochMs, after, top }: OperationRange,
): OperationPage {
  const found = all
    .filter(
      (row) =>
        row.partitionKey === partitionKey &&
        (after === undefined ? row.rowKey >= prefix + invertedTime(toEpochMs) : row.rowKey > after) &&
        row.rowKey < `${prefix}${invertedTime(fromEpochMs)}~`,
    )
    .toSorted(byKeys)
  return { rows: found.slice(0, top).map(({ rowKey, operation }) => ({ rowKey, operation })), more: found.length > top }
}

/** Refused whole: too many changes, a row twice, a row of another partition, a property that is too long. */
function checkRows(partitionKey: string, operations: readonly StoredOperation[]): void {
  const ids = new Set(operations.map(({ id }) => id))
  const isStrange = operations.some(({ id }) => operationKeysOf(id).partitionKey !== partitionKey)
  if (operations.length > MAX_BATCH || ids.size < operations.length || isStrange) throw refusal('InvalidInput')
  checkSizes(operations)
}

function checkSizes(operations: readonly StoredOperation[]): void {
  if (operations.some((operation) => JSON.stringify(operation).length > MAX_PROPERTY_CHARS))
    throw refusal('PropertyValueTooLarge')
}

function refusal(code: string): StorageFault {
  return new StorageFault(Object.assign(new Error(code), { statusCode: 400, code }))
}
