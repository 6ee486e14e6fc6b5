import type { OperationId } from '../domain/operation-id.ts'
import { invertedTime, monthOf } from './keys.ts'
import { fromOperationRow, type OperationRow } from './rows.ts'
import type { ExpiryStore, HistoryStore, OperationPage, OperationRange } from './store.ts'
import type { TellUnreadable } from './unreadable-rows.ts'
import { backends, history, LIST_LIMIT_MS, pagesOf, type Call, type CallTable, type Choose } from './table-calls.ts'

type OperationLists = Pick<HistoryStore, 'listBackend' | 'listMonth'> & Pick<ExpiryStore, 'listExpired'>

/** Operations in pages, newest first. One page costs as many calls as storage divides it into, within one limit. */
export function createOperationLists(call: CallTable, tell: TellUnreadable): OperationLists {
  async function list(choose: Choose, filter: string, top: number): Promise<DatedPage> {
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
          const { value: operation, unreadable } = fromOperationRow(row)
          tell(row, unreadable)
          return { rowKey: row.rowKey, operation }
        })
        return { rows: read, more, ...dated }
      }
      return { rows: [], more: false }
    }
    return call(choose, readPage, LIST_LIMIT_MS)
  }

  async function page(choose: Choose, filter: string, top: number): Promise<OperationPage> {
    const { rows, more } = await list(choose, filter, top)
    return { rows, more }
  }

  return {
    listBackend: (partitionKey, range) => page(backends, filterOf(partitionKey, 'op-', range), range.top),

    listMonth: (month, range) => page(history, filterOf(month, '', range), range.top),

    async listExpired(beforeEpochMs, top) {
      const month = monthOf(beforeEpochMs)
      // Months before that one have expired whole; of that one, the rows behind its time.
      const whole = await list(history, `PartitionKey lt '${month}'`, top)
      const behind = `PartitionKey eq '${month}' and RowKey gt '${invertedTime(beforeEpochMs)}~'`
      const expired = idsOf(whole)
      if (expired.length > 0) return { ids: expired, ...timeOf(whole.date) }
      const rest = await list(history, behind, top)
      return { ids: idsOf(rest), ...timeOf(rest.date) }
    },
  }
}

/** With storage's own clock. */
type DatedPage = OperationPage & { readonly date?: string }

function idsOf({ rows }: OperationPage): readonly OperationId[] {
  return rows.flatMap(({ operation }) => operation?.id ?? [])
}

function timeOf(date: string | undefined): { readonly storageEpochMs?: number } {
  const storageEpochMs = Date.parse(date ?? '')
  return Number.isNaN(storageEpochMs) ? {} : { storageEpochMs }
}

/** Newest first is upwards in row keys. Every value in it is made of hexadecimal digits, hyphens and letters of this app. */
function filterOf(partitionKey: string, prefix: string, { fromEpochMs, toEpochMs, after }: OperationRange): string {
  const lowest = after === undefined ? `RowKey ge '${prefix}${invertedTime(toEpochMs)}'` : `RowKey gt '${after}'`
  return `PartitionKey eq '${partitionKey}' and ${lowest} and RowKey lt '${prefix}${invertedTime(fromEpochMs)}~'`
}
