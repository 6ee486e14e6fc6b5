import type { TokenCredential } from '@azure/identity'
import type { ArmCredential, StorageConfig } from '../config/config.ts'
import type { Clock } from '../shared/clock.ts'
import { once } from '../shared/once.ts'
import { createTokenSource, type TokenSource, type WaitLimit } from './token-source.ts'
import { uncached } from './uncached.ts'

/** The tokens with which this app proves its own identity: one source per identity and scope, for the whole process. */
export interface OwnTokens {
  source(identity: ArmCredential, scope: string): TokenSource
  /** For the clients of Azure Storage. Ends in bounded time whatever the identity endpoint does; rejects when no token can be had. */
  storageCredential(identity: ArmCredential): TokenCredential
  /**
   * Waits until there is a first token for storage, or 4 s. A call to storage has less time than the identity endpoint may take after a cold start:
   * without this the first alert would be answered 503. Never rejects; resolves at once for a connection string.
   */
  storageReady(storage: StorageConfig): Promise<void>
}

/** The same in every cloud (Azure Storage, "Authorize with Microsoft Entra ID"). A scope that a server asks for is not followed. */
export const STORAGE_SCOPE = 'https://storage.azure.com/.default'
/** For SDK calls that bring no signal, or one that aborts later. */
const MAX_WAIT_MS = 5_000
/** Senders of alerts wait about 10 s (Azure Monitor, Alertmanager's default): this leaves time to store the alert. */
const FIRST_TOKEN_MS = 4_000

export function createOwnTokens(
  createCredential: (identity: ArmCredential) => Promise<TokenCredential>,
  clock: Clock,
): OwnTokens {
  const sources = new Map<string, TokenSource>()

  function source(identity: ArmCredential, scope: string): TokenSource {
    const key = JSON.stringify([identity, scope])
    const known = sources.get(key)
    if (known !== undefined) return known
    const credential = once(() => createCredential(identity))
    const made = createTokenSource(credential, scope, clock)
    sources.set(key, made)
    return made
  }

  return {
    source,
    storageCredential(identity) {
      const tokens = source(identity, STORAGE_SCOPE)
      return {
        async getToken(_, { abortSignal, tenantId } = {}) {
          // The SDK names a tenant only after a 401, when it is about to send the request once more.
          const sent = tokens.current()
          if (tenantId !== undefined && sent !== undefined) tokens.drop(sent)
          const token = await tokens.get(waitLimit(MAX_WAIT_MS, abortSignal as AbortSignal | undefined))
          if (!token.ok) throw new Error(`No token for storage: ${token.error}`)
          return uncached(token.value)
        },
      }
    },
    async storageReady(storage) {
      if (storage.kind === 'identity') await source(storage.credential, STORAGE_SCOPE).get(waitLimit(FIRST_TOKEN_MS))
    },
  }
}

function waitLimit(ms: number, signal?: AbortSignal): WaitLimit {
  return { remainingMs: () => ms, ...(signal === undefined ? {} : { signal }) }
}
