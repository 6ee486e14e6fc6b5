/** ARM's limit on writes – and POST counts as one – per subscription and principal (request-limits-and-throttling): a bucket of 200, refilled at 10 per second. Reads
 *  have more; counting them the same only makes their header modest. */
const BUCKET = 200
const REFILL_PER_SECOND = 10

export interface WriteBudget {
  /** What is left in the bucket of this name after one request, and how long to wait where nothing was. */
  spend(key: string): { readonly remaining: number; readonly retryAfterSeconds?: number }
}

export function createWriteBudget(now: () => number): WriteBudget {
  const buckets = new Map<string, { tokens: number; atEpochMs: number }>()
  return {
    spend(key) {
      const atEpochMs = now()
      const bucket = buckets.get(key) ?? { tokens: BUCKET, atEpochMs }
      const tokens = Math.min(BUCKET, bucket.tokens + ((atEpochMs - bucket.atEpochMs) / 1_000) * REFILL_PER_SECOND)
      const enough = tokens >= 1
      buckets.set(key, { tokens: enough ? tokens - 1 : tokens, atEpochMs })
      return enough
        ? { remaining: Math.floor(tokens - 1) }
        : { remaining: 0, retryAfterSeconds: Math.max(1, Math.ceil((1 - tokens) / REFILL_PER_SECOND)) }
    },
  }
}
