import type { Interpretation } from './interpret-reconnect.ts'
import { MIN_WAIT_MS } from './retry-after.ts'

/** Contract, section 3: the most that one request may cost ARM. */
export const MAX_ATTEMPTS = 3
/** The shortest time for an attempt. A shorter one would only add an unknown outcome. */
export const MIN_ATTEMPT_MS = 500

const FIRST_BACKOFF_MS = 400

export interface RetrySituation {
  /** POSTs made so far, this one included. */
  readonly attempts: number
  /** Fewer than {@link MAX_ATTEMPTS} in a delivery. */
  readonly maxAttempts?: number
  /** The outcome of an earlier POST is unknown. The one repetition that it allows was this one. */
  readonly ambiguous: boolean
  /** After a 401: the refused token was dropped, and this is the first time for this request. */
  readonly canRenewToken?: boolean
  readonly remainingMs: number
  /** 0 ≤ random < 1: spreads callers that failed at the same time. */
  readonly random: number
}

/** Milliseconds to wait before another POST; undefined to stop. A wait that does not fit into the remaining time is not started. */
export function decideRetry(
  interpretation: Interpretation,
  { attempts, maxAttempts = MAX_ATTEMPTS, ambiguous, canRenewToken = false, remainingMs, random }: RetrySituation,
): number | undefined {
  const { repeat, waitMs } = interpretation
  if (repeat === 'no' || ambiguous) return undefined
  // Contract, section 5: not counted among the attempts of a delivery. At once: ARM is not overloaded, and the token takes its time.
  if (repeat === 'with_new_token')
    return canRenewToken && attempts < MAX_ATTEMPTS && MIN_ATTEMPT_MS <= remainingMs ? 0 : undefined
  if (attempts >= maxAttempts) return undefined
  const backoffMs = FIRST_BACKOFF_MS * 2 ** (attempts - 1) * (0.5 + random)
  const throttled = !interpretation.result.ok && interpretation.result.error.reason === 'arm_throttled'
  // Never shorter than ARM asks for. Throttling without a time waits at least a second.
  const wait =
    waitMs === undefined
      ? Math.max(backoffMs, throttled ? MIN_WAIT_MS : 0)
      : waitMs + random * Math.min(1_000, waitMs / 4)
  return wait + MIN_ATTEMPT_MS <= remainingMs ? wait : undefined
}
