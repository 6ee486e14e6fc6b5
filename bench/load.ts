import { randomUUID } from 'node:crypto'
import type { BenchAzure } from './azure.ts'
import { NUMBER } from './number.ts'
import type { LoadOptions, LoadRequest, LoadResult } from './processes/load.ts'
import { startProgram } from './program.ts'
import type { Workspace } from './workspace.ts'

/** Callers at once. Fewer than the transport's 64 connections, so that nobody waits for one. */
export const CONNECTIONS = 32
const DISTINCT_TOKENS = 50
/** Many more than there are callers, so that none waits for another; few enough that what is remembered of them does not grow. */
const DISTINCT_BACKENDS = 500

/** Which backends are asked for: distinct ones that nobody joins, each once only, or always the same. */
export type Target = 'forced' | 'once' | { readonly backend: string }

export interface Load {
  /** Throws when anything but a 202 comes back. */
  send(origin: string, until: LoadOptions['until'], target?: Target): Promise<LoadResult>
  closeConnections(): Promise<void>
  stop(): Promise<void>
}

/**
 * The load generator in its own process. Every server is sent the same requests, half of them with a body, also those that do not look
 * at the tokens. Unless a part says otherwise, every request is to reach ARM: it is forced, so that it joins none.
 */
export async function startLoad(workspace: Workspace, azure: BenchAzure): Promise<Load> {
  const generator = startProgram(workspace.pathOf('load'), {})
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
    stop: () => generator.stop(),
  }
}
