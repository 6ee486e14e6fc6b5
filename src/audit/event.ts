import type { Fault, Reason } from '../domain/failure.ts'
import type { Trigger } from '../domain/trigger.ts'

/** How a request, an alert or a delivery ended. */
export type DecisionOutcome = 'forwarded' | 'joined' | 'dry-run' | 'refused' | 'failed' | AlertOutcome | DeliveryOutcome

/** Of an alert, beside those. */
export type AlertOutcome = 'accepted' | 'resolved' | 'unmatched' | 'switched-off'

/** Of a delivery: `deferred` to a later try, or dropped because another message of the queue was faster (`duplicate`). */
export type DeliveryOutcome = 'exhausted' | 'abandoned' | 'deferred' | 'duplicate'

/** The one structured record of a decision (contract, section 9). Exact here, vague on the wire. */
export interface AuditEvent {
  readonly event: 'reconnect.decision'
  readonly operationId?: string
  /** The operation whose reconnect covers this one. */
  readonly joined?: string
  /** The operation could not be written down. */
  readonly notRecorded?: true
  readonly correlationId: string
  readonly clientRequestId?: string
  readonly caller?: { readonly kind: string; readonly id: string; readonly name?: string }
  readonly trigger: Trigger
  readonly backend?: string
  readonly after?: string
  readonly mode?: string
  readonly outcome: DecisionOutcome
  readonly reason?: Reason
  readonly detail?: string
  readonly fault?: Fault
  readonly attempts?: number
  readonly ambiguous?: true
  readonly armStatus?: number
  readonly armRequestId?: string
  readonly armCorrelationId?: string
  /** Of a delivery: tries before this one, and how long the next one waits. */
  readonly tries?: number
  readonly delayMs?: number
  readonly durationMs: number
  readonly due?: string
}
