import { ApiManagementClient } from '@azure/arm-apimanagement'
import type { AccessToken } from '@azure/identity'
import { uncached } from '../managed-identity/uncached.ts'
import { createPooledHttpClient } from './http-client.ts'

/** SDK clients: one per subscription and API version, because both are fixed when a client is made. */
export interface ClientPool {
  get(subscriptionId: string, apiVersion: string): ApiManagementClient
}

/** Subscriptions come from requests that were authorized, so there are few; the bound keeps a generous policy from becoming a leak. */
const MAX_CLIENTS = 64

export interface ClientPoolOptions {
  readonly endpoint: string
  readonly tokenScope: string
  /** The token that was fetched before the call: the SDK never waits for the identity endpoint itself. */
  readonly currentToken: () => AccessToken | undefined
}

export function createClientPool({ endpoint, tokenScope, currentToken }: ClientPoolOptions): ClientPool {
  const clients = new Map<string, ApiManagementClient>()
  const httpClient = createPooledHttpClient()
  async function getToken(): Promise<AccessToken | null> {
    const token = currentToken()
    return token === undefined ? null : uncached(token)
  }
  const credential = { getToken }

  function create(subscriptionId: string, apiVersion: string): ApiManagementClient {
    const client = new ApiManagementClient(credential, subscriptionId, {
      endpoint,
      credentialScopes: tokenScope,
      apiVersion,
      httpClient,
      // Retries are counted, bounded and audited here, not hidden in the SDK; a redirect is no answer.
      retryOptions: { maxRetries: 0 },
      redirectOptions: { maxRetries: 0 },
    })
    // Also without retries this policy puts an error of its own in the place of ours when a request was aborted, and with it goes
    // whether the request had left.
    client.pipeline.removePolicy({ name: 'defaultRetryPolicy' })
    return client
  }

  return {
    get(subscriptionId, apiVersion) {
      // As spelled: what one caller wrote is not sent in the name of another.
      const key = `${subscriptionId} ${apiVersion}`
      const client = clients.get(key) ?? create(subscriptionId, apiVersion)
      // Re-inserted as the youngest; the eldest goes.
      clients.delete(key)
      clients.set(key, client)
      if (clients.size > MAX_CLIENTS) clients.delete(clients.keys().next().value as string)
      return client
    },
  }
}
