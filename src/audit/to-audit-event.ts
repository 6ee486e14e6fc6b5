import type { DecisionFacts } from '../domain/decision.ts'
import { detailOf, faultOf } from '../domain/failure.ts'
import type { PauseFacts } from '../domain/pause.ts'
import { toRfc3339 } from '../shared/rfc3339.ts'
import type { AuditEvent, PauseEvent } from './event.ts'

/** The one builder of audit events: pure. Of a payload it holds the sender's id of the alert and the rule's name, nothing else. */
export function toAuditEvent(facts: DecisionFacts): AuditEvent {
  const { caller, operation, failure, sent } = facts
  const event: Writable<AuditEvent> = {
    event: 'reconnect.decision',
    correlationId: facts.correlationId,
    trigger: facts.trigger,
    outcome: facts.outcome,
    durationMs: Math.round(facts.durationMs),
  }
  const callerReason = facts.callerReason ?? operation?.reason
  set(event, 'operationId', operation?.id)
  set(event, 'joined', facts.joined ?? operation?.joined)
  if (facts.recorded === false) event.notRecorded = true
  set(event, 'clientRequestId', facts.clientRequestId)
  set(event, 'traceparent', facts.traceparent)
  if (caller !== undefined) event.caller = { kind: caller.kind, id: caller.id, ...known('name', caller.name) }
  set(event, 'backend', facts.backend)
  set(event, 'after', facts.after ?? operation?.after)
  set(event, 'mode', facts.mode)
  set(event, 'reason', failure?.reason ?? callerReason)
  set(event, 'callerReason', callerReason)
  set(event, 'detail', facts.detail ?? (failure === undefined ? undefined : detailOf(failure)))
  if (failure !== undefined) event.fault = faultOf(failure)
  set(event, 'attempts', sent?.attempts)
  if (sent?.ambiguous === true || operation?.ambiguous === true) event.ambiguous = true
  set(event, 'armStatus', sent?.arm?.status)
  set(event, 'armRequestId', sent?.arm?.requestId)
  set(event, 'armCorrelationId', sent?.arm?.correlationId)
  set(event, 'tries', facts.tries)
  if (facts.delayMs !== undefined) event.delayMs = Math.round(facts.delayMs)
  set(event, 'pauseId', facts.pauseId)
  if (facts.pausesUnread === true) event.pausesUnread = true
  set(event, 'due', facts.dueEpochMs === undefined ? operation?.due : toRfc3339(facts.dueEpochMs))
  return event
}

type Writable<T> = { -readonly [Name in keyof T]: T[Name] }

/** A member only where there is a value. */
function set<Name extends keyof AuditEvent>(
  event: Writable<AuditEvent>,
  name: Name,
  value: AuditEvent[Name] | undefined,
): void {
  if (value !== undefined) event[name] = value
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
