import type { TableClient, TransactionAction } from '@azure/data-tables'
import type { Clock } from '../shared/clock.ts'
import { historyKeysOf, invertedTime, monthOf, operationKeysOf } from './keys.ts'
import {
  fromOperationRow,
  fromSlotRow,
  joinedColumn,
  SLOT_ROW_KEY,
  toOperationRow,
  toSlotRow,
  type OperationRow,
} from './rows.ts'
import type { StorageClock } from './storage-clock.ts'
import {
  StorageFault,
  type AcceptanceStore,
  type ExpiryStore,
  type OperationPage,
  type OperationRange,
  type OperationStore,
  type SlotStore,
} from './store.ts'
import type { Tables } from './tables.ts'

/** One call to storage. Slower is as good as down while somebody waits. */
const CALL_TIMEOUT_MS = 2_000

export interface TableStoreOptions {
  /** Opens the tables; the SDK is read with the first call. */
  readonly open: () => Promise<Tables>
  readonly clock: Clock
  readonly storageClock: StorageClock
}

/** Rows in Azure Table storage. Tables that are missing are created when they are first missed. */
export function createTableStore({
  open,
  clock,
  storageClock,
}: TableStoreOptions): SlotStore & OperationStore & AcceptanceStore & ExpiryStore {
  let opening: Promise<Tables> | undefined
  const tables = (): Promise<Tables> =>
    (opening ??= open().catch((fault: unknown) => {
      opening = undefined
      throw new StorageFault(fault)
    }))

  /** One call; once more when the table had to be created first. Each step is bounded by itself. */
  async function call<T>(
    choose: (tables: Tables) => TableClient,
    work: (table: TableClient, options: CallOptions) => Promise<T>,
  ): Promise<T> {
    const table = choose(await tables())
    const bounded = async <R>(step: (options: CallOptions) => Promise<R>): Promise<R> => {
      const timeout = new AbortController()
      const done = new AbortController()
      void clock.sleep(CALL_TIMEOUT_MS, done.signal).then(() => timeout.abort())
      const sentAt = clock.now()
      const onResponse: CallOptions['onResponse'] = ({ headers }) =>
        storageClock.observe(headers.get('date'), sentAt, clock.now())
      try {
        return await step({ abortSignal: timeout.signal, onResponse })
      } catch (fault) {
        throw new StorageFault(fault)
      } finally {
        done.abort()
      }
    }
    try {
      return await bounded((options) => work(table, options))
    } catch (fault) {
      if (!(fault instanceof StorageFault) || fault.code !== 'TableNotFound') throw fault
      await bounded((options) => table.createTable(options))
      return bounded((options) => work(table, options))
    }
  }

  async function upsert(choose: (tables: Tables) => TableClient, rows: readonly object[]): Promise<void> {
    const actions = rows.map(toUpsert)
    await call(choose, (table, options) => table.submitTransaction(actions, options))
  }

  async function list(choose: (tables: Tables) => TableClient, filter: string, top: number): Promise<OperationPage> {
    return call(choose, async (table, options) => {
      const pages = table
        .listEntities<OperationRow>({ ...options, queryOptions: { filter } })
        .byPage({ maxPageSize: top })
      for await (const page of pages) {
        // A page may be short, or empty, although there is more ("Query timeout and pagination"): the token tells, not the number of rows.
        const rows = page as readonly (OperationRow & { rowKey: string })[]
        const more = (page as { continuationToken?: string }).continuationToken !== undefined
        if (rows.length > 0 || !more)
          return { rows: rows.map((row) => ({ rowKey: row.rowKey, operation: fromOperationRow(row) })), more }
      }
      return { rows: [], more: false }
    })
  }

  return {
    async readSlot(partitionKey) {
      try {
        const row = await call(backends, (table, options) => table.getEntity(partitionKey, SLOT_ROW_KEY, options))
        return { slot: fromSlotRow(row), etag: row.etag }
      } catch (fault) {
        if (fault instanceof StorageFault && fault.status === 404) return { slot: {} }
        throw fault
      }
    },

    async changeSlot(partitionKey, { from, to }, operations) {
      const row = toSlotRow(partitionKey, to)
      const slot: TransactionAction =
        from.etag === undefined ? ['create', row] : ['update', row, 'Replace', { etag: from.etag }]
      const actions = [
        slot,
        ...operations.map((operation) => toUpsert(toOperationRow(operationKeysOf(operation.id), operation))),
      ]
      try {
        const answer = await call(backends, (table, options) => table.submitTransaction(actions, options))
        const etag = answer.getResponseForEntity(SLOT_ROW_KEY)?.etag ?? answer.subResponses[0]?.etag
        if (etag === undefined) throw new Error('the answer to a transaction has no ETag')
        return { kind: 'written', etag: etag.trim() }
      } catch (fault) {
        // 409: a row that should not have been there; 412: another ETag.
        if (fault instanceof StorageFault && (fault.status === 409 || fault.status === 412)) return { kind: 'conflict' }
        throw fault
      }
    },

    writeOperations: (_, operations) =>
      upsert(
        backends,
        operations.map((operation) => toOperationRow(operationKeysOf(operation.id), operation)),
      ),

    writeCopies: (_, operations) =>
      upsert(
        history,
        operations.map((operation) => toOperationRow(historyKeysOf(operation.id), operation)),
      ),

    async insertOperation(operation) {
      const row = toOperationRow(operationKeysOf(operation.id), operation)
      try {
        await call(backends, (table, options) => table.createEntity(row, options))
      } catch (fault) {
        // There already, by whoever delivers it or by our own write, whose answer was lost.
        if (!(fault instanceof StorageFault) || fault.status !== 409) throw fault
      }
    },

    async countJoined(id, instance, count) {
      const column = { [joinedColumn(instance)]: count }
      const { partitionKey, rowKey } = operationKeysOf(id)
      // Whatever else has become of the row: the column is this instance's own.
      await unlessMissing(
        call(backends, (table, options) =>
          table.updateEntity({ partitionKey, rowKey, ...column }, 'Merge', { ...options, etag: '*' }),
        ),
      )
      await unlessMissing(
        call(history, (table, options) =>
          table.updateEntity({ ...historyKeysOf(id), ...column }, 'Merge', { ...options, etag: '*' }),
        ),
      )
    },

    async readOperation(id) {
      const { partitionKey, rowKey } = operationKeysOf(id)
      try {
        return fromOperationRow(
          await call(backends, (table, options) => table.getEntity<OperationRow>(partitionKey, rowKey, options)),
        )
      } catch (fault) {
        if (fault instanceof StorageFault && fault.status === 404) return undefined
        throw fault
      }
    },

    listBackend: (partitionKey, range) => list(backends, filterOf(partitionKey, 'op-', range), range.top),

    listMonth: (month, range) => list(history, filterOf(month, '', range), range.top),

    async listExpired(beforeEpochMs, top) {
      const month = monthOf(beforeEpochMs)
      // Months before that one have expired whole; of that one, what stands behind its time.
      for (const filter of [
        `PartitionKey lt '${month}'`,
        `PartitionKey eq '${month}' and RowKey gt '${invertedTime(beforeEpochMs)}~'`,
      ]) {
        const { rows } = await list(history, filter, top)
        if (rows.length > 0) return rows.map(({ operation }) => operation.id)
      }
      return []
    },

    async removeOperations(ids) {
      for (const id of ids) {
        const row = operationKeysOf(id)
        const copy = historyKeysOf(id)
        // The copy goes last: while it stands, the row is found again.
        await unlessMissing(
          call(backends, (table, options) => table.deleteEntity(row.partitionKey, row.rowKey, options)),
        )
        await unlessMissing(
          call(history, (table, options) => table.deleteEntity(copy.partitionKey, copy.rowKey, options)),
        )
      }
    },
  }
}

interface CallOptions {
  readonly abortSignal: AbortSignal
  readonly onResponse: (response: { headers: { get(name: string): string | undefined } }) => void
}

async function unlessMissing(removal: Promise<unknown>): Promise<void> {
  try {
    await removal
  } catch (fault) {
    if (!(fault instanceof StorageFault) || fault.status !== 404) throw fault
  }
}

/** Merged, so that the columns stay in which other instances count. */
function toUpsert(row: object): TransactionAction {
  return ['upsert', row, 'Merge'] as TransactionAction
}

const backends = (tables: Tables): TableClient => tables.backends
const history = (tables: Tables): TableClient => tables.history

/** Newest first is upwards in row keys. Every value in it is made of hexadecimal digits, hyphens and letters of ours. */
function filterOf(partitionKey: string, prefix: string, { fromEpochMs, toEpochMs, after }: OperationRange): string {
  const lowest = after === undefined ? `RowKey ge '${prefix}${invertedTime(toEpochMs)}'` : `RowKey gt '${after}'`
  return `PartitionKey eq '${partitionKey}' and ${lowest} and RowKey lt '${prefix}${invertedTime(fromEpochMs)}~'`
}
