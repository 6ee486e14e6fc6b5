import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { readLogLevels, type LogLevels } from './log-levels.ts'
import { parseTimeSpan, readQueueOptions, type QueueOptions } from './queue-options.ts'

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
  readonly logLevels: LogLevels
  /** Undefined for no limit ("-1"). */
  readonly functionTimeoutMs: number | undefined
}

const DEFAULT_ROUTE_PREFIX = 'api'
/** Of every plan but Consumption, where it is five minutes. */
const DEFAULT_FUNCTION_TIMEOUT_MS = 1_800_000

/** Reads host.json, comments and trailing commas included, as the host does. */
export async function readHostJson(appRoot: string): Promise<HostJson> {
  const text = await readFile(join(appRoot, 'host.json'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? new Error(`there is no host.json in ${appRoot}`) : error
  })
  const host = JSON.parse(stripComments(text)) as {
    version?: string
    functionTimeout?: unknown
    logging?: { logLevel?: Record<string, unknown> }
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
    logLevels: readLogLevels(host.logging?.logLevel ?? {}),
    functionTimeoutMs: readFunctionTimeout(host.functionTimeout),
  }
}

function readFunctionTimeout(value: unknown): number | undefined {
  if (value === undefined) return DEFAULT_FUNCTION_TIMEOUT_MS
  return value === '-1' ? undefined : parseTimeSpan('functionTimeout', value)
}

/** Leaves strings alone: they are matched first. */
function stripComments(text: string): string {
  return text
    .replace(/("(?:\\.|[^"\\])*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (_, string: string | undefined) => string ?? '')
    .replace(/("(?:\\.|[^"\\])*")|,(?=\s*[}\]])/g, (_, string: string | undefined) => string ?? '')
}
