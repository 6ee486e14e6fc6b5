/** What a server process measures of itself. */
export interface Measured {
  readonly cpuMs: number
  readonly heapUsedBytes: number
  readonly rssBytes: number
  /** What keeps the process alive, as `process.getActiveResourcesInfo()` names it, with counts. */
  readonly resources: Readonly<Record<string, number>>
}

/** Collects garbage first if the process was started with `--expose-gc`. */
export function measure(): Measured {
  globalThis.gc?.()
  const { user, system } = process.cpuUsage()
  const { heapUsed, rss } = process.memoryUsage()
  const resources: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1
  return { cpuMs: (user + system) / 1_000, heapUsedBytes: heapUsed, rssBytes: rss, resources }
}
