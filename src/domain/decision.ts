import type { Caller } from './caller.ts'
import type { RecordedFailure } from './failure.ts'
import type { Mode } from './mode.ts'
import type { Operation, SentFacts } from './operation.ts'
import type { OperationId } from './operation-id.ts'
import type { PauseId } from './pause.ts'
import type { Trigger } from './trigger.ts'

/** How a request, an alert, a handshake or a delivery ended: the one vocabulary (docs/glossary.md). */
export const OUTCOMES = [
  /** ARM accepted it now. */
  'forwarded',
  /** A reconnect that ARM accepted, or an operation of an earlier alert, covers it. */
  'joined',
  'dry-run',
  /** The caller's fault: nothing was sent. */
  'refused',
  /** A dependency's fault or one of this app. */
  'failed',
  /** An alert is stored and will be delivered. */
  'accepted',
  'resolved',
  'unmatched',
  'denied',
  'invalid',
  'paused',
  'switched-off',
  /** A payload without alerts: nothing is to be done. */
  'empty',
  'handshake',
  /** A delivery is tried again later. */
  'deferred',
  /** Another message of the operation was faster. */
  'duplicate',
  /** The loop guard ended it. */
  'exhausted',
  'abandoned',
] as const
export type Outcome = (typeof OUTCOMES)[number]

/** Everything that is known when something has been decided: the audit event is made of it, and of nothing else. */
export interface DecisionFacts {
  readonly correlationId: string
  readonly clientRequestId?: string
  readonly traceparent?: string
  /** Absent while the configuration that would say it is invalid. */
  readonly mode?: Mode
  readonly caller?: Caller
  readonly trigger: Trigger
  readonly backend?: string
  /** As given by the caller. */
  readonly after?: string
  /** The caller's own words (`x-reconnect-reason`). */
  readonly callerReason?: string
  readonly outcome: Outcome
  readonly failure?: RecordedFailure
  /** Where it is no failure: which fact decided. */
  readonly detail?: string
  readonly operation?: Operation
  /** Joined this operation instead of having one of its own. */
  readonly joined?: OperationId
  /** False: storage did not take the operation. */
  readonly recorded?: boolean
  readonly sent?: SentFacts
  /** Of a delivery: attempts before this one. */
  readonly tries?: number
  /** Of a delivery that is put off: how long its message waits. */
  readonly delayMs?: number
  /** The pause that decided. */
  readonly pauseId?: PauseId
  /** Pauses could not be read: it was decided as if there were none. */
  readonly pausesUnread?: boolean
  readonly durationMs: number
  readonly dueEpochMs?: number
}
