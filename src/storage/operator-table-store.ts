import { randomBytes } from 'node:crypto'
import type { TransactionAction } from '@azure/data-tables'
import { toRfc3339 } from '../shared/rfc3339.ts'
import { invertedTime } from './keys.ts'
import {
  BACKENDS,
  deliveriesOf,
  fromBackendRow,
  fromDeliveryRow,
  fromPauseRow,
  LISTS,
  PAUSES,
  toBackendRow,
  toDeliveryRow,
  toPauseRow,
} from './operator-rows.ts'
import type { OperatorStore } from './operator-store.ts'
import { MAX_BATCH, StorageFault } from './store.ts'
import {
  backends,
  CALL_LIMIT_MS,
  createTableCalls,
  LIST_LIMIT_MS,
  pagesOf,
  quoted,
  transact,
  unlessMissing,
  type Call,
} from './table-calls.ts'
import type { TableStoreOptions } from './table-calls.ts'
import { createUnreadableRows } from './unreadable-rows.ts'

/** Rows behind the kept ones that one call looks at. */
const TRIM_ROWS = 2 * MAX_BATCH

type Row = Record<string, unknown> & { readonly partitionKey: string; readonly rowKey: string; readonly etag: string }
interface Page {
  readonly rows: readonly Row[]
  readonly more: boolean
  /** Storage's own clock. */
  readonly date?: string
}

/** The lists of operators, in the table of the backends: no other table is needed for them. */
export function createOperatorTableStore(options: TableStoreOptions): OperatorStore {
  const call = createTableCalls(options)
  const tell = createUnreadableRows(options.log)

  /** Undefined: the column cannot be read, which is told. */
  function readColumn<T>(
    row: Record<string, unknown>,
    column: string,
    from: (row: Record<string, unknown>) => T | undefined,
  ) {
    const value = from(row)
    if (value === undefined) tell(row, [column])
    return value
  }

  /** Storage may answer with a short or an empty page although there is more ("Query timeout and pagination"): pages are read on up to `top` rows. */
  function list(filter: string, top: number, limitMs = LIST_LIMIT_MS): Promise<Page> {
    const read: Call<Page> = async (client, limits) => {
      const rows: Row[] = []
      let last: { readonly more: boolean; readonly date?: string } = { more: false }
      for await (const { rows: found, ...told } of pagesOf<Row>(client, filter, top, limits)) {
        rows.push(...found)
        last = told
        if (rows.length >= top) break
      }
      return { ...last, rows: rows.slice(0, top), more: last.more || rows.length > top }
    }
    return call(backends, read, limitMs)
  }

  /** All of one partition, together or not at all. */
  async function write(actions: TransactionAction[]): Promise<void> {
    if (actions.length > 0) await call(backends, (client, limits) => transact(client, actions, limits))
  }

  /** One row at a time, and only in the version that was read. */
  async function remove({ partitionKey, rowKey, etag }: Row): Promise<void> {
    const removal = call(backends, (client, limits) => client.deleteEntity(partitionKey, rowKey, { ...limits, etag }))
    await removal.catch((fault: unknown) => {
      if (!(fault instanceof StorageFault) || (fault.status !== 404 && fault.status !== 412)) throw fault
    })
  }

  return {
    async listPauses(afterEpochMs, top) {
      const filter = `PartitionKey eq '${PAUSES}' and until gt '${toRfc3339(afterEpochMs)}'`
      const { rows } = await list(filter, top, CALL_LIMIT_MS)
      return rows.map((row) => readColumn(row, 'pause', fromPauseRow)).filter((pause) => pause !== undefined)
    },

    async readPause(id) {
      const row = await unlessMissing(call(backends, (client, limits) => client.getEntity(PAUSES, id, limits)))
      return row === undefined ? undefined : readColumn(row, 'pause', fromPauseRow)
    },

    async writePause(pause) {
      await call(backends, (client, limits) => client.createEntity(toPauseRow(pause), limits))
    },

    async removePause(id) {
      const removal = call(backends, (client, limits) => client.deleteEntity(PAUSES, id, limits).then(() => true))
      return (await unlessMissing(removal)) ?? false
    },

    writeBackends: (backends) => write(backends.map((seen) => replacing(toBackendRow(seen)))),

    async listBackends({ from, after, to, top }) {
      const lowest = after === undefined || after < from ? `RowKey ge '${from}'` : `RowKey gt '${quoted(after)}'`
      const { rows, more } = await list(`PartitionKey eq '${BACKENDS}' and ${lowest} and RowKey lt '${to}'`, top)
      return {
        rows: rows.map((row) => ({ rowKey: row.rowKey, backend: readColumn(row, 'backend', fromBackendRow) })),
        more,
      }
    },

    writeDeliveries(webhook, deliveries) {
      const random = randomBytes(8).toString('hex')
      // Of one millisecond the later ones come first, as the newest do.
      const mark = (index: number): string => `${String(999 - index).padStart(3, '0')}-${random}`
      return write(deliveries.map((delivery, index) => replacing(toDeliveryRow(webhook, delivery, mark(index)))))
    },

    async listDeliveries(webhook, sinceEpochMs, top) {
      const { rows } = await list(
        `PartitionKey eq '${deliveriesOf(webhook)}' and RowKey lt '${invertedTime(sinceEpochMs)}~'`,
        top,
      )
      return rows
        .map((row) => readColumn(row, 'delivery', fromDeliveryRow))
        .filter((delivery) => delivery !== undefined)
    },

    async trimDeliveries(webhook, keep) {
      const partitionKey = deliveriesOf(webhook)
      const { rows } = await list(`PartitionKey eq '${partitionKey}'`, keep + TRIM_ROWS)
      const old = rows.slice(keep, keep + MAX_BATCH)
      // Another instance may have removed one of them: then the next run removes the others.
      await write(old.map(({ rowKey }) => ['delete', { partitionKey, rowKey }]))
    },

    async removeExpired(nowEpochMs, top, mayRemove) {
      const { rows, date } = await list(
        `PartitionKey ge '${LISTS.from}' and PartitionKey lt '${LISTS.to}' and expires lt '${toRfc3339(nowEpochMs)}'`,
        top,
      )
      const storageEpochMs = Date.parse(date ?? '')
      if (rows.length === 0 || !mayRemove(Number.isNaN(storageEpochMs) ? undefined : storageEpochMs)) return 0
      for (const row of rows) await remove(row)
      return rows.length
    },
  }
}

function replacing(row: { readonly partitionKey: string; readonly rowKey: string }): TransactionAction {
  return ['upsert', { ...row }, 'Replace']
}
