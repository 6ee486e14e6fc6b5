import type { HttpRequest, InvocationContext } from '@azure/functions'
import { toAuditEvent, toPauseEvent } from '../audit/to-audit-event.ts'
import { writeAudit, writeEffect } from '../audit/write-audit.ts'
import { composition, type App } from '../composition.ts'
import { parseMessage } from '../delivery/message.ts'
import { toEffectEvent } from '../audit/to-effect-event.ts'
import type { DecisionFacts } from '../domain/decision.ts'
import type { Failure } from '../domain/failure.ts'
import type { PauseFacts } from '../domain/pause.ts'
import type { EffectFacts } from '../domain/effect.ts'
import { parseTraceparent } from '../domain/traceparent.ts'
import type { Trigger } from '../domain/trigger.ts'
import { toFailureReply } from '../http/failure-reply.ts'
import type { Reply } from '../http/reply.ts'
import { readRequestIds } from '../http/request-ids.ts'
import { COMES_BACK_AFTER_MS } from '../reconnect/delivery-ends.ts'
import { MessageComesBack } from '../reconnect/message-comes-back.ts'
import type { RequestIds } from '../reconnect/ports.ts'
import { createDeadline, type Deadline } from '../shared/deadline.ts'
import type { Handle, HandleMessage } from './routes.ts'

/** One request, with everything that its story needs of the host. */
export interface Invocation {
  readonly app: App
  readonly request: HttpRequest
  readonly ids: RequestIds
  readonly deadline: Deadline
  readonly audit: (facts: DecisionFacts) => void
  readonly auditPause: (facts: PauseFacts) => void
  readonly auditEffect: (facts: EffectFacts) => void
}

export interface InvocationOptions {
  readonly deadlineMs: (app: App) => number
  readonly trigger: (request: HttpRequest) => Trigger
}

/** ids → configuration → deadline → story. With a bad configuration the answer is 503 and one audit event (contract, section 8). */
export function httpFunction(options: InvocationOptions, story: (invocation: Invocation) => Promise<Reply>): Handle {
  return async (request, context) => {
    const ids = { ...readRequestIds(request.headers), ...traceOf(context) }
    const audit = auditTo(context)
    const auditEffect = auditEffectTo(context)
    const app = composition()
    if (!app.ok) {
      const failure: Failure = { reason: 'configuration_invalid' }
      audit({ ...ids, trigger: options.trigger(request), outcome: 'failed', failure, durationMs: 0 })
      return toFailureReply(failure, ids.correlationId, undefined)
    }
    const deadline = createDeadline(app.value.clock, options.deadlineMs(app.value))
    try {
      const auditPause = auditPauseTo(context)
      return await story({ app: app.value, request, ids, deadline, audit, auditPause, auditEffect })
    } finally {
      deadline.dispose()
    }
  }
}

/** configuration → deadline → story. To throw is to ask the host for the same message again. */
export function queueFunction(
  story: (message: unknown, app: App, deadline: Deadline, context: InvocationContext) => Promise<void>,
): HandleMessage {
  return async (message, context) => {
    const app = composition()
    if (!app.ok) return putOff(message, context)
    const deadline = createDeadline(app.value.clock, app.value.deadlineMs)
    try {
      await story(message, app.value, deadline, context)
    } finally {
      deadline.dispose()
    }
  }
}

/** The message comes back until the configuration is right; `deliverWithin` is judged then (contract, section 5). */
function putOff(message: unknown, context: InvocationContext): never {
  const alert = parseMessage(message)
  auditTo(context)({
    correlationId: alert.ok ? alert.value.correlationId : context.invocationId,
    trigger: alert.ok ? alert.value.trigger : { kind: 'webhook', webhook: '' },
    ...(alert.ok ? { backend: alert.value.backend.resourceId, operation: alert.value.operation } : {}),
    outcome: 'deferred',
    failure: { reason: 'configuration_invalid' },
    delayMs: COMES_BACK_AFTER_MS,
    durationMs: 0,
  })
  throw new MessageComesBack('the configuration of this app is invalid')
}

function auditPauseTo(context: InvocationContext): (facts: PauseFacts) => void {
  return (facts) => writeAudit(context, toPauseEvent(facts))
}

export function auditTo(context: InvocationContext): (facts: DecisionFacts) => void {
  return (facts) => writeAudit(context, toAuditEvent(facts))
}

export function auditEffectTo(context: InvocationContext): (facts: EffectFacts) => void {
  return (facts) => writeEffect(context, toEffectEvent(facts))
}

/** The host's own trace of this request, which Application Insights has: an inbound `traceparent` is already in it. */
function traceOf({ traceContext }: InvocationContext): Pick<RequestIds, 'traceparent'> {
  const traceparent = parseTraceparent(traceContext?.traceParent)
  return traceparent === undefined ? {} : { traceparent }
}
