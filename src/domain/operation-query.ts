import type { Backend } from './backend-id.ts'
import type { EffectVerdict } from './effect.ts'
import type { OperationState } from './operation.ts'

/** What is looked for in `/operations` (contract, section 7). Whatever the times are, a page costs a bounded number of calls. */
export interface OperationQuery {
  readonly backend?: Backend
  /** Folded resource id of an API Management service. */
  readonly serviceKey?: string
  readonly state?: OperationState
  /** The sender's own id of the alert, compared as written. */
  readonly alertId?: string
  readonly alertRule?: string
  readonly effect?: EffectVerdict
  readonly fromEpochMs?: number
  readonly toEpochMs?: number
  /** Operations of one page, at most. */
  readonly top: number
  /** As a `nextLink` carries it. */
  readonly skipToken?: string
}
