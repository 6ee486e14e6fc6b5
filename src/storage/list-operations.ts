import type { OperationId } from '../domain/operation-id.ts'
import { historyKeysOf, invertedTime, monthOf, operationKeysOf } from './keys.ts'
import { fromOperationRow, type OperationRow } from './rows.ts'
import type { ExpiryStore, HistoryStore, OperationPage, OperationRange } from './store.ts'
import type { TellUnreadable } from './unreadable-rows.ts'
import {
  backends,
  history,
  LIST_LIMIT_MS,
  pagesOf,
  quoted,
  type Call,
  type CallTable,
  type Choose,
} from './table-calls.ts'

type OperationLists = Pick<HistoryStore, 'listBackend' | 'listMonth'> & Pick<ExpiryStore, 'listExpired'>

/** Operations in pages, newest first. One page costs as many calls as storage divides it into, within one limit. */
export function createOperationLists(call: CallTable, tell: TellUnreadable): OperationLists {
  async function list({ choose, keysOf }: Kept, filter: string, top: number): Promise<DatedPage> {
    const readPage: Call<DatedPage> = async (table, limits) => {
      // A page may be short or empty although there is more ("Query timeout and pagination"): the token tells.
      for await (const { rows, more, ...dated } of pagesOf<OperationRow & { rowKey: string }>(
        table,
        filter,
        top,
        limits,
      )) {
        if (rows.length === 0 && more) continue
        const read = rows.map((row) => {
          const { value, unreadable } = fromOperationRow(row, (id) => keysOf(id).rowKey === row.rowKey)
          tell(row, unreadable)
          return {
            rowKey: row.rowKey,
            operation: value,
            ...(unreadable.length === 0 ? {} : { isIncomplete: true as const }),
          }
        })
        return { rows: read, more, ...dated }
      }
      return { rows: [], more: false }
    }
    return call(choose, readPage, LIST_LIMIT_MS)
  }

  async function page(kept: Kept, filter: string, top: number): Promise<OperationPage> {
    const { rows, more } = await list(kept, filter, top)
    return { rows, more }
  }

  return {
    listBackend: (partitionKey, range) => page(ROWS, filterOf(partitionKey, 'op-', range), range.top),

    listMonth: (month, range) => page(COPIES, filterOf(month, '', range), range.top),

    async listExpired(beforeEpochMs, top) {
      const month = monthOf(beforeEpochMs)
      // Months before that one have expired whole; of that one, the rows behind its time.
      const whole = await list(COPIES, `PartitionKey lt '${month}'`, top)
      const behind = `PartitionKey eq '${month}' and RowKey gt '${invertedTime(beforeEpochMs)}~'`
      const expired = idsOf(whole)
      if (expired.length > 0) return { ids: expired, ...timeOf(whole.date) }
      const rest = await list(COPIES, behind, top)
      return { ids: idsOf(rest), ...timeOf(rest.date) }
    },
  }
}

/** A table of operations, and the keys under which it has one. */
interface Kept {
  readonly choose: Choose
  readonly keysOf: (id: OperationId) => { readonly rowKey: string }
}
const ROWS: Kept = { choose: backends, keysOf: operationKeysOf }
const COPIES: Kept = { choose: history, keysOf: historyKeysOf }

/** With storage's own clock. */
type DatedPage = OperationPage & { readonly date?: string }

function idsOf({ rows }: OperationPage): readonly OperationId[] {
  return rows.flatMap(({ operation }) => operation?.id ?? [])
}

function timeOf(date: string | undefined): { readonly storageEpochMs?: number } {
  const storageEpochMs = Date.parse(date ?? '')
  return Number.isNaN(storageEpochMs) ? {} : { storageEpochMs }
}

/** Newest first is upwards in row keys. `after` is the key of a row that anyone may have written; the other values are this app's own. */
function filterOf(partitionKey: string, prefix: string, { fromEpochMs, toEpochMs, after }: OperationRange): string {
  const lowest =
    after === undefined ? `RowKey ge '${prefix}${invertedTime(toEpochMs)}'` : `RowKey gt '${quoted(after)}'`
  return `PartitionKey eq '${partitionKey}' and ${lowest} and RowKey lt '${prefix}${invertedTime(fromEpochMs)}~'`
}
