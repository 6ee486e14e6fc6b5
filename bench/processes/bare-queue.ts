/** As little as can hold an alert: reads the body, stores a message of the same size in the same kind of queue, says 202. */
import { randomBytes } from 'node:crypto'
import { QueueServiceClient } from '@azure/storage-queue'
import { answerCommands } from './answer-commands.ts'
import { measure } from './measure.ts'
import { serveBare } from './serve.ts'

/** What a message of ours holds, for an alert of the benchmark. */
const MESSAGE_BYTES = 460

answerCommands({
  async start({ storage }: { storage: string }): Promise<{ port: number }> {
    const queue = QueueServiceClient.fromConnectionString(storage).getQueueClient('reconnects')
    await queue.createIfNotExists()
    return serveBare(async () => {
      await queue.sendMessage(randomBytes((MESSAGE_BYTES * 3) / 4).toString('base64'), { messageTimeToLive: -1 })
      return 202
    })
  },
  measure,
})
