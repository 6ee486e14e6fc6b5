import type { Operation } from '../../src/domain/operation.ts'
import { historyKeysOf, invertedTime, monthOf, operationKeysOf } from '../../src/ledger/keys.ts'
import type { Slot } from '../../src/ledger/slot.ts'
import type { StorageClock } from '../../src/ledger/storage-clock.ts'
import {
  StorageFault,
  type AcceptanceStore,
  type ExpiryStore,
  type OperationPage,
  type OperationRange,
  type OperationStore,
  type SlotStore,
} from '../../src/ledger/store.ts'
import type { Clock } from '../../src/shared/clock.ts'
import type { Simulation } from './simulation.ts'

/** How often, of one, what goes wrong with a call. */
export interface TableWeather {
  /** The call fails and was not applied. */
  readonly refused: number
  /** The call is applied and its answer lost. */
  readonly lost: number
  /** The answer is given up, and the call applied later all the same. */
  readonly late: number
}

export const FAIR: TableWeather = { refused: 0, lost: 0, late: 0 }

/** One table for many instances: compare-and-set on ETags, latencies and faults by the simulation's dice. As strict as the real one. */
export interface SimulatedTable {
  connect(
    instance: number,
    clock: Clock,
    storageClock: StorageClock,
    dead: () => boolean,
  ): SlotStore & OperationStore & AcceptanceStore & ExpiryStore
  readonly slots: ReadonlyMap<string, { readonly slot: Slot; readonly etag: string }>
  readonly operations: ReadonlyMap<string, Operation>
  /** When a write by which this instance takes the slot was applied last, in true time. */
  reservedAt(instance: number): number
  calls(): number
}

const CALL_TIMEOUT_MS = 2_000
/** Changes that an entity group transaction takes. */
const MAX_CHANGES = 100

interface Row {
  readonly partitionKey: string
  readonly rowKey: string
  readonly operation: Operation
}

export function createSimulatedTable(simulation: Simulation, weather: () => TableWeather): SimulatedTable {
  const slots = new Map<string, { slot: Slot; etag: string }>()
  const operations = new Map<string, Operation>()
  const copies = new Map<string, Operation>()
  const joined = new Map<string, Map<string, number>>()

  function counted(operation: Operation | undefined): Operation | undefined {
    const counts = operation === undefined ? undefined : joined.get(operation.id)
    return operation === undefined || counts === undefined
      ? operation
      : { ...operation, joinedCount: [...counts.values()].reduce((sum, count) => sum + count, 0) }
  }

  let version = 0
  const reserved = new Map<number, number>()
  let calls = 0

  return {
    slots,
    operations,
    calls: () => calls,
    reservedAt: (instance) => reserved.get(instance) ?? Number.NEGATIVE_INFINITY,
    connect(instance, clock, storageClock, dead) {
      /** Latency, then the effect at one moment, then latency again; a dead instance hears of nothing more. */
      function call<T>(effect: () => T): Promise<T> {
        calls += 1
        const { refused, lost, late } = weather()
        const dice = simulation.random()
        const there = simulation.random() * 30
        const back = simulation.random() * 30
        const sentAt = clock.now()
        return new Promise((resolve, reject) => {
          const answer = (work: () => void): void => void simulation.after(back, () => !dead() && work())
          const fail = (): void => answer(() => reject(new StorageFault(new Error('storage'))))
          if (dice < refused) return void simulation.after(there, fail)
          if (dice < refused + late) {
            simulation.after(CALL_TIMEOUT_MS, () => !dead() && reject(new StorageFault(new Error('time-out'))))
            simulation.after(CALL_TIMEOUT_MS * (0.5 + 3 * simulation.random()), () => attempt(effect))
            return undefined
          }
          simulation.after(there, () => {
            let value: T
            try {
              value = effect()
            } catch (fault) {
              return answer(() => reject(fault))
            }
            if (dice < refused + late + lost) return fail()
            const date = new Date(simulation.now()).toUTCString()
            answer(() => {
              storageClock.observe(date, sentAt, clock.now())
              resolve(value)
            })
            return undefined
          })
          return undefined
        })
      }

      return {
        readSlot: (partitionKey) => call(() => slots.get(partitionKey) ?? { slot: {} }),
        changeSlot: (partitionKey, { from, to }, written) =>
          call(() => {
            transaction(partitionKey, written, 1)
            if (from.etag !== undefined && !slots.has(partitionKey)) throw new StorageFault({ statusCode: 404 })
            if (slots.get(partitionKey)?.etag !== from.etag) return { kind: 'conflict' } as const
            const etag = `W/"${(version += 1)}"`
            slots.set(partitionKey, { slot: to, etag })
            if (to.flight !== undefined) reserved.set(instance, simulation.now())
            for (const operation of written) operations.set(operation.id, operation)
            return { kind: 'written', etag } as const
          }),
        writeOperations: (partitionKey, written) =>
          call(() => {
            transaction(partitionKey, written, 0)
            for (const operation of written) operations.set(operation.id, operation)
          }),
        writeCopies: (month, written) =>
          call(() => {
            if (written.some(({ id }) => historyKeysOf(id).partitionKey !== month))
              throw new StorageFault({ statusCode: 400 })
            for (const operation of written) copies.set(operation.id, operation)
          }),
        insertOperation: (operation) =>
          call(() => void (operations.has(operation.id) || operations.set(operation.id, operation))),
        countJoined: (id, by, count) =>
          call(() => void (operations.has(id) && joined.set(id, new Map(joined.get(id)).set(by, count)))),
        readOperation: (id) => call(() => counted(operations.get(id))),
        listBackend: (partitionKey, range) =>
          call(() => pageOf(rowsOf(operations, operationKeysOf), partitionKey, 'op-', range)),
        listMonth: (month, range) => call(() => pageOf(rowsOf(copies, historyKeysOf), month, '', range)),
        listExpired: (beforeEpochMs, top) =>
          call(() => {
            const rows = rowsOf(copies, historyKeysOf)
            const month = monthOf(beforeEpochMs)
            const whole = rows.filter((row) => row.partitionKey < month)
            const tail = rows.filter(
              (row) => row.partitionKey === month && row.rowKey > `${invertedTime(beforeEpochMs)}~`,
            )
            return (whole.length > 0 ? whole : tail).slice(0, top).map(({ operation }) => operation.id)
          }),
        removeOperations: (ids) =>
          call(() => {
            for (const id of ids) {
              operations.delete(id)
              copies.delete(id)
            }
          }),
      }
    },
  }
}

/** Refused whole, as the real one does: too many changes, a row twice, a row of another partition. */
function transaction(partitionKey: string, written: readonly Operation[], others: number): void {
  const rows = new Set(written.map(({ id }) => id))
  const strange = written.some(({ id }) => operationKeysOf(id).partitionKey !== partitionKey)
  if (written.length + others > MAX_CHANGES || rows.size < written.length || strange)
    throw new StorageFault({ statusCode: 400 })
}

function rowsOf(
  operations: ReadonlyMap<string, Operation>,
  keysOf: (id: Operation['id']) => { readonly partitionKey: string; readonly rowKey: string },
): Row[] {
  const rows = [...operations.values()].map((operation) => ({ ...keysOf(operation.id), operation }))
  return rows.toSorted((a, b) => (a.partitionKey + a.rowKey < b.partitionKey + b.rowKey ? -1 : 1))
}

function pageOf(
  rows: readonly Row[],
  partitionKey: string,
  prefix: string,
  { fromEpochMs, toEpochMs, after, top }: OperationRange,
): OperationPage {
  const found = rows.filter(
    (row) =>
      row.partitionKey === partitionKey &&
      (after === undefined ? row.rowKey >= prefix + invertedTime(toEpochMs) : row.rowKey > after) &&
      row.rowKey < `${prefix}${invertedTime(fromEpochMs)}~`,
  )
  return { rows: found.slice(0, top).map(({ rowKey, operation }) => ({ rowKey, operation })), more: found.length > top }
}

function attempt(effect: () => unknown): void {
  try {
    effect()
  } catch {
    // Nobody listens any more.
  }
}
