import { randomUUID } from 'node:crypto'
import type { BenchAzure } from './azure.ts'
import type { LoadOptions, LoadRequest, LoadResult } from './processes/load.ts'
import { startProgram } from './program.ts'
import type { Workspace } from './workspace.ts'

/** Callers at once. Fewer than the transport's 64 connections, so that nobody waits for one. */
export const CONNECTIONS = 32
const DISTINCT_TOKENS = 50

export interface Load {
  /** Throws when anything but a 202 comes back. */
  send(origin: string, until: LoadOptions['until']): Promise<LoadResult>
  closeConnections(): Promise<void>
  stop(): Promise<void>
}

/**
 * The load generator in its own process. Every server is sent the same requests, half of them with a body, also those that do not look
 * at the tokens.
 */
export async function startLoad(workspace: Workspace, azure: BenchAzure): Promise<Load> {
  const generator = startProgram(workspace.pathOf('load'), {})
  const tokens = await azure.mintTokens(DISTINCT_TOKENS)
  const requests = tokens.map((token, index): LoadRequest => ({
    path: azure.paths[index % azure.paths.length] as string,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'x-ms-client-request-id': randomUUID() },
    body: index % 2 === 0 ? '' : '{"properties":{"after":"PT5M"}}',
  }))
  return {
    async send(origin, until) {
      const result = await generator.call<LoadResult>('run', { origin, connections: CONNECTIONS, requests, until } satisfies LoadOptions)
      if (Object.keys(result.unexpected).length > 0) throw new Error(`${origin} answered ${JSON.stringify(result.unexpected)} among ${result.answered}`)
      return result
    },
    closeConnections: () => generator.call('close'),
    stop: () => generator.stop(),
  }
}
