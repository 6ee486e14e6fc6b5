import { ApiManagementClient } from '@azure/arm-apimanagement'
import type { HttpClient } from '@azure/core-rest-pipeline'
import type { AccessToken } from '@azure/identity'
import { uncached } from '../managed-identity/uncached.ts'
import { createPooledHttpClient } from '../transport/http-client.ts'
import { removeUnusedPolicies } from '../transport/unused-policies.ts'

/** The only group of operations that is used: the bundle has no other one (bundle/leave-out.ts). */
export type BackendClient = Pick<ApiManagementClient, 'backend'>

/** SDK clients: one per subscription and API version, because both are fixed when a client is made. */
export interface ClientPool {
  get(subscriptionId: string, apiVersion: string): BackendClient
}

/** Subscriptions come from authorized requests, so there are few. The bound protects memory from a very broad policy. */
const MAX_CLIENTS = 64
/** ARM's errors have a few hundred bytes. A longer answer is not ARM's. */
const MAX_RESPONSE_BYTES = 256 * 1024

export interface ClientPoolOptions {
  readonly endpoint: string
  readonly tokenScope: string
  /** The token that was fetched before the call: the SDK never waits for the identity endpoint. */
  readonly currentToken: () => AccessToken | undefined
}

export function createClientPool({ endpoint, tokenScope, currentToken }: ClientPoolOptions): ClientPool {
  const clients = new Map<string, BackendClient>()
  const httpClient = withoutChallenges(createPooledHttpClient({ maxResponseBytes: MAX_RESPONSE_BYTES }))
  async function getToken(): Promise<AccessToken | null> {
    const token = currentToken()
    return token === undefined ? null : uncached(token)
  }
  const credential = { getToken }

  function create(subscriptionId: string, apiVersion: string): BackendClient {
    const client = new ApiManagementClient(credential, subscriptionId, {
      endpoint,
      credentialScopes: tokenScope,
      apiVersion,
      httpClient,
    })
    removeUnusedPolicies(client.pipeline)
    return client
  }

  return {
    get(subscriptionId, apiVersion) {
      // Case-sensitive: one caller's spelling is not sent for another caller.
      const key = `${subscriptionId} ${apiVersion}`
      const known = clients.get(key)
      if (known !== undefined) return known
      const client = create(subscriptionId, apiVersion)
      clients.set(key, client)
      // The oldest. One that is still used is made again, which costs a millisecond.
      if (clients.size > MAX_CLIENTS) clients.delete(clients.keys().next().value as string)
      return client
    },
  }
}

/** A claims challenge must not reach the SDK: it would request a token by itself, and then send a POST that is not counted. */
function withoutChallenges(client: HttpClient): HttpClient {
  return {
    async sendRequest(request) {
      const response = await client.sendRequest(request)
      response.headers.delete('www-authenticate')
      return response
    },
  }
}
