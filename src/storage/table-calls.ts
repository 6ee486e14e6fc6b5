import type { TableClient, TableTransactionResponse, TransactionAction } from '@azure/data-tables'
import { boundedCall } from '../shared/bounded-call.ts'
import type { Clock } from '../shared/clock.ts'
import type { Log } from '../shared/log.ts'
import { StorageFault } from './store.ts'
import type { Tables } from './tables.ts'

/** One call for one row, which takes milliseconds. Slower is as good as away while a caller waits. */
export const CALL_LIMIT_MS = 1_000
/** One call for many rows: storage may have to look at all rows of a partition. */
export const LIST_LIMIT_MS = 5_000

export interface TableCallOptions {
  /** Opens the tables, once and within seconds. */
  readonly open: () => Promise<Tables>
  readonly clock: Clock
}

export interface TableStoreOptions extends TableCallOptions {
  /** Rows that cannot be read are told here. */
  readonly log: Log
}

export type Choose = (tables: Tables) => TableClient
export const backends: Choose = (tables) => tables.backends
export const history: Choose = (tables) => tables.history

export type Call<T> = (table: TableClient, options: CallOptions) => Promise<T>

export interface CallOptions {
  readonly abortSignal: AbortSignal
}

/** One call; once more where the table had to be created. Each step has a limit of its own, and so has opening. Rejects with a StorageFault. */
export type CallTable = <T>(choose: Choose, work: Call<T>, limitMs?: number) => Promise<T>

export function createTableCalls({ open, clock }: TableCallOptions): CallTable {
  async function bounded<T>(limitMs: number, call: (options: CallOptions) => Promise<T>): Promise<T> {
    try {
      return await boundedCall({ clock, limitMs }, (abortSignal) => call({ abortSignal }))
    } catch (fault) {
      throw new StorageFault(fault)
    }
  }

  async function opened(): Promise<Tables> {
    try {
      return await open()
    } catch (fault) {
      throw new StorageFault(fault)
    }
  }

  return async (choose, work, limitMs = CALL_LIMIT_MS) => {
    const table = choose(await opened())
    try {
      return await bounded(limitMs, (options) => work(table, options))
    } catch (fault) {
      if (!(fault instanceof StorageFault) || fault.code !== 'TableNotFound') throw fault
      await bounded(LIST_LIMIT_MS, (options) => table.createTable(options))
      return bounded(limitMs, (options) => work(table, options))
    }
  }
}

/**
 * One transaction. The SDK looks at the status of the whole answer, and at the answer to a change only where it has an error in one line of JSON:
 * what is answered in another form, or with nothing for any change, proves no write.
 */
export async function transact(
  table: TableClient,
  actions: TransactionAction[],
  options: CallOptions,
): Promise<TableTransactionResponse> {
  const answer = await table.submitTransaction(actions, options)
  const refused = answer.subResponses.find(({ status }) => status < 200 || status > 299)
  if (refused !== undefined)
    throw Object.assign(new Error(`a change was answered with status ${refused.status}`), {
      statusCode: refused.status,
    })
  if (answer.subResponses.length === 0) throw new Error('the answer to a transaction says nothing of its changes')
  return answer
}

/** Rows of one answer to a query. */
interface Page<Row> {
  readonly rows: readonly Row[]
  readonly more: boolean
  /** Storage's own clock. */
  readonly date?: string
}

/** What this app reads of an answer to a query. */
interface ListAnswer {
  readonly status: number
  readonly headers: { get(name: string): string | undefined }
  readonly parsedBody?: { readonly value?: unknown }
}

/** The rows that pass the filter, at most `top` of them a page. Throws where the answer is no list, which the SDK takes for an empty one. */
export async function* pagesOf<Row extends object>(
  table: TableClient,
  filter: string,
  top: number,
  limits: CallOptions,
): AsyncGenerator<Page<Row>> {
  let date: string | undefined
  const onResponse = ({ status, headers, parsedBody }: ListAnswer): void => {
    date = headers.get('date') ?? date
    if (status === 200 && !Array.isArray(parsedBody?.value)) throw new Error('storage answered with no list')
  }
  const pages = table
    .listEntities<Row>({ ...limits, onResponse, queryOptions: { filter } })
    .byPage({ maxPageSize: top })
  for await (const page of pages) {
    const more = (page as { continuationToken?: string }).continuationToken !== undefined
    yield { rows: page, more, ...(date === undefined ? {} : { date }) }
  }
}

/** A text in a filter ("Querying tables and entities": a quote is doubled). */
export function quoted(text: string): string {
  return text.replaceAll("'", "''")
}

/** Undefined where there is no such row. */
export async function unlessMissing<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read
  } catch (fault) {
    if (fault instanceof StorageFault && fault.status === 404) return undefined
    throw fault
  }
}
