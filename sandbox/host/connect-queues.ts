import { ManagedIdentityCredential } from '@azure/identity'
import { QueueServiceClient } from '@azure/storage-queue'
import { AppLoadError } from './load-app.ts'

const OPTIONS = { retryOptions: { maxTries: 2, retryDelayInMs: 200 } }
const NAME = 'AzureWebJobsStorage'

/**
 * The queue service of the host's own storage: by connection string, which wins, or by address with a managed identity ("Connecting to host storage
 * with an identity"). Undefined for storage settings that name no queue service: then there is nothing to listen to.
 */
export function connectQueues(
  environment: Readonly<Record<string, string | undefined>>,
): QueueServiceClient | undefined {
  const connectionString = environment[NAME] ?? ''
  if (connectionString !== '') return byConnectionString(connectionString)
  const account = environment[`${NAME}__accountName`] ?? ''
  const named = environment[`${NAME}__queueServiceUri`] ?? ''
  const tables = environment[`${NAME}__tableServiceUri`] ?? ''
  if (account === '' && named === '' && tables === '')
    throw new AppLoadError(`${NAME} is not set: the queue triggers have no storage.`)
  const uri = named !== '' ? named : account === '' ? undefined : `https://${account}.queue.core.windows.net`
  if (uri === undefined) return undefined
  const clientId = environment[`${NAME}__clientId`] ?? ''
  return new QueueServiceClient(
    uri,
    clientId === '' ? new ManagedIdentityCredential() : new ManagedIdentityCredential({ clientId }),
    OPTIONS,
  )
}

function byConnectionString(text: string): QueueServiceClient | undefined {
  try {
    return QueueServiceClient.fromConnectionString(text, OPTIONS)
  } catch {
    return undefined
  }
}
