import type { DecisionFacts } from '../domain/decision.ts'
import { detailOf, faultOf } from '../domain/failure.ts'
import { toRfc3339 } from '../domain/operation.ts'
import type { PauseFacts } from '../domain/pause.ts'
import type { AuditEvent, PauseEvent } from './event.ts'

/** The one builder of audit events: pure. Of a payload it holds the sender's id of the alert and the rule's name, nothing else. */
export function toAuditEvent(facts: DecisionFacts): AuditEvent {
  const { caller, operation, failure, sent } = facts
  const callerReason = facts.callerReason ?? operation?.reason
  const joined = facts.joined ?? operation?.joined
  const detail = facts.detail ?? (failure === undefined ? undefined : detailOf(failure))
  const reason = failure?.reason ?? callerReason
  const due = facts.dueEpochMs === undefined ? operation?.due : toRfc3339(facts.dueEpochMs)
  return {
    event: 'reconnect.decision',
    ...known('operationId', operation?.id),
    ...known('joined', joined),
    ...(facts.recorded === false ? { notRecorded: true } : {}),
    correlationId: facts.correlationId,
    ...known('clientRequestId', facts.clientRequestId),
    ...known('traceparent', facts.traceparent),
    ...(caller === undefined ? {} : { caller: { kind: caller.kind, id: caller.id, ...known('name', caller.name) } }),
    trigger: facts.trigger,
    ...known('backend', facts.backend),
    ...known('after', facts.after ?? operation?.after),
    ...known('mode', facts.mode),
    outcome: facts.outcome,
    ...known('reason', reason),
    ...known('callerReason', callerReason),
    ...known('detail', detail),
    ...(failure === undefined ? {} : { fault: faultOf(failure) }),
    ...known('attempts', sent?.attempts),
    ...(sent?.ambiguous === true || operation?.ambiguous === true ? { ambiguous: true } : {}),
    ...known('armStatus', sent?.arm?.status),
    ...known('armRequestId', sent?.arm?.requestId),
    ...known('armCorrelationId', sent?.arm?.correlationId),
    ...known('tries', facts.tries),
    ...known('delayMs', facts.delayMs === undefined ? undefined : Math.round(facts.delayMs)),
    ...known('pauseId', facts.pauseId),
    ...(facts.pausesUnread === true ? { pausesUnread: true } : {}),
    durationMs: Math.round(facts.durationMs),
    ...known('due', due),
  }
}

export function toPauseEvent(facts: PauseFacts): PauseEvent {
  const { pause, caller, outcome, correlationId, clientRequestId, durationMs } = facts
  const { id, scope, webhook, until, reason, createdAt, createdBy } = pause
  return {
    event: 'reconnect.pause',
    outcome,
    pauseId: id,
    scope: scope.resourceId,
    ...known('webhook', webhook),
    until,
    reason,
    createdAt,
    createdBy,
    correlationId,
    ...known('clientRequestId', clientRequestId),
    caller: { kind: caller.kind, id: caller.id, ...known('name', caller.name) },
    durationMs: Math.round(durationMs),
  }
}

/** A member only where there is a value. */
function known<K extends string, V>(name: K, value: V | undefined): { readonly [name in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [name in K]?: V }
}
