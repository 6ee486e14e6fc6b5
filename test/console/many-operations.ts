import { createOperationId, monthOf, partitionKeyOf } from '../../src/storage/keys.ts'
import { openTables } from '../../src/storage/tables.ts'
import { createTableStore } from '../../src/storage/table-store.ts'
import type { StoredOperation } from '../../src/domain/operation.ts'
import { systemClock } from '../../src/shared/clock.ts'
import { consoleLog } from '../../src/shared/log.ts'

const BATCH = 100

/** Writes operations, of one backend and one month, directly into storage: their rows and the copies that lists are read from. */
export async function writeOperations(
  connectionString: string,
  backend: string,
  operations: readonly (Partial<StoredOperation> & { readonly requestedAt: string })[],
): Promise<void> {
  const tables = openTables({ kind: 'connection-string', connectionString, allowHttp: true }, '', () => {
    throw new Error('a connection string needs no credential')
  })
  for (const table of [tables.backends, tables.history]) await table.createTable().catch(() => undefined)
  const store = createTableStore({ open: async () => tables, clock: systemClock, log: consoleLog })
  const key = backend.toLowerCase()
  const rows = operations.map((change): StoredOperation => ({
    id: createOperationId(key, Date.parse(change.requestedAt)),
    backend,
    state: 'forwarded',
    due: change.requestedAt,
    updatedAt: change.requestedAt,
    caller: { kind: 'webhook', id: 'alertmanager' },
    trigger: { kind: 'webhook', webhook: 'alertmanager', alertId: 'old', alertRule: 'Old' },
    attempts: 1,
    ...change,
  }))
  for (let from = 0; from < rows.length; from += BATCH) {
    const batch = rows.slice(from, from + BATCH)
    await store.writeOperations(partitionKeyOf(key), batch)
    await store.writeCopies(monthOf(Date.parse(batch[0]?.requestedAt ?? '')), batch)
  }
}
