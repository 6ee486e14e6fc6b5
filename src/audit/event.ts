import type { Fault, Reason } from '../domain/failure.ts'

/** How a request ended. */
export type DecisionOutcome = 'forwarded' | 'joined' | 'dry-run' | 'refused' | 'failed'

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
  readonly trigger: { readonly kind: 'http' }
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
  readonly durationMs: number
  readonly due?: string
}
