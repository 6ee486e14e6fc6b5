import { randomUUID } from 'node:crypto'
import { NUMBER } from './number.ts'
import type { LoadOptions, LoadRequest, LoadResult } from './processes/load.ts'
import type { Bench } from './part.ts'

/** Concurrent callers. Fewer than the transport's 64 connections, so that no caller waits for one. */
export const CONNECTIONS = 32
const DISTINCT_TOKENS = 50
/** Many more than callers, so that no caller waits for another; few enough that the app's memory of them does not grow. */
const DISTINCT_BACKENDS = 500

/** Which backends are requested: distinct ones with force, each one once, or always the same. */
export type Target = 'forced' | 'once' | { readonly backend: string }

export interface Load {
  /** Throws if any answer is not a 202. */
  send(origin: string, until: LoadOptions['until'], target?: Target): Promise<LoadResult>
  closeConnections(): Promise<void>
}

/**
 * The load generator in its own process. Every server gets the same requests, half of them with a body, also servers that ignore tokens.
 * By default every request reaches ARM: it is sent with force, so that it joins none.
 */
export async function startLoad({ azure, start }: Pick<Bench, 'azure' | 'start'>): Promise<Load> {
  const generator = start('load')
  const tokens = await azure.mintTokens(DISTINCT_TOKENS)
  const toRequest = (index: number, path: string, forced: boolean): LoadRequest => ({
    path,
    headers: {
      authorization: `Bearer ${tokens[index % tokens.length]}`,
      'content-type': 'application/json',
      'x-ms-client-request-id': randomUUID(),
      ...(forced && { 'x-reconnect-force': 'true' }),
    },
    body: index % 2 === 0 ? '' : '{"properties":{"after":"PT5M"}}',
  })
  function toRequests(target: Target): readonly LoadRequest[] {
    if (target === 'forced')
      return Array.from({ length: DISTINCT_BACKENDS }, (_, index) =>
        toRequest(index, azure.pathOf(`backend-${index}`), true),
      )
    const path = azure.pathOf(target === 'once' ? `once-${NUMBER}` : target.backend)
    return tokens.map((_, index) => toRequest(index, path, false))
  }
  const forced = toRequests('forced')
  return {
    async send(origin, until, target = 'forced') {
      const requests = target === 'forced' ? forced : toRequests(target)
      const result = await generator.call<LoadResult>('run', {
        origin,
        connections: CONNECTIONS,
        requests,
        until,
      } satisfies LoadOptions)
      if (Object.keys(result.unexpected).length > 0)
        throw new Error(`${origin} answered ${JSON.stringify(result.unexpected)} among ${result.answered}`)
      return result
    },
    closeConnections: () => generator.call('close'),
  }
}
