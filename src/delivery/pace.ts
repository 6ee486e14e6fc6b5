import { foldAscii } from '../domain/segments.ts'
import type { Pace } from '../reconnect/ports.ts'
import type { Clock } from '../shared/clock.ts'

/**
 * ARM's limit on writes, and a POST is one, per subscription and principal: a bucket of 200, refilled at 10 per second (Azure Resource Manager,
 * "Understand how Azure Resource Manager throttles requests"). Alerts take nine tenths of it, so that people and tools always find some left.
 */
const BUCKET = 180
const REFILL_PER_SECOND = 9

interface Bucket {
  /** May be below nought: so many have taken one and wait. */
  tokens: number
  atEpochMs: number
  /** When the last one who was put off is to come again. */
  lastTurnAtEpochMs: number
}

/** Per process: other instances spend the same budget, and what they leave is learned from ARM's 429. */
export function createPace(clock: Clock): Pace {
  const buckets = new Map<string, Bucket>()

  function filled(subscriptionId: string): Bucket {
    const key = foldAscii(subscriptionId)
    const now = clock.now()
    const bucket = buckets.get(key) ?? { tokens: BUCKET, atEpochMs: now, lastTurnAtEpochMs: 0 }
    const elapsedMs = Math.max(0, now - bucket.atEpochMs)
    // A clock that was set back must not stop the refill for as long.
    if (now !== bucket.atEpochMs)
      Object.assign(bucket, {
        tokens: Math.min(BUCKET, bucket.tokens + (elapsedMs / 1_000) * REFILL_PER_SECOND),
        atEpochMs: now,
      })
    buckets.set(key, bucket)
    return bucket
  }

  const toWaitMs = (tokens: number): number => (tokens >= 1 ? 0 : ((1 - tokens) / REFILL_PER_SECOND) * 1_000)

  return {
    waitMs: (subscriptionId) => toWaitMs(filled(subscriptionId).tokens),
    async take(subscriptionId) {
      const bucket = filled(subscriptionId)
      const waitMs = toWaitMs(bucket.tokens)
      bucket.tokens -= 1
      if (waitMs > 0) await clock.sleep(waitMs)
    },
    turnMs(subscriptionId) {
      const bucket = filled(subscriptionId)
      const now = clock.now()
      bucket.lastTurnAtEpochMs = Math.max(
        now + toWaitMs(bucket.tokens),
        bucket.lastTurnAtEpochMs + 1_000 / REFILL_PER_SECOND,
      )
      return bucket.lastTurnAtEpochMs - now
    },
    throttled(subscriptionId, retryAfterMs) {
      const bucket = filled(subscriptionId)
      bucket.tokens = Math.min(bucket.tokens, 1 - (retryAfterMs / 1_000) * REFILL_PER_SECOND)
    },
  }
}
