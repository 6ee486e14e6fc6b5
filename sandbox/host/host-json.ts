import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { readQueueOptions, type QueueOptions } from './queue-options.ts'

/** What of host.json concerns HTTP triggers. */
export interface HttpOptions {
  /** Without slashes at either end; empty for none. */
  readonly routePrefix: string
  /** Added to answers that do not carry them yet. */
  readonly customHeaders: Readonly<Record<string, string>>
}

/** What of host.json this host knows. */
export interface HostJson {
  readonly http: HttpOptions
  readonly queues: QueueOptions
}

const DEFAULT_ROUTE_PREFIX = 'api'

/** Reads host.json, comments and trailing commas included, as the host does. */
export async function readHostJson(appRoot: string): Promise<HostJson> {
  const text = await readFile(join(appRoot, 'host.json'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? new Error(`there is no host.json in ${appRoot}`) : error
  })
  const host = JSON.parse(stripComments(text)) as {
    version?: string
    extensions?: { http?: Partial<HttpOptions>; queues?: Record<string, unknown> }
  }
  if (host.version !== '2.0') throw new Error('host.json must say "version": "2.0"')
  const http = host.extensions?.http
  return {
    http: {
      routePrefix: (http?.routePrefix ?? DEFAULT_ROUTE_PREFIX).replace(/^\/+|\/+$/g, ''),
      customHeaders: http?.customHeaders ?? {},
    },
    queues: readQueueOptions(host.extensions?.queues ?? {}, availableParallelism()),
  }
}

/** Leaves strings alone: they are matched first. */
function stripComments(text: string): string {
  return text
    .replace(/("(?:\\.|[^"\\])*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (_, string: string | undefined) => string ?? '')
    .replace(/("(?:\\.|[^"\\])*")|,(?=\s*[}\]])/g, (_, string: string | undefined) => string ?? '')
}
