import type { TokenCredential } from '@azure/identity'
import { QueueServiceClient, type QueueClient } from '@azure/storage-queue'
import type { ArmCredential, StorageConfig } from '../config/config.ts'

/** The queue that triggers deliveries, and the one to which the host moves what failed too often. */
export interface Queues {
  readonly deliver: QueueClient
  readonly poison: QueueClient
}

/**
 * `credential` makes the identity's credential, where there is no connection string. Throws where the settings name no queue service.
 */
export function openQueues(
  storage: StorageConfig,
  names: { readonly deliver: string; readonly poison: string },
  credential: (choice: ArmCredential) => TokenCredential,
): Queues {
  const service = (): QueueServiceClient => {
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
