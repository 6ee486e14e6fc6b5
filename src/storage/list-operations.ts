import type { ExpiryStore, HistoryStore, OperationPage, OperationRange } from './store.ts'
import { invertedTime, monthOf } from './keys.ts'
import { fromOperationRow, type OperationRow } from './rows.ts'
import { backends, history, LIST_LIMIT_MS, type Call, type CallTable, type Choose } from './table-calls.ts'

type OperationLists = Pick<HistoryStore, 'listBackend' | 'listMonth'> & Pick<ExpiryStore, 'listExpired'>

/** Operations in pages, newest first. One page costs as many calls as storage divides it into, within one limit. */
export function createOperationLists(call: CallTable): OperationLists {
  async function list(
    choose: Choose,
    filter: string,
    top: number,
    seen: { date?: string } = {},
  ): Promise<OperationPage> {
    const readPage: Call<OperationPage> = async (table, limits) => {
      const onResponse = ({ status, headers, parsedBody }: ListAnswer): void => {
        const date = headers.get('date')
        if (date !== undefined) seen.date = date
        // The SDK takes an answer without rows, whatever it is, for an empty list.
        if (status === 200 && !Array.isArray(parsedBody?.value)) throw new Error('storage answered with no list')
      }
      const pages = table
        .listEntities<OperationRow>({ ...limits, onResponse, queryOptions: { filter } })
        .byPage({ maxPageSize: top })
      for await (const page of pages) {
        // A page may be short or empty although there is more ("Query timeout and pagination"): the token tells.
        const rows = page as readonly (OperationRow & { rowKey: string })[]
        const more = (page as { continuationToken?: string }).continuationToken !== undefined
        if (rows.length > 0 || !more) {
          const read = rows.map((row) => ({ rowKey: row.rowKey, operation: fromOperationRow(row) }))
          return { rows: read.filter((row): row is PageRow => row.operation !== undefined), more }
        }
      }
      return { rows: [], more: false }
    }
    return call(choose, readPage, LIST_LIMIT_MS)
  }

  return {
    listBackend: (partitionKey, range) => list(backends, filterOf(partitionKey, 'op-', range), range.top),

    listMonth: (month, range) => list(history, filterOf(month, '', range), range.top),

    async listExpired(beforeEpochMs, top) {
      const month = monthOf(beforeEpochMs)
      const seen: { date?: string } = {}
      // Months before that one have expired whole; of that one, the rows behind its time.
      for (const filter of [
        `PartitionKey lt '${month}'`,
        `PartitionKey eq '${month}' and RowKey gt '${invertedTime(beforeEpochMs)}~'`,
      ]) {
        const { rows } = await list(history, filter, top, seen)
        if (rows.length > 0) return { ids: rows.map(({ operation }) => operation.id), ...timeOf(seen.date) }
      }
      return { ids: [], ...timeOf(seen.date) }
    },
  }
}

/** What this app reads of an answer to a query. */
interface ListAnswer {
  readonly status: number
  readonly headers: { get(name: string): string | undefined }
  readonly parsedBody?: { readonly value?: unknown }
}

type PageRow = OperationPage['rows'][number]

function timeOf(date: string | undefined): { readonly storageEpochMs?: number } {
  const storageEpochMs = Date.parse(date ?? '')
  return Number.isNaN(storageEpochMs) ? {} : { storageEpochMs }
}

/** Newest first is upwards in row keys. Every value in it is made of hexadecimal digits, hyphens and letters of this app. */
function filterOf(partitionKey: string, prefix: string, { fromEpochMs, toEpochMs, after }: OperationRange): string {
  const lowest = after === undefined ? `RowKey ge '${prefix}${invertedTime(toEpochMs)}'` : `RowKey gt '${after}'`
  return `PartitionKey eq '${partitionKey}' and ${lowest} and RowKey lt '${prefix}${invertedTime(fromEpochMs)}~'`
}
