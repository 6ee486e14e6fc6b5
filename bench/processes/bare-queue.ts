/** The minimum that stores an alert: it reads the body, stores a message of the same size in the same kind of queue, and answers 202. */
import { randomBytes } from 'node:crypto'
import { QueueServiceClient } from '@azure/storage-queue'
import { answerCommands } from './answer-commands.ts'
import { measure } from './measure.ts'
import { serveBare } from './serve.ts'

/** Size of the app's message for an alert of the benchmark. */
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
