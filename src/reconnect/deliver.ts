import type { AuditEvent, DecisionOutcome } from '../audit/event.ts'
import type { Mode } from '../config/config.ts'
import { decideDelivery, type DeliveryDecision, type DeliveryTrouble } from '../delivery/decide-delivery.ts'
import type { AcceptedAlert } from '../domain/accepted-alert.ts'
import { webhookCaller } from '../domain/caller.ts'
import { DEFAULT_AFTER_MS, type Duration } from '../domain/duration.ts'
import type { ArmFailure, RecordedFailure } from '../domain/failure.ts'
import { isOvertaken, type Operation } from '../domain/operation.ts'
import { authorize, type AuthorizedReconnect } from '../policy/authorize.ts'
import type { GrantIndex } from '../policy/grant-index.ts'
import type { Clock } from '../shared/clock.ts'
import type { Deadline } from '../shared/deadline.ts'
import type { Result } from '../shared/result.ts'
import { toAlertEvent } from './alert-event.ts'
import { detailOf } from './audit-event.ts'
import type { Deliveries, EndedUnsent, Enqueue, Forward, Forwarded, Pace } from './ports.ts'

export interface DeliveryPorts {
  readonly grants: GrantIndex
  readonly mode: Mode
  readonly deliveries: Deliveries
  readonly enqueue: Enqueue
  readonly forward: Forward
  readonly pace: Pace
  readonly deliverWithin: Duration
  /** Of ARM's API, for what alerts cause. */
  readonly apiVersion: string
  readonly record: (event: AuditEvent) => void
  readonly clock: Clock
  readonly random: () => number
}

/** A longer wait for ARM's write budget is not sat out in the worker: the messages of other subscriptions would wait behind it. */
const MAX_PACE_WAIT_MS = 1_000
/** What could not be written down, although everything else is done, comes again after this long. */
const WRITE_AGAIN_MS = 30_000
/** Per POST: ARM's own retries within a request would spend its budget unseen; a delivery is retried by the queue. */
const ONE_POST = 1

/**
 * Brings an accepted alert to its end, or to a later try: over? → expired? → mode → authorize again → pace → join or send → write down.
 * Throws only when the message could not be kept for later: the host then delivers it again. May be called twice with the same message, late,
 * or beside itself in another instance.
 */
export async function deliver(alert: AcceptedAlert, deadline: Deadline, ports: DeliveryPorts): Promise<void> {
  const { deliveries, clock, pace } = ports
  const task = createTask(alert, ports)
  const current = await deliveries.find(alert.operation)
  if (current === undefined)
    return task.putOff({ reason: 'storage_unavailable', detail: 'the operation cannot be read' })
  if (isOvertaken(current, alert.tries)) return task.record({ outcome: 'duplicate', operation: current })
  task.current = current
  const leftMs = alert.acceptedAtEpochMs + ports.deliverWithin.ms - clock.now()
  if (leftMs <= 0) return task.abandon()
  if (ports.mode === 'off') return task.putOff({ reason: 'switched_off' })

  const { backend, after } = alert
  const command = {
    backend,
    apiVersion: ports.apiVersion,
    ...(after === undefined ? {} : { after }),
    dryRun: false,
    force: false,
  }
  const permit = authorize(webhookCaller(alert.trigger.webhook), command, ports.grants)
  if (!permit.ok) return task.end('failed', { state: 'failed', failure: permit.error })
  if (ports.mode === 'dry-run') return task.end('dry-run', { state: 'dry-run', afterMs: after?.ms ?? DEFAULT_AFTER_MS })

  const waitMs = pace.waitMs(backend.subscriptionId)
  if (waitMs > MAX_PACE_WAIT_MS) return task.again(Math.min(pace.turnMs(backend.subscriptionId), leftMs), alert.tries)
  return join(permit.value, deadline, task, alert, ports)
}

/** What lands in the poison queue was tried as often as the host tries: it is given up, and said so. */
export async function abandon(alert: AcceptedAlert, ports: DeliveryPorts): Promise<void> {
  const task = createTask(alert, ports)
  const current = await ports.deliveries.find(alert.operation)
  if (current === undefined) throw new Error('the operation cannot be read: the message stays in the poison queue')
  if (isOvertaken(current, alert.tries)) return task.record({ outcome: 'duplicate', operation: current })
  const failure = { reason: 'delivery_poisoned', detail: current.error?.message ?? 'no try has left a word' } as const
  const { operation, recorded } = await ports.deliveries.end(current, { state: 'abandoned', failure })
  if (!recorded)
    throw new Error('the end of the operation could not be written down: the message stays in the poison queue')
  return task.record({ outcome: 'abandoned', operation, failure })
}

async function join(
  permit: AuthorizedReconnect,
  deadline: Deadline,
  task: Task,
  alert: AcceptedAlert,
  { deliveries, forward, pace }: DeliveryPorts,
): Promise<void> {
  const { subscriptionId } = alert.backend
  const send = async (): Promise<Forwarded> => {
    await pace.take(subscriptionId)
    const forwarded = await forward(permit, { correlationId: alert.correlationId }, deadline, ONE_POST)
    if (!forwarded.result.ok && isOfSubscription(forwarded.result.error))
      pace.throttled(subscriptionId, forwarded.retryAfterMs ?? 0)
    return forwarded
  }
  let later: Later | undefined
  const delivered = await deliveries.deliver(
    { permit, accepted: task.current, tries: alert.tries },
    deadline,
    send,
    async (failure, retryAfterMs) => {
      later = await task.keep(failure, retryAfterMs)
      return later.decision.kind === 'failed' ? 'failed' : { tries: alert.tries + (later.kept?.ok === true ? 1 : 0) }
    },
  )
  switch (delivered.kind) {
    case 'over':
      return task.record({ outcome: 'duplicate', operation: task.current })
    case 'busy':
      return task.putOff({ reason: 'in_flight_elsewhere' })
    case 'unavailable':
      return task.putOff({ reason: 'storage_unavailable', detail: delivered.detail })
    case 'joined':
    case 'exhausted':
      return task.record({ outcome: delivered.kind, ...delivered })
    case 'sent': {
      const { operation, recorded, forwarded } = delivered
      const { result } = forwarded
      if (result.ok) return task.record({ outcome: 'forwarded', operation, recorded, forwarded })
      task.current = operation
      if (operation.state === 'accepted' && later !== undefined) return task.conclude(later, result.error, forwarded)
      return task.record({ outcome: 'failed', operation, recorded, forwarded, failure: result.error })
    }
  }
}

/** The budget of a subscription, and not a limit of one API Management service. */
function isOfSubscription(failure: ArmFailure): boolean {
  return failure.reason === 'arm_throttled' && failure.error.code !== 'ResourceRequestsThrottled'
}

interface Told {
  readonly outcome: DecisionOutcome
  readonly operation: Operation
  readonly recorded?: boolean
  readonly failure?: RecordedFailure
  readonly forwarded?: Forwarded
  readonly delayMs?: number
}

/** What is to become of a delivery, and whether the message for it is stored. */
interface Later {
  readonly decision: DeliveryDecision
  readonly kept?: Result<void, string>
}

interface Task {
  /** The operation as far as this delivery knows it. */
  current: Operation
  record(told: Told): void
  /** Stores the message of the next try, if there is to be one. */
  keep(trouble: DeliveryTrouble, retryAfterMs?: number): Promise<Later>
  /** Ends the delivery as it was decided. */
  conclude(later: Later, trouble: DeliveryTrouble, forwarded?: Forwarded): Promise<void>
  putOff(trouble: DeliveryTrouble): Promise<void>
  again(delayMs: number, tries: number): Promise<void>
  end(outcome: 'failed' | 'abandoned' | 'dry-run', ending: EndedUnsent): Promise<void>
  /** `deliverWithin` has passed; `trouble` is the last thing that stood in the way, where it is not written down yet. */
  abandon(trouble?: DeliveryTrouble): Promise<void>
}

/** One delivery, and the few ways in which it can end. */
function createTask(
  alert: AcceptedAlert,
  { mode, deliveries, enqueue, deliverWithin, record, clock, random }: DeliveryPorts,
): Task {
  const startedAtEpochMs = clock.now()
  const task: Task = {
    current: alert.operation,
    record(told) {
      const { trigger, tries, correlationId } = alert
      record(
        toAlertEvent({
          ...told,
          mode,
          correlationId,
          caller: webhookCaller(trigger.webhook),
          trigger,
          backend: alert.backend.resourceId,
          tries,
          durationMs: clock.now() - startedAtEpochMs,
        }),
      )
    },
    async keep(trouble, retryAfterMs) {
      const decision = decideDelivery(trouble, {
        acceptedAtEpochMs: alert.acceptedAtEpochMs,
        nowEpochMs: clock.now(),
        deliverWithinMs: deliverWithin.ms,
        tries: alert.tries,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
        random: random(),
      })
      return decision.kind === 'retry'
        ? { decision, kept: await enqueue({ ...alert, tries: alert.tries + 1 }, decision.delayMs) }
        : { decision }
    },
    async conclude({ decision, kept }, trouble, forwarded) {
      if (decision.kind === 'failed') return task.end('failed', { state: 'failed', failure: trouble })
      if (decision.kind === 'abandoned') return task.abandon(trouble)
      // The event after the fact: what could not be kept for later is thrown, and comes again.
      if (kept !== undefined) mustBeKept(kept)
      return task.record({
        outcome: 'deferred',
        operation: task.current,
        failure: trouble,
        delayMs: decision.delayMs,
        ...(forwarded === undefined ? {} : { forwarded }),
      })
    },
    putOff: async (trouble) => task.conclude(await task.keep(trouble), trouble),
    again: async (delayMs, tries) => mustBeKept(await enqueue({ ...alert, tries }, delayMs)),
    async end(outcome, ending) {
      const { operation, recorded } = await deliveries.end(task.current, ending)
      // An end that nobody can look up is none: it is told again when storage is back.
      if (!recorded) return task.again(WRITE_AGAIN_MS, alert.tries)
      return task.record({ outcome, operation, ...('failure' in ending ? { failure: ending.failure } : {}) })
    },
    abandon(trouble) {
      const detail =
        trouble === undefined
          ? (task.current.error?.message ?? 'it was never tried')
          : (detailOf(trouble) ?? trouble.reason)
      return task.end('abandoned', {
        state: 'abandoned',
        failure: { reason: 'delivery_expired', deliverWithin: deliverWithin.text, detail },
      })
    },
  }
  return task
}

function mustBeKept(kept: Result<void, string>): void {
  if (!kept.ok) throw new Error(`the message could not be kept for later: ${kept.error}`)
}
