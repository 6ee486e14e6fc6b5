import type { ArmFailure, AvailabilityFailure } from '../domain/failure.ts'

/** What becomes of a delivery that ARM did not accept. */
export type DeliveryDecision =
  { readonly kind: 'retry'; readonly delayMs: number } | { readonly kind: 'failed' } | { readonly kind: 'abandoned' }

/** Everything that a delivery can meet short of its end. */
export type DeliveryTrouble =
  ArmFailure | Extract<AvailabilityFailure, { reason: 'switched_off' | 'in_flight_elsewhere' | 'storage_unavailable' }>

export interface DeliverySituation {
  readonly acceptedAtEpochMs: number
  readonly nowEpochMs: number
  readonly deliverWithinMs: number
  /** Tries before the one that met this trouble. */
  readonly tries: number
  /** What ARM asked us to wait. */
  readonly retryAfterMs?: number
  /** 0 ≤ random < 1: spreads those that failed together. */
  readonly random: number
}

const FIRST_BACKOFF_MS = 2_000
/** In an incident nobody wants to wait much longer than this once ARM is back. */
const MAX_BACKOFF_MS = 120_000
/** Somebody has switched reconnects off and will switch them on again; nothing is sent meanwhile. */
const SWITCHED_OFF_DELAY_MS = 60_000

/**
 * Retry after `Retry-After`, else after an exponential back-off with jitter, until `deliverWithin` has passed since the alert was accepted
 * (contract, section 5). Refusals are final. Pure: whoever asks acts on it.
 */
export function decideDelivery(
  trouble: DeliveryTrouble,
  { acceptedAtEpochMs, nowEpochMs, deliverWithinMs, tries, retryAfterMs, random }: DeliverySituation,
): DeliveryDecision {
  if (isFinal(trouble)) return { kind: 'failed' }
  const leftMs = acceptedAtEpochMs + deliverWithinMs - nowEpochMs
  if (leftMs <= 0) return { kind: 'abandoned' }
  const backoffMs =
    trouble.reason === 'switched_off'
      ? SWITCHED_OFF_DELAY_MS
      : Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(tries, 10))
  // What ARM asked for is never undercut, only spread.
  const delayMs =
    retryAfterMs === undefined
      ? backoffMs * (0.5 + random / 2)
      : retryAfterMs + random * Math.min(5_000, retryAfterMs / 4)
  // A wait beyond the end is cut there: then the alert is reported as abandoned, and not later.
  return { kind: 'retry', delayMs: Math.min(delayMs, leftMs) }
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
    case 'in_flight_elsewhere':
    case 'storage_unavailable':
      return false
  }
}
