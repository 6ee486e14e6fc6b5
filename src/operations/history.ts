import type { OperationQuery } from '../domain/operation-query.ts'
import type { Operation, StoredOperation } from '../domain/operation.ts'
import type { OperationId } from '../domain/operation-id.ts'
import { foldAscii } from '../domain/segments.ts'
import type { History, Listed } from '../reconnect/operator-ports.ts'
import { monthOf, partitionKeyOf } from '../storage/keys.ts'
import { StorageFault, type HistoryStore, type OperationRange } from '../storage/store.ts'
import type { PageTokens, Position } from './page-token.ts'
import { isVerdictLost, presentOperation } from './present-operation.ts'

/** Older operations are not shown, and are removed (`docs/storage.md`). */
export const RETENTION_MS = 90 * 86_400_000
/** Rows that one page reads at most, however few of them it may show: its cost does not grow with history. */
const MAX_ROWS_READ = 1_000
/** Instances stamp operations with their own clocks: a little ahead of this one is not the future. */
const CLOCKS_APART_MS = 5_000
/** Calls to storage that one page makes at most: one for a month without operations, one for each operation that is read again. */
const MAX_CALLS = 50
/** One call reads at least so many rows, so that a filter which few rows pass does not cost a call for each. */
const MIN_ROWS_PER_CALL = 100

export function createHistory(store: HistoryStore, tokens: PageTokens, now: () => number): History {
  /** One that cannot be read is as good as not there. */
  async function readRow(id: OperationId): Promise<StoredOperation | undefined> {
    try {
      return (await store.readOperation(id)).value
    } catch (fault) {
      if (fault instanceof StorageFault && fault.isUnreadable) return undefined
      throw fault
    }
  }

  /** A copy may be late: what is not final is read again where it is true. */
  async function current(operation: StoredOperation): Promise<Operation> {
    const row = mayChange(operation, now()) ? await readRow(operation.id) : undefined
    return presentOperation(row ?? operation, now())
  }

  return {
    async find(id) {
      const value = await readRow(id)
      const isKept = value !== undefined && Date.parse(value.requestedAt) >= now() - RETENTION_MS
      return isKept ? presentOperation(value, now()) : undefined
    },

    async list(query, mayRead) {
      const position = query.skipToken === undefined ? undefined : await tokens.open(query.skipToken)
      if (query.skipToken !== undefined && position === undefined) return { kind: 'token_invalid' }
      const range = rangeOf(query, now())
      const partitions = range === undefined ? [] : partitionsOf(query, range)
      const begin = position === undefined ? 0 : partitions.indexOf(position.partition)
      if (begin < 0) return { kind: 'token_invalid' }
      const read = query.backend === undefined ? store.listMonth : store.listBackend
      const operations: Operation[] = []
      let rowsRead = 0
      let calls = 0
      let after = position?.after
      const page = async (next: Position): Promise<Listed> => ({
        kind: 'page',
        operations,
        nextToken: await tokens.seal(next),
      })
      for (const partition of partitions.slice(begin)) {
        do {
          if (rowsRead >= MAX_ROWS_READ || calls >= MAX_CALLS) return page({ partition, after })
          const top = Math.max(MIN_ROWS_PER_CALL, query.top)
          const { rows, more } = await read(partition, { ...(range as Range), after, top } as OperationRange)
          calls += 1
          for (const { operation, rowKey } of rows) {
            // This row comes again on the next page: what was read of it does not count.
            if (calls >= MAX_CALLS) return page({ partition, after })
            rowsRead += 1
            after = rowKey
            if (operation === undefined) continue
            if (!matches(operation, query, now()) || !mayRead(operation)) continue
            if (mayChange(operation, now())) calls += 1
            const shown = await current(operation)
            if (query.state !== undefined && shown.state !== query.state) continue
            if (query.effect !== undefined && shown.effect?.verdict !== query.effect) continue
            operations.push(shown)
            if (operations.length === query.top) return page({ partition, after })
          }
          if (!more) after = undefined
        } while (after !== undefined)
      }
      return { kind: 'page', operations }
    },
  }
}

/** Whether the row may say more than this copy of it. A verdict is copied when it exists; one that is overdue was perhaps not. */
function mayChange({ state, effect }: StoredOperation, nowEpochMs: number): boolean {
  if (state === 'accepted') return true
  const isOverdue = effect?.verdict === 'pending' && nowEpochMs >= Date.parse(effect.decideBy)
  return isOverdue && !isVerdictLost(effect, nowEpochMs)
}

type Range = Pick<OperationRange, 'fromEpochMs' | 'toEpochMs'>

/** Cut to what is kept: whatever was asked for, it spans at most 90 days. Undefined: nothing can be in it. */
function rangeOf({ fromEpochMs, toEpochMs }: OperationQuery, nowEpochMs: number): Range | undefined {
  const from = Math.max(fromEpochMs ?? 0, nowEpochMs - RETENTION_MS)
  const to = Math.min(toEpochMs ?? Number.POSITIVE_INFINITY, nowEpochMs + CLOCKS_APART_MS)
  return from <= to ? { fromEpochMs: from, toEpochMs: to } : undefined
}

/** The partitions that a query reads, in order: the backend's own, or one a month, newest first. */
function partitionsOf({ backend }: OperationQuery, { fromEpochMs, toEpochMs }: Range): readonly string[] {
  if (backend !== undefined) return [partitionKeyOf(backend.key)]
  const months = [monthOf(toEpochMs)]
  for (let month = new Date(toEpochMs); months.at(-1) !== monthOf(fromEpochMs);) {
    month = new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth() - 1, 1))
    months.push(monthOf(month.getTime()))
  }
  return months
}

/** Before state and verdict are certain: a copy that says `accepted` may be any state by now, and an overdue verdict may be any. */
function matches(
  operation: StoredOperation,
  { serviceKey, state, alertId, alertRule, effect }: OperationQuery,
  nowEpochMs: number,
): boolean {
  const { trigger } = operation
  if (effect !== undefined && operation.effect?.verdict !== effect && !mayChange(operation, nowEpochMs)) return false
  if (state !== undefined && operation.state !== state && operation.state !== 'accepted') return false
  if (serviceKey !== undefined && !foldAscii(operation.backend).startsWith(`${serviceKey}/backends/`)) return false
  if (alertId !== undefined && (trigger.kind !== 'webhook' || trigger.alertId !== alertId)) return false
  return alertRule === undefined || (trigger.kind === 'webhook' && trigger.alertRule === alertRule)
}
