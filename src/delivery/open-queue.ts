import type { TokenCredential } from '@azure/identity'
import type { QueueClient } from '@azure/storage-queue'
import type { ArmCredential, StorageConfig } from '../config/config.ts'

/** The queue that triggers deliveries, and the one to which the host moves what failed too often. */
export interface Queues {
  readonly deliver: QueueClient
  readonly poison: QueueClient
}

/**
 * `credential` makes the identity's credential, where there is no connection string. Throws where the settings name no queue service. The
 * client's module is read here and not before: an instance that only reconnects has no use for it.
 */
export async function openQueues(
  storage: StorageConfig,
  names: { readonly deliver: string; readonly poison: string },
  credential: (choice: ArmCredential) => TokenCredential,
): Promise<Queues> {
  const { QueueServiceClient } = await import('@azure/storage-queue')
  const service = (): InstanceType<typeof QueueServiceClient> => {
    if (storage.kind === 'connection-string')
      return QueueServiceClient.fromConnectionString(storage.connectionString, OPTIONS)
    if (storage.queueUri === undefined) throw new Error('the storage settings name no queue service')
    return new QueueServiceClient(storage.queueUri, credential(storage.credential), OPTIONS)
  }
  const client = service()
  return { deliver: client.getQueueClient(names.deliver), poison: client.getQueueClient(names.poison) }
}

/** Tries are ours: the SDK's would go on long after the sender has stopped waiting. */
const OPTIONS = { retryOptions: { maxTries: 1 } }
