import { getHeapSpaceStatistics } from 'node:v8'

/** What a server process measures of itself. */
export interface Measured {
  readonly cpuMs: number
  readonly heapUsedBytes: number
  readonly rssBytes: number
  /** Of the resident set: V8's young generation, before it is collected. */
  readonly youngBytes: number
  /** What keeps the process alive, as `process.getActiveResourcesInfo()` names it, with counts. */
  readonly resources: Readonly<Record<string, number>>
}

/** Collects garbage first if the process was started with `--expose-gc`. */
export function measure(): Measured {
  const youngBytes = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.physical_space_size
  globalThis.gc?.()
  const { user, system } = process.cpuUsage()
  const { heapUsed, rss } = process.memoryUsage()
  const resources: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1
  return {
    cpuMs: (user + system) / 1_000,
    heapUsedBytes: heapUsed,
    rssBytes: rss,
    youngBytes: youngBytes ?? 0,
    resources,
  }
}
