import type { Backend } from '../domain/backend-id.ts'
import type { BackendDirectory, BackendQuery, BackendStatus } from '../reconnect/operator-ports.ts'
import { backendRangeOf, backendRowKeyOf, partitionKeyOf } from '../storage/keys.ts'
import type { OperatorStore } from '../storage/operator-store.ts'
import type { BackendStore, HistoryStore } from '../storage/store.ts'
import { RETENTION_MS } from './history.ts'
import type { PageTokens } from './page-token.ts'
import { presentOperation } from './present-operation.ts'

/** Each backend of a page costs two calls to storage at most. */
const MAX_PER_PAGE = 20
/** Calls that one page makes for the list of backends. A page that finds less is short. */
const MAX_LIST_CALLS = 5
const ROWS_PER_CALL = 100
/** Instances stamp operations with their own clocks. */
const CLOCKS_APART_MS = 5_000

/** What position tokens call the two parts of the list. */
const NAMED = 'list-named'
const SEEN = 'list-backends'

export interface BackendDirectoryOptions {
  readonly store: Pick<BackendStore, 'readSlot'> & Pick<HistoryStore, 'listBackend'>
  readonly list: Pick<OperatorStore, 'listBackends'>
  readonly tokens: PageTokens
  readonly now: () => number
}

interface Found {
  readonly rowKey: string
  readonly backend: Backend
  /** Whether it is in the list however long ago its last operation was. */
  readonly isNamed: boolean
}

/** A page costs at most 5 + 2 × 20 calls, for any number of grants and backends. */
export function createBackendDirectory({ store, list, tokens, now }: BackendDirectoryOptions): BackendDirectory {
  /** Undefined: it has had no operation for 90 days, so it is not in the list. */
  async function look({ backend, isNamed }: Found, wantsLast: boolean): Promise<BackendStatus | undefined> {
    const partitionKey = partitionKeyOf(backend.key)
    const nowEpochMs = now()
    const range = { fromEpochMs: nowEpochMs - RETENTION_MS, toEpochMs: nowEpochMs + CLOCKS_APART_MS, top: 1 }
    const [slot, newest] = await Promise.all([
      store.readSlot(partitionKey),
      isNamed && !wantsLast ? undefined : store.listBackend(partitionKey, range),
    ])
    const last = newest?.rows[0]?.operation
    if (!isNamed && newest?.rows.length === 0) return undefined
    const { scheduled, inFlight } = slot.value
    return {
      backend,
      ...(scheduled !== undefined && scheduled.dueEpochMs > nowEpochMs ? { scheduled } : {}),
      ...(inFlight !== undefined && inFlight.leaseUntilEpochMs > nowEpochMs ? { inFlight: inFlight.operationId } : {}),
      ...(wantsLast && last !== undefined ? { last: presentOperation(last, nowEpochMs) } : {}),
    }
  }

  /** Backends in the scopes behind this row key. What lies between two scopes is skipped by the next call. */
  async function scan(
    { scopes }: BackendQuery,
    isNamed: (rowKey: string) => boolean,
    after: string | undefined,
    most: number,
  ): Promise<{ readonly found: readonly Found[]; readonly next?: string | undefined; readonly isEnd: boolean }> {
    const ranges = scopes.map(backendRangeOf).toSorted((a, b) => (a.from < b.from ? -1 : 1))
    const end =
      ranges
        .map(({ to }) => to)
        .toSorted()
        .at(-1) ?? ''
    const found: Found[] = []
    let cursor = after
    for (let calls = 0; ; calls += 1) {
      const range = ranges.find(({ to }) => cursor === undefined || cursor < to)
      if (range === undefined) return { found, isEnd: true }
      if (calls >= MAX_LIST_CALLS) return { found, next: cursor, isEnd: false }
      const { rows, more } = await list.listBackends({
        from: range.from,
        ...(cursor === undefined ? {} : { after: cursor }),
        to: end,
        top: ROWS_PER_CALL,
      })
      for (const { rowKey, backend } of rows) {
        if (found.length === most) return { found, next: cursor, isEnd: false }
        cursor = rowKey
        if (backend === undefined) continue
        const isWithin = ranges.some(({ from, to }) => from <= rowKey && rowKey < to)
        if (isWithin && !isNamed(rowKey)) found.push({ rowKey, backend, isNamed: false })
      }
      if (!more) return { found, isEnd: true }
    }
  }

  return {
    async list(query) {
      const position = query.skipToken === undefined ? undefined : await tokens.open(query.skipToken)
      if (query.skipToken !== undefined && position === undefined) return { kind: 'token_invalid' }
      const { partition, after } = position ?? { partition: NAMED, after: undefined }
      if (partition !== NAMED && partition !== SEEN) return { kind: 'token_invalid' }
      const named = new Map(query.named.map((backend) => [backendRowKeyOf(backend), backend]))
      const left = [...named.keys()].toSorted().filter((rowKey) => after === undefined || rowKey > after)
      const ofGrants = partition === SEEN ? [] : left.slice(0, MAX_PER_PAGE)
      const page: Found[] = ofGrants.map((rowKey) => ({ rowKey, backend: named.get(rowKey) as Backend, isNamed: true }))
      let next: { readonly partition: string; readonly after: string | undefined } | undefined
      if (partition === NAMED && left.length > ofGrants.length) {
        next = { partition: NAMED, after: ofGrants.at(-1) }
      } else if (query.scopes.length > 0) {
        const begin = partition === SEEN ? after : undefined
        const scanned = await scan(query, (rowKey) => named.has(rowKey), begin, MAX_PER_PAGE - page.length)
        page.push(...scanned.found)
        if (!scanned.isEnd) next = { partition: SEEN, after: scanned.next }
      }
      const looked = await Promise.all(page.map((found) => look(found, query.wantsLast(found.backend))))
      const backends = looked.filter((status) => status !== undefined)
      return { kind: 'page', backends, ...(next === undefined ? {} : { nextToken: await tokens.seal(next) }) }
    },
  }
}
