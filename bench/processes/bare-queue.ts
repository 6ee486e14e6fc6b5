/**
 * The minimum that stores an alert: it reads the body, stores a message of the same size in the same kind of queue, if asked a row of its own
 * partition after it, and answers 202.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { TableClient } from '@azure/data-tables'
import { QueueServiceClient } from '@azure/storage-queue'
import { answerCommands } from './answer-commands.ts'
import { measure } from './measure.ts'
import { serveBare } from './serve.ts'

/** Size of the app's message for an alert of the benchmark. */
const MESSAGE_BYTES = 460
const ROW_CHARS = 600

answerCommands({
  async start({ storage, withRow }: { storage: string; withRow: boolean }): Promise<{ port: number }> {
    const queue = QueueServiceClient.fromConnectionString(storage).getQueueClient('reconnects')
    await queue.createIfNotExists()
    const table = TableClient.fromConnectionString(storage, 'rows', { allowInsecureConnection: true })
    await table.createTable()
    return serveBare(async () => {
      await queue.sendMessage(randomBytes((MESSAGE_BYTES * 3) / 4).toString('base64'), { messageTimeToLive: -1 })
      if (withRow)
        await table.createEntity({ partitionKey: randomUUID(), rowKey: 'op', operation: 'x'.repeat(ROW_CHARS) })
      return 202
    })
  },
  measure,
})
