import { parseBackendResourceId, type Backend } from '../domain/backend-id.ts'
import type { Operation, OperationId, OperationState } from '../domain/operation.ts'
import { foldAscii } from '../domain/segments.ts'
import { monthOf, partitionKeyOf } from './keys.ts'
import { presentOperation } from './present-operation.ts'
import type { OperationPage, OperationRange, OperationStore } from './store.ts'

/** Older operations are not shown, and are removed (`docs/storage.md`). */
export const RETENTION_MS = 90 * 86_400_000
/** Rows that one page reads at most, however few of them it may show: its cost does not grow with history. */
const MAX_ROWS_READ = 1_000
/** Operations are stamped by the instance that writes them: a little ahead of our own clock is not the future. */
const CLOCKS_APART_MS = 5_000
/** Calls to storage that one page makes at most: a month without operations costs one, and so does an operation that is read again. */
const MAX_CALLS = 50
/** One call reads at least this many rows, so that a filter which few rows pass does not take a call for each. */
const MIN_ROWS_PER_CALL = 100

export interface OperationQuery {
  readonly backend?: Backend
  /** Folded resource id of an API Management service. */
  readonly serviceKey?: string
  readonly state?: OperationState
  readonly fromEpochMs?: number
  readonly toEpochMs?: number
  readonly top: number
  readonly position?: Position
}

/** Where the next page begins: behind this row of this partition. It tells nothing of the row itself. */
export interface Position {
  readonly partition: string
  readonly after?: string
}

export interface ListedOperations {
  readonly operations: readonly Operation[]
  readonly next?: Position
}

/** Operations as they are looked up afterwards. Who may see which is decided by `mayRead`, row by row. */
export interface History {
  find(id: OperationId): Promise<Operation | undefined>
  list(query: OperationQuery, mayRead: (operation: Operation) => boolean): Promise<ListedOperations>
}

export function createHistory(store: OperationStore, now: () => number): History {
  /** The partitions that a query reads, in order: the backend's own, or one a month, newest first. */
  function partitionsOf(query: OperationQuery, fromEpochMs: number, toEpochMs: number): readonly string[] {
    if (query.backend !== undefined) return [partitionKeyOf(query.backend.key)]
    const months: string[] = []
    for (
      let month = new Date(toEpochMs);
      monthOf(month.getTime()) >= monthOf(fromEpochMs);
      month = new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth() - 1, 1))
    ) {
      months.push(monthOf(month.getTime()))
    }
    return months
  }

  /** A copy may be behind: what is not final is read again where it is true. */
  async function current(operation: Operation): Promise<Operation> {
    const row = operation.state === 'accepted' ? ((await store.readOperation(operation.id)) ?? operation) : operation
    return presentOperation(row, now())
  }

  return {
    async find(id) {
      const operation = await store.readOperation(id)
      return operation === undefined || Date.parse(operation.requestedAt) < now() - RETENTION_MS
        ? undefined
        : presentOperation(operation, now())
    },

    async list(query, mayRead) {
      const oldest = now() - RETENTION_MS
      const fromEpochMs = Math.max(query.fromEpochMs ?? oldest, oldest)
      const toEpochMs = Math.max(0, Math.min(query.toEpochMs ?? Number.POSITIVE_INFINITY, now() + CLOCKS_APART_MS))
      const read = query.backend === undefined ? store.listMonth : store.listBackend
      const found: Operation[] = []
      let rowsRead = 0
      let calls = 0
      let after = query.position?.after
      const partitions = partitionsOf(query, fromEpochMs, toEpochMs)
      const begin = query.position === undefined ? 0 : partitions.indexOf(query.position.partition)
      for (const partition of begin < 0 ? [] : partitions.slice(begin)) {
        do {
          if (rowsRead >= MAX_ROWS_READ || calls >= MAX_CALLS)
            return { operations: found, next: position(partition, after) }
          const range: OperationRange = {
            fromEpochMs,
            toEpochMs,
            ...(after === undefined ? {} : { after }),
            top: Math.max(MIN_ROWS_PER_CALL, query.top),
          }
          const page: OperationPage = await read(partition, range)
          calls += 1
          for (const { operation, rowKey } of page.rows) {
            rowsRead += 1
            after = rowKey
            if (!matches(operation, query) || !mayRead(operation)) continue
            if (operation.state === 'accepted') calls += 1
            const shown = await current(operation)
            if (query.state !== undefined && shown.state !== query.state) continue
            found.push(shown)
            if (found.length === query.top) return { operations: found, next: position(partition, after) }
          }
          if (!page.more) after = undefined
        } while (after !== undefined)
      }
      return { operations: found }
    },
  }
}

function position(partition: string, after: string | undefined): Position {
  return { partition, ...(after === undefined ? {} : { after }) }
}

/** Before the state is certain: a copy that says `accepted` may be any state by now. */
function matches(operation: Operation, { serviceKey, state }: OperationQuery): boolean {
  if (state !== undefined && operation.state !== state && operation.state !== 'accepted') return false
  return serviceKey === undefined || foldAscii(operation.backend).startsWith(`${serviceKey}/backends/`)
}

/** The backend that an operation names; what is stored has been parsed before. */
export function backendOf(operation: Operation): Backend {
  const backend = parseBackendResourceId(operation.backend)
  if (!backend.ok) throw new Error(`operation ${operation.id} names no backend`)
  return backend.value
}
