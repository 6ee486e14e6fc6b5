/** Why an alert, or a whole request of a sender, did not act (contract, section 11). */
export const UNACTED_OUTCOMES = [
  'unmatched',
  'invalid',
  'denied',
  'resolved',
  'unauthenticated',
  'malformed',
  'paused',
] as const
export type UnactedOutcome = (typeof UNACTED_OUTCOMES)[number]

/** Contract, section 11. */
export const DELIVERY_KEPT_MS = 7 * 86_400_000

/** A delivery of a webhook that did not act. It holds nothing else of the payload. */
export interface UnactedDelivery {
  /** RFC 3339. */
  readonly at: string
  readonly outcome: UnactedOutcome
  readonly reason?: string
  readonly alertRule?: string
  readonly alertId?: string
  /** Resource id. */
  readonly backend?: string
  /** Deliveries that were left out before this one, in a storm. */
  readonly omitted?: number
}
