import type { DecisionFacts } from '../domain/decision.ts'
import type { Duration } from '../domain/duration.ts'
import type { EffectFacts, EffectSettings } from '../domain/effect.ts'
import type { Mode } from '../domain/mode.ts'
import type { GrantIndex } from '../policy/grant-index.ts'
import type { Webhook } from '../policy/policy-document.ts'
import type { Clock } from '../shared/clock.ts'
import type { Enqueue, RateLimiter } from './alert-ports.ts'
import type { Pauses } from './operator-ports.ts'
import type { Coordinator, DescribeFailure, Forward, OperationLog } from './ports.ts'

/** What the story of a delivery needs from others. */
export interface DeliveryPorts {
  readonly grants: GrantIndex
  /** The webhooks that the policy has now, by name. */
  readonly webhooks: ReadonlyMap<string, Pick<Webhook, 'mode'>>
  readonly pauses: Pick<Pauses, 'find'>
  readonly mode: Mode
  readonly coordinator: Coordinator
  readonly operations: OperationLog
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
  readonly describe: DescribeFailure
  readonly audit: (facts: DecisionFacts) => void
  readonly auditEffect: (facts: EffectFacts) => void
  readonly clock: Clock
  readonly random: () => number
}
