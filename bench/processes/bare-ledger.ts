import { randomUUID } from 'node:crypto'
import { TableClient, type TransactionAction } from '@azure/data-tables'

/** Size of our row of an operation. */
const ROW_CHARS = 600

/** Reads a row that is not there, and writes two rows in one transaction before the call and after it: what our route waits for. */
export function createBareLedger(storage: string): (send: () => Promise<unknown>) => Promise<void> {
  const rows = TableClient.fromConnectionString(storage, 'rows', { allowInsecureConnection: true })
  const created = rows.createTable()

  return async (send) => {
    await created
    const partitionKey = randomUUID()
    const slot = { partitionKey, rowKey: 'slot' }
    const operation = { partitionKey, rowKey: 'op', text: 'x'.repeat(ROW_CHARS) }
    const write = (kind: 'create' | 'upsert') =>
      rows.submitTransaction([slot, operation].map((row) => [kind, row] as TransactionAction))
    await rows.getEntity(partitionKey, 'slot').catch(() => undefined)
    await write('create')
    await send()
    await write('upsert')
  }
}
