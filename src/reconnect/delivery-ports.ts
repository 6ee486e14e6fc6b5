import type { Duration } from '../domain/duration.ts'
import type { EffectSettings } from '../domain/effect.ts'
import type { Webhook } from '../policy/policy-document.ts'
import type { Enqueue, RateLimiter } from './alert-ports.ts'
import type { Pauses } from './operator-ports.ts'
import type { Coordinator, Forward, StoryPorts } from './ports.ts'

/** What the story of a delivery needs from others. */
export interface DeliveryPorts extends StoryPorts {
  /** The webhooks that the policy has now, by name. */
  readonly webhooks: ReadonlyMap<string, Pick<Webhook, 'mode'>>
  readonly pauses: Pick<Pauses, 'find'>
  readonly coordinator: Coordinator
  /** Stores a later message of the operation. */
  readonly enqueue: Enqueue
  readonly forward: Forward
  readonly rateLimiter: RateLimiter
  readonly deliverWithin: Duration
  readonly limit: { readonly count: number; readonly window: string }
  readonly notHelping: { readonly count: number }
  /** How later notifications of each webhook of the policy are read. */
  readonly effectSettings: ReadonlyMap<string, EffectSettings>
  /** Of ARM's API, for what alerts cause. */
  readonly apiVersion: string
  readonly random: () => number
}
