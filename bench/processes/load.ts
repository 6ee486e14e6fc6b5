/** Closed loop: on each connection the next request is sent as soon as the previous one is answered. */
import { performance } from 'node:perf_hooks'
import { Pool } from 'undici'
import { NUMBER } from '../number.ts'
import { answerCommands } from './answer-commands.ts'

export interface LoadRequest {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface LoadOptions {
  readonly origin: string
  readonly connections: number
  /** Sent in turn. */
  readonly requests: readonly LoadRequest[]
  /** Stop after this time, or after this many requests. */
  readonly until: { readonly ms: number } | { readonly requests: number }
}

export interface LoadResult {
  readonly answered: number
  /** Number of answers other than 202 by status; -1 for no answer. */
  readonly unexpected: Readonly<Record<string, number>>
  readonly elapsedMs: number
  /** 99th percentile of the time from sending to the whole answer. */
  readonly p99Ms: number
}

const pools = new Map<string, Pool>()
let numbers = 0

async function run({ origin, connections, requests, until }: LoadOptions): Promise<LoadResult> {
  const pool = pools.get(origin) ?? new Pool(origin, { connections, pipelining: 1 })
  pools.set(origin, pool)
  const unexpected: Record<string, number> = {}
  let sent = 0
  let answered = 0
  const times: number[] = []
  const startedAt = performance.now()
  const isDone = (): boolean => ('ms' in until ? performance.now() - startedAt >= until.ms : sent >= until.requests)

  async function connection(): Promise<void> {
    while (!isDone()) {
      const request = requests[sent % requests.length] as LoadRequest
      sent += 1
      const sentAt = performance.now()
      const status = await exchange(pool, request)
      times.push(performance.now() - sentAt)
      answered += 1
      if (status !== 202) unexpected[status] = (unexpected[status] ?? 0) + 1
    }
  }

  await Promise.all(Array.from({ length: connections }, connection))
  const elapsedMs = performance.now() - startedAt
  const sorted = times.toSorted((a, b) => a - b)
  return { answered, unexpected, elapsedMs, p99Ms: sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0 }
}

function numbered(text: string): string {
  return text.includes(NUMBER) ? text.replaceAll(NUMBER, String(numbers++)) : text
}

/** undici's cheapest call, since the generator shares a core with ARM. */
function exchange(pool: Pool, { path, headers, body }: LoadRequest): Promise<number> {
  return new Promise((resolve) => {
    let status = -1
    pool.dispatch(
      { path: numbered(path), method: 'POST', headers: { ...headers }, body: numbered(body) },
      {
        // undici recognises the newer kind of handler by this member.
        onRequestStart: () => {},
        onResponseStart: (_, statusCode) => void (status = statusCode),
        onResponseData: () => {},
        onResponseEnd: () => resolve(status),
        onResponseError: () => resolve(-1),
      },
    )
  })
}

answerCommands({
  run,
  async close() {
    await Promise.all([...pools.values()].map((pool) => pool.close()))
    pools.clear()
  },
})
