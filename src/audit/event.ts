import type { Effect } from '../domain/effect.ts'
import type { Outcome } from '../domain/decision.ts'
import type { Fault } from '../domain/failure.ts'
import type { Trigger } from '../domain/trigger.ts'

/** The one structured record of a decision (contract, section 9; docs/glossary.md). Exact here, vague on the wire. */
export interface AuditEvent {
  readonly event: 'reconnect.decision'
  readonly operationId?: string
  /** The operation whose reconnect covers this one. */
  readonly joined?: string
  /** Storage did not take the operation. */
  readonly notRecorded?: true
  readonly correlationId: string
  readonly clientRequestId?: string
  /** W3C Trace Context of the request that was accepted: the same from the alert to the verdict. Its second part is the `operation_Id` of Application Insights. */
  readonly traceparent?: string
  readonly caller?: { readonly kind: string; readonly id: string; readonly name?: string }
  readonly trigger: Trigger
  readonly backend?: string
  readonly after?: string
  readonly mode?: string
  readonly outcome: Outcome
  /** A `Reason`: why it was refused, failed or put off. Where nothing failed, the caller's own words. */
  readonly reason?: string
  /** The caller's own words, always. */
  readonly callerReason?: string
  readonly detail?: string
  readonly fault?: Fault
  readonly attempts?: number
  readonly ambiguous?: true
  readonly armStatus?: number
  readonly armRequestId?: string
  readonly armCorrelationId?: string
  readonly tries?: number
  readonly delayMs?: number
  /** The pause that decided. */
  readonly pauseId?: string
  /** Pauses could not be read, so this was decided as if there were none. */
  readonly pausesUnread?: true
  readonly durationMs: number
  readonly due?: string
}

/** A pause of automation begins, or is ended before its time (contract, section 11). That it ends by itself has no event: nothing happens then. */
export interface PauseEvent {
  readonly event: 'reconnect.pause'
  readonly outcome: 'created' | 'deleted'
  readonly pauseId: string
  readonly scope: string
  readonly webhook?: string
  readonly until: string
  /** The words of its creator. */
  readonly reason: string
  readonly createdAt: string
  readonly createdBy: { readonly kind: string; readonly id: string; readonly name?: string }
  readonly correlationId: string
  readonly clientRequestId?: string
  readonly caller: { readonly kind: string; readonly id: string; readonly name?: string }
  readonly durationMs: number
}

/** The one structured record of a verdict (contract, section 12): who reconnected what, why, and whether it helped. */
export interface EffectEvent {
  readonly event: 'reconnect.effect'
  readonly operationId: string
  readonly verdict: Exclude<Effect['verdict'], 'pending'>
  /** It replaces `not-recovered`, which silence had decided. */
  readonly corrected?: true
  readonly correlationId: string
  readonly traceparent?: string
  readonly caller: { readonly kind: 'webhook'; readonly id: string }
  readonly trigger: Trigger
  readonly backend: string
  readonly since: string
  readonly decideBy: string
  readonly decidedAt?: string
  readonly evidence: Effect['evidence']
}
