import type { TransactionAction } from '@azure/data-tables'
import {
  fromOperationRow,
  fromSlotRow,
  SLOT_ROW_KEY,
  toEffectColumn,
  toJoinedColumns,
  toOperationRow,
  toSlotRow,
  type OperationRow,
} from './rows.ts'
import { historyKeysOf, operationKeysOf } from './keys.ts'
import { isEmpty } from '../coordination/slot.ts'
import { StorageFault, type Commit, type Committed, type Store } from './store.ts'
import { createOperationLists } from './list-operations.ts'
import { readSecret } from './row-schema.ts'
import { createUnreadableRows } from './unreadable-rows.ts'
import {
  backends,
  createTableCalls,
  history,
  LIST_LIMIT_MS,
  transact,
  unlessMissing,
  type Call,
  type Choose,
  type TableStoreOptions,
} from './table-calls.ts'

/** Rows in Azure Table storage. A missing table is created when it is first missed. */
export function createTableStore({ open, clock, log }: TableStoreOptions): Store {
  const tell = createUnreadableRows(log)
  const call = createTableCalls({ open, clock })

  /** A single change needs no transaction. Both ways answer with the new ETags by row key. */
  async function writeOne({ row, mode, etag, isColumn }: RowChange): Promise<Etags> {
    const answer = await call(backends, (table, options) => {
      if (isColumn) return table.upsertEntity(row, mode, options)
      return etag === undefined ? table.createEntity(row, options) : table.updateEntity(row, mode, { ...options, etag })
    })
    return new Map([[row.rowKey, answer.etag]])
  }

  async function writeTogether(changes: readonly RowChange[]): Promise<Etags> {
    const actions = changes.map(({ row, mode, etag, isColumn }) => {
      if (isColumn) return ['upsert', row, mode]
      return etag === undefined ? ['create', row] : ['update', row, mode, { etag }]
    }) as TransactionAction[]
    const answer = await call(backends, (table, options) => transact(table, actions, options))
    // Answers come in the order of the actions. The SDK can only find those of created rows by row key: the others do not repeat it.
    return new Map(changes.map(({ row: { rowKey } }, index) => [rowKey, answer.subResponses[index]?.etag?.trim()]))
  }

  /** A slot that says nothing needs no row: backends that never existed leave none behind. What fails here is only left over. */
  async function removeEmptySlot(partitionKey: string, etag: string | undefined): Promise<void> {
    if (etag === undefined) return
    const removal = call(backends, (table, options) =>
      table.deleteEntity(partitionKey, SLOT_ROW_KEY, { ...options, etag }),
    )
    await removal.catch(() => undefined)
  }

  async function upsertAll(choose: Choose, rows: readonly { readonly rowKey: string }[]): Promise<void> {
    const actions = rows.map((row) => ['upsert', row, 'Merge'] as unknown as TransactionAction)
    await call(choose, (table, options) => transact(table, actions, options))
  }

  return {
    async readSlot(partitionKey) {
      const row = await unlessMissing(
        call(backends, (table, options) => table.getEntity(partitionKey, SLOT_ROW_KEY, options)),
      )
      if (row === undefined) return { value: {} }
      const { value, unreadable } = fromSlotRow(row)
      tell(row, unreadable)
      return { value, etag: row.etag }
    },

    async readOperation(id) {
      const { partitionKey, rowKey } = operationKeysOf(id)
      const row = await unlessMissing(
        call(backends, (table, options) => table.getEntity<OperationRow>(partitionKey, rowKey, options)),
      )
      if (row === undefined) return { value: undefined }
      const { value, unreadable } = fromOperationRow(row, (stored) => stored === id)
      tell(row, unreadable)
      if (value === undefined && row.operation !== undefined) throw StorageFault.unreadable()
      return { value, etag: row.etag }
    },

    async commit(partitionKey, commit) {
      const changes = toChanges(partitionKey, commit)
      try {
        const committed = await (changes.length === 1 ? writeOne(changes[0] as RowChange) : writeTogether(changes))
        if (commit.slot !== undefined && isEmpty(commit.slot.to))
          await removeEmptySlot(partitionKey, committed.get(SLOT_ROW_KEY))
        return toCommitted(commit, committed)
      } catch (fault) {
        // 409: a row that should not be there; 412: another ETag; 404: a row that should be there, which is storage's fault where none should.
        const isMissing = fault instanceof StorageFault && fault.status === 404
        const isExpected = !isMissing || changes.some(({ etag }) => etag !== undefined)
        if (fault instanceof StorageFault && CONFLICTS.has(fault.status) && isExpected) return { kind: 'conflict' }
        throw fault
      }
    },

    writeOperations: (_, operations) =>
      upsertAll(
        backends,
        operations.map((operation) => toOperationRow(operationKeysOf(operation.id), operation)),
      ),

    writeCopies: (_, operations) =>
      upsertAll(
        history,
        operations.map((operation) => toOperationRow(historyKeysOf(operation.id), operation)),
      ),

    async countJoined(id, instance, count, alerts) {
      const { partitionKey, rowKey } = operationKeysOf(id)
      type Keys = { readonly partitionKey: string; readonly rowKey: string }
      const add = (choose: Choose, keys: Keys, columns: Readonly<Record<string, unknown>>): Promise<unknown> =>
        // The columns are this instance's own: no version is compared.
        unlessMissing(
          call(choose, (table, limits) =>
            table.updateEntity({ ...keys, ...columns }, 'Merge', { ...limits, etag: '*' }),
          ),
        )
      await add(backends, { partitionKey, rowKey }, toJoinedColumns(instance, count, alerts))
      await add(history, historyKeysOf(id), toJoinedColumns(instance, count))
    },

    ...createOperationLists(call, tell),

    async removeOperations(ids) {
      for (const id of ids) {
        const { partitionKey, rowKey } = operationKeysOf(id)
        const copy = historyKeysOf(id)
        // The copy goes last: while it stands, the row is found again.
        await unlessMissing(call(backends, (table, options) => table.deleteEntity(partitionKey, rowKey, options)))
        await unlessMissing(
          call(history, (table, options) => table.deleteEntity(copy.partitionKey, copy.rowKey, options)),
        )
      }
    },

    async probe() {
      const row = { partitionKey: APP_PARTITION, rowKey: 'probe' }
      // Slow is not away: no reconnect waits for these, so that they may take longer than a write that holds up a caller.
      const write: Call<unknown> = (table, options) => table.upsertEntity(row, 'Replace', options)
      await call(backends, write, LIST_LIMIT_MS)
      await call(history, write, LIST_LIMIT_MS)
    },

    async sharedSecret(name, proposal) {
      const rowKey = `secret-${name}`
      const read = () =>
        unlessMissing(
          call(backends, (table, options) => table.getEntity<{ value?: unknown }>(APP_PARTITION, rowKey, options)),
        )
      const stored = await read()
      const known = readSecret(stored?.value)
      if (known !== undefined) return known
      if (stored !== undefined) tell(stored, ['value'])
      const row = { partitionKey: APP_PARTITION, rowKey, value: proposal.toString('base64') }
      try {
        await writeOne({ row, mode: 'Replace', etag: stored?.etag })
        return proposal
      } catch (fault) {
        const isLater = fault instanceof StorageFault && CONFLICTS.has(fault.status)
        const first = isLater ? readSecret((await read())?.value) : undefined
        if (first === undefined) throw fault
        return first
      }
    },
  }
}

/** Rows of the app itself. No hash of a backend and no month is spelled like this. */
const APP_PARTITION = 'app'
const CONFLICTS: ReadonlySet<number | undefined> = new Set([404, 409, 412])

type Etags = ReadonlyMap<string, string | undefined>

interface RowChange {
  readonly row: { readonly partitionKey: string; readonly rowKey: string }
  readonly mode: 'Replace' | 'Merge'
  /** Undefined: there must be no row yet. */
  readonly etag: string | undefined
  /** Columns that nothing else writes, in a row of whatever version. */
  readonly isColumn?: true
}

function toChanges(partitionKey: string, { slot, operation, verdicts = [] }: Commit): RowChange[] {
  const changes: RowChange[] = []
  if (slot !== undefined) changes.push({ row: toSlotRow(partitionKey, slot.to), mode: 'Replace', etag: slot.from.etag })
  if (operation !== undefined) {
    const row = toOperationRow(operationKeysOf(operation.to.id), operation.to)
    // Merged: the columns stay in which instances count joined alerts.
    changes.push({ row, mode: 'Merge', etag: operation.from.etag })
  }
  for (const { operationId, effect } of verdicts) {
    const { rowKey } = operationKeysOf(operationId)
    changes.push({
      row: { partitionKey, rowKey, ...toEffectColumn(effect) },
      mode: 'Merge',
      etag: undefined,
      isColumn: true,
    })
  }
  return changes
}

function toCommitted({ slot, operation }: Commit, etags: Etags): Committed {
  const slotEtag = slot === undefined || isEmpty(slot.to) ? undefined : etags.get(SLOT_ROW_KEY)
  const operationEtag = operation === undefined ? undefined : etags.get(operationKeysOf(operation.to.id).rowKey)
  return {
    kind: 'written',
    ...(slotEtag === undefined ? {} : { slotEtag }),
    ...(operationEtag === undefined ? {} : { operationEtag }),
  }
}
