import type { ArmFailure, AvailabilityFailure, DeliveryFailure } from '../domain/failure.ts'

/** What becomes of a delivery that ARM did not accept. */
export type DeliveryDecision =
  { readonly kind: 'retry'; readonly delayMs: number } | { readonly kind: 'failed' } | { readonly kind: 'abandoned' }

/** Everything that a delivery can meet under its lease, short of its end. */
export type DeliveryTrouble =
  | ArmFailure
  | Extract<AvailabilityFailure, { reason: 'switched_off' | 'write_budget_spent' }>
  | Extract<DeliveryFailure, { reason: 'paused' }>

export interface DeliverySituation {
  readonly acceptedAtEpochMs: number
  readonly nowEpochMs: number
  readonly deliverWithinMs: number
  /** Attempts before this one. */
  readonly tries: number
  /** What ARM asked to wait, how long the write budget lasts, or how long a pause. */
  readonly retryAfterMs?: number
  /** 0 ≤ random < 1: spreads those that failed together. */
  readonly random: number
}

const FIRST_BACKOFF_MS = 2_000
/** Once ARM is back, a delivery is at most this late. */
const MAX_BACKOFF_MS = 120_000
/** Reconnects are switched off on purpose; nothing is sent meanwhile. */
const SWITCHED_OFF_DELAY_MS = 60_000
/** Contract, section 5: no delivery waits longer for its next try, whatever `Retry-After` says. */
export const MAX_DELAY_MS = 15 * 60_000

/**
 * Retry after `Retry-After`, else after an exponential back-off with jitter, until `deliverWithin` has passed since the alert was accepted
 * (contract, section 5). Refusals are final. Pure.
 */
export function decideDelivery(trouble: DeliveryTrouble, situation: DeliverySituation): DeliveryDecision {
  if (isFinal(trouble)) return { kind: 'failed' }
  const { acceptedAtEpochMs, nowEpochMs, deliverWithinMs, tries, retryAfterMs, random } = situation
  const leftMs = acceptedAtEpochMs + deliverWithinMs - nowEpochMs
  if (leftMs <= 0) return { kind: 'abandoned' }
  const backoffMs =
    trouble.reason === 'switched_off'
      ? SWITCHED_OFF_DELAY_MS
      : Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(tries, 10))
  const spreadMs = retryAfterMs === undefined ? 0 : random * Math.min(5_000, retryAfterMs / 4)
  // What ARM asked for is spread, and cut only at the longest wait there is.
  const delayMs = retryAfterMs === undefined ? backoffMs * (0.5 + random / 2) : retryAfterMs + spreadMs
  // A wait beyond the end is cut there: the alert is reported as abandoned then, and not later.
  return { kind: 'retry', delayMs: Math.min(delayMs, MAX_DELAY_MS, leftMs) }
}

/** ARM said that it will not, and asking again would not change it. 408 is a time-out, whatever its number. */
function isFinal(trouble: DeliveryTrouble): boolean {
  switch (trouble.reason) {
    case 'arm_rejected':
      return trouble.status !== 408
    case 'arm_refused_identity':
      return true
    case 'arm_throttled':
    case 'arm_unreachable':
    case 'arm_answer_invalid':
    case 'arm_unavailable':
    case 'arm_failed':
    case 'arm_connection_lost':
    case 'outcome_unknown':
    case 'deadline_exceeded':
    case 'identity_unavailable':
    case 'switched_off':
    case 'paused':
    case 'write_budget_spent':
      return false
  }
}
