import type { Duration } from '../domain/duration.ts'

/**
 * What a sender says about the thing that it watches.
 * - `firing`: Azure Monitor `Fired`, Alertmanager and Grafana `firing`, Event Grid `CircuitBreaker.Opened`, and every generic alert.
 * - `resolved`: the sender has measured that it is over.
 * - `closed`: Event Grid `CircuitBreaker.Closed`. The gateway closes a breaker when a timer ends, so this is no proof that the backend is well.
 * - `other`: anything else, such as an unknown status or another type of event.
 */
export type Condition = 'firing' | 'resolved' | 'closed' | 'other'

/** One alert of a payload, in the same form for every sender. */
export interface Alert {
  readonly condition: Condition
  /** Read by `match` and the `backend` template: a flat set (contract, section 5). */
  readonly attributes: ReadonlyMap<string, string>
  /** The sender's id of this notification, for the record; at most {@link MAX_ID_CHARS} characters. */
  readonly alertId?: string
  readonly alertRule?: string
  /**
   * The same for the notification that an alert fires and the later one that it is resolved: Azure Monitor `alertId`, Alertmanager and
   * Grafana `fingerprint`. Never shortened; at most {@link MAX_IDENTITY_CHARS} characters.
   */
  readonly identity?: string
  /** When it began to fire and when it ended, by the sender's clock. */
  readonly startedAtEpochMs?: number
  readonly endedAtEpochMs?: number
  /** A whole resource id, not parsed yet: only `generic` alerts have it. */
  readonly backend?: string
  /** Only `generic` alerts have it; it takes precedence over the webhook's own. */
  readonly after?: Duration
}

/** The one question that decides whether an alert may act (contract, section 5). */
export function isFiring({ condition }: Alert): boolean {
  return condition === 'firing'
}

/** Ids and names of rules are kept in rows and queue messages, so longer ones are shortened. */
export const MAX_ID_CHARS = 256
/** Azure Monitor's ids have 130 characters today. A longer identity is absent: two alerts that begin alike must not become one. */
export const MAX_IDENTITY_CHARS = 1_024
/** Contract, section 5. */
export const MAX_ALERTS = 500

/** What a payload contains. */
export type Reading =
  | { readonly kind: 'alerts'; readonly alerts: readonly Alert[] }
  /** Event Grid's validation handshake: the answer repeats the code. */
  | { readonly kind: 'validation'; readonly code: string }

/** Why a payload does not have the webhook's format. */
export type PayloadFault =
  { readonly kind: 'malformed'; readonly expectation: string } | { readonly kind: 'too_many'; readonly limit: number }
