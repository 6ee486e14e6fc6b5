import type { Duration } from '../domain/duration.ts'

/** One alert of a payload, whatever its sender, as far as this app looks at it. */
export interface Alert {
  /** Only what is firing acts. */
  readonly firing: boolean
  /** What `match` and the `backend` template read: a flat set (contract, section 5). */
  readonly attributes: ReadonlyMap<string, string>
  /** The sender's own id of this alert; at most {@link MAX_ID_CHARS}. */
  readonly alertId?: string
  readonly alertRule?: string
  /** A whole resource id, not yet parsed: `generic` alerts name their backend outright. */
  readonly backend?: string
  /** `generic` alerts may say it; it goes before the webhook's own. */
  readonly after?: Duration
}

/** Longer ids and names are cut: they are for the record, and travel in a queue message. */
export const MAX_ID_CHARS = 256
/** Contract, section 5. */
export const MAX_ALERTS = 500

/** What a payload turned out to be. */
export type Reading =
  | { readonly kind: 'alerts'; readonly alerts: readonly Alert[] }
  /** Event Grid asks whether we want its events: the answer repeats the code. */
  | { readonly kind: 'validation'; readonly code: string }

/** Why a payload is not what the webhook's format says. */
export type PayloadFault =
  { readonly kind: 'malformed'; readonly expectation: string } | { readonly kind: 'too_many'; readonly limit: number }
