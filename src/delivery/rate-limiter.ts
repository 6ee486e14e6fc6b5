import { foldAscii } from '../domain/segments.ts'
import type { RateLimiter } from '../reconnect/alert-ports.ts'
import type { Clock } from '../shared/clock.ts'

/**
 * ARM's limit on writes per subscription and principal, and a POST is one: a bucket of 200, refilled at 10 per second (Azure Resource Manager,
 * "Understand how Azure Resource Manager throttles requests"). Alerts take nine tenths of it, so that people and tools always find some left.
 */
const BUCKET = 180
const REFILL_PER_SECOND = 9
/** Contract, section 5: no single answer of ARM stops a subscription for longer. */
const MAX_STOP_MS = 5 * 60_000
/** Subscriptions that are kept; grants name few. The one that was used longest ago is forgotten, and finds a full bucket. */
const MAX_SUBSCRIPTIONS = 1_000

interface Bucket {
  /** Negative while calls wait whose tokens were spent in advance, or ARM has throttled. */
  tokens: number
  atEpochMs: number
  /** When the latest delivery that was put off is to come again. */
  lastTurnAtEpochMs: number
}

/** Per process: other instances spend the same budget, and what they leave is learned from ARM's 429. */
export function createRateLimiter(clock: Clock): RateLimiter {
  const buckets = new Map<string, Bucket>()

  function refilled(subscriptionId: string): Bucket {
    const key = foldAscii(subscriptionId)
    const now = clock.now()
    const { tokens, atEpochMs, lastTurnAtEpochMs } = buckets.get(key) ?? {
      tokens: BUCKET,
      atEpochMs: now,
      lastTurnAtEpochMs: 0,
    }
    // A clock that was set back must not stop the refill for as long.
    const elapsedMs = Math.max(0, now - atEpochMs)
    const filled = Math.min(BUCKET, tokens + (elapsedMs / 1_000) * REFILL_PER_SECOND)
    const bucket = { tokens: filled, atEpochMs: now, lastTurnAtEpochMs: Math.min(lastTurnAtEpochMs, now + MAX_STOP_MS) }
    buckets.delete(key)
    buckets.set(key, bucket)
    if (buckets.size > MAX_SUBSCRIPTIONS) buckets.delete(buckets.keys().next().value as string)
    return bucket
  }

  return {
    take(subscriptionId, maxWaitMs) {
      const bucket = refilled(subscriptionId)
      const untilTokenMs = Math.max(0, ((1 - bucket.tokens) / REFILL_PER_SECOND) * 1_000)
      if (untilTokenMs <= maxWaitMs) {
        // Spent in advance: those that wait and those that come meanwhile spend one budget.
        bucket.tokens -= 1
        return untilTokenMs
      }
      // One turn after the other: a backlog comes back as fast as it can be delivered, and not all of it over and over.
      const now = clock.now()
      bucket.lastTurnAtEpochMs = Math.max(now + untilTokenMs, bucket.lastTurnAtEpochMs + 1_000 / REFILL_PER_SECOND)
      return bucket.lastTurnAtEpochMs - now
    },
    throttled(subscriptionId, retryAfterMs) {
      const bucket = refilled(subscriptionId)
      const stopMs = Math.min(retryAfterMs, MAX_STOP_MS)
      bucket.tokens = Math.min(bucket.tokens, 1 - (stopMs / 1_000) * REFILL_PER_SECOND)
    },
  }
}
