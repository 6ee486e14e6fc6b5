import type { AuditEvent, DecisionOutcome } from '../audit/event.ts'
import type { Mode } from '../config/config.ts'
import type { Caller } from '../domain/caller.ts'
import { faultOf, type RecordedFailure } from '../domain/failure.ts'
import type { Operation } from '../domain/operation.ts'
import type { AlertTrigger } from '../domain/trigger.ts'
import { detailOf } from './audit-event.ts'
import type { Forwarded } from './ports.ts'

/** What became of one alert, or of one try to deliver it. */
export interface AlertEnd {
  readonly correlationId: string
  readonly clientRequestId?: string
  readonly mode?: Mode
  readonly caller?: Caller
  readonly trigger: AlertTrigger
  readonly backend?: string
  readonly outcome: DecisionOutcome
  /** Where it is no failure: what of the alert decided. */
  readonly detail?: string
  readonly failure?: RecordedFailure
  readonly operation?: Operation
  /** Joined the operation instead of having one. */
  readonly joined?: true
  readonly recorded?: boolean
  readonly forwarded?: Forwarded
  readonly tries?: number
  readonly delayMs?: number
  readonly durationMs: number
}

/** The exact record of an alert (contract, section 9): pure. Nothing of the payload gets in but the sender's id and the rule's name. */
export function toAlertEvent(end: AlertEnd): AuditEvent {
  const { caller, operation, failure, forwarded, detail = failure === undefined ? undefined : detailOf(failure) } = end
  const arm = forwarded?.arm
  const joined = end.joined === true ? operation?.id : operation?.joined
  return {
    event: 'reconnect.decision',
    ...(operation === undefined ? {} : { operationId: operation.id }),
    ...(joined === undefined ? {} : { joined }),
    ...(end.recorded === false ? { notRecorded: true } : {}),
    correlationId: end.correlationId,
    ...(end.clientRequestId === undefined ? {} : { clientRequestId: end.clientRequestId }),
    ...(caller === undefined
      ? {}
      : { caller: { kind: caller.kind, id: caller.id, ...(caller.name === undefined ? {} : { name: caller.name }) } }),
    trigger: end.trigger,
    ...(end.backend === undefined ? {} : { backend: end.backend }),
    ...(operation?.after === undefined ? {} : { after: operation.after }),
    ...(end.mode === undefined ? {} : { mode: end.mode }),
    outcome: end.outcome,
    ...(failure === undefined ? {} : { reason: failure.reason }),
    ...(detail === undefined ? {} : { detail }),
    ...(failure === undefined ? {} : { fault: faultOf(failure) }),
    ...(forwarded === undefined ? {} : { attempts: forwarded.attempts }),
    ...(forwarded?.ambiguous === true || operation?.ambiguous === true ? { ambiguous: true } : {}),
    ...(arm === undefined ? {} : { armStatus: arm.status }),
    ...(arm?.requestId === undefined ? {} : { armRequestId: arm.requestId }),
    ...(arm?.correlationId === undefined ? {} : { armCorrelationId: arm.correlationId }),
    ...(end.tries === undefined ? {} : { tries: end.tries }),
    ...(end.delayMs === undefined ? {} : { delayMs: Math.round(end.delayMs) }),
    durationMs: Math.round(end.durationMs),
    ...(operation?.due === undefined ? {} : { due: operation.due }),
  }
}
