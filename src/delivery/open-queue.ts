import type { TokenCredential } from '@azure/identity'
import type { QueueClient } from '@azure/storage-queue'
import type { ArmCredential, StorageConfig } from '../config/config.ts'

/** The queue that `reconnect-deliver` is triggered by. */
const QUEUE = 'reconnects'

/**
 * `credential` makes the identity's credential, where there is no connection string. Throws where the settings name no queue service. The
 * client's module is evaluated here and not before: an instance that only reconnects has no use for it.
 */
export async function openQueue(
  storage: StorageConfig,
  credential: (choice: ArmCredential) => TokenCredential,
): Promise<QueueClient> {
  const { QueueServiceClient } = await import('@azure/storage-queue')
  if (storage.kind === 'connection-string')
    return QueueServiceClient.fromConnectionString(storage.connectionString, OPTIONS).getQueueClient(QUEUE)
  if (storage.queueUri === undefined) throw new Error('the storage settings name no queue service')
  return new QueueServiceClient(storage.queueUri, credential(storage.credential), OPTIONS).getQueueClient(QUEUE)
}

/** Tries are ours: the SDK's would go on long after the sender has stopped waiting. */
const OPTIONS = { retryOptions: { maxTries: 1 } }
