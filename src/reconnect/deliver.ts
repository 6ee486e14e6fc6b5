import { webhookCaller } from '../domain/caller.ts'
import type { ArmFailure, RecordedFailure } from '../domain/failure.ts'
import { advance, type StoredOperation } from '../domain/operation.ts'
import type { QueuedAlert, SentOutcome } from '../domain/queued-alert.ts'
import { authorize, type AuthorizedReconnect } from '../policy/authorize.ts'
import type { Deadline } from '../shared/deadline.ts'
import { afterMsOf, createDeliveryEnds, effectOf, idsOf, modeOf, toWatch, type DeliveryEnds } from './delivery-ends.ts'
import type { DeliveryPorts } from './delivery-ports.ts'
import type { DeliveryTurn, Lease } from './ports.ts'

/** Retries within a request would spend ARM's budget unseen; a delivery is retried by the queue. A second POST follows a 401 only. */
const ONE_POST = 1
/** A shorter wait for the write budget is sat out under the lease. */
const MAX_BUDGET_WAIT_MS = 1_000

/**
 * Brings an accepted alert to its end, or to a later attempt:
 * authorize again → acquire the lease → expired? → mode → pause → write budget → forward → complete, or store the next message and release.
 * Returns when the message may be deleted: its end or its successor is stored (invariant 6). Throws {@link MessageComesBack} otherwise.
 * May be called twice with the same message, late, and beside itself in another instance.
 */
export function deliver(alert: QueuedAlert, deadline: Deadline, ports: DeliveryPorts): Promise<void> {
  const ends = createDeliveryEnds(alert, ports)
  return ends.reportDefects(() => deliverOne(alert, deadline, ends, ports))
}

async function deliverOne(
  alert: QueuedAlert,
  deadline: Deadline,
  ends: DeliveryEnds,
  ports: DeliveryPorts,
): Promise<void> {
  const open = await takeTurn(alert, deadline, ends, ports)
  if (open === undefined) return
  const { turn, permit } = open
  switch (turn.kind) {
    case 'limit_reached':
      return exhaust({ reason: 'loop_guard', ...ports.limit }, alert, ends, ports)
    case 'not_helping':
      return exhaust({ reason: 'not_helping', ...ports.notHelping }, alert, ends, ports)
    case 'lease':
      try {
        return await sendUnder(turn.lease, permit, alert, deadline, ends, ports)
      } finally {
        turn.lease.leave()
      }
  }
}

/** A message of the poison queue: the host gave it up. Its operation ends as abandoned, unless another message stands for it. */
export function abandon(alert: QueuedAlert, deadline: Deadline, ports: DeliveryPorts): Promise<void> {
  const ends = createDeliveryEnds(alert, ports)
  return ends.reportDefects(() => abandonOne(alert, deadline, ends, ports))
}

async function abandonOne(
  alert: QueuedAlert,
  deadline: Deadline,
  ends: DeliveryEnds,
  ports: DeliveryPorts,
): Promise<void> {
  const open = await takeTurn(alert, deadline, ends, ports)
  if (open === undefined) return
  const lease = open.turn.kind === 'lease' ? open.turn.lease : undefined
  const known = lease?.operation.error?.message ?? 'no earlier attempt left a reason'
  const failure = { reason: 'delivery_poisoned', detail: known } as const
  const change = { to: 'abandoned', error: ports.describe(failure) } as const
  try {
    return await (lease === undefined ? ends.finish(change, failure) : ends.end(lease, change, failure))
  } finally {
    lease?.leave()
  }
}

type OpenTurn = Extract<DeliveryTurn, { readonly kind: 'lease' | 'limit_reached' | 'not_helping' }>

/** Undefined: the message has come to its end, without a lease. Otherwise the operation is still open, and the caller ends it. */
async function takeTurn(
  alert: QueuedAlert,
  deadline: Deadline,
  ends: DeliveryEnds,
  ports: DeliveryPorts,
): Promise<{ readonly turn: OpenTurn; readonly permit: AuthorizedReconnect } | undefined> {
  if (alert.sent !== undefined) {
    await recordSent(alert, alert.sent, ends, ports)
    return undefined
  }
  const permit = permitFor(alert, ports)
  if (!permit.ok) {
    await ends.finish({ to: 'failed', error: ports.describe(permit.error) }, permit.error)
    return undefined
  }
  const turn = await ports.coordinator.acquireForDelivery(permit.value, alert, deadline)
  ends.tellEffects(turn.decided)
  switch (turn.kind) {
    case 'already_done':
      ends.duplicate(turn.operation)
      return undefined
    case 'busy':
      ends.comesBack({ reason: 'in_flight_elsewhere' })
      return undefined
    case 'storage_unavailable':
      ends.comesBack({ reason: 'storage_unavailable', detail: turn.detail })
      return undefined
    case 'joined':
      await ends.finish({ to: 'joined', scheduled: turn.scheduled })
      return undefined
    case 'limit_reached':
    case 'not_helping':
    case 'lease':
      return { turn, permit: permit.value }
  }
}

/** While the app is off or the backend paused, an accepted alert waits (contract, sections 8 and 11): the limit may be over by then. */
async function exhaust(
  failure: RecordedFailure,
  alert: QueuedAlert,
  ends: DeliveryEnds,
  ports: DeliveryPorts,
): Promise<void> {
  const halt = isExpired(alert, ports) ? undefined : await findHalt(alert, ends, ports)
  if (halt !== undefined) return ends.comesBack(halt.trouble)
  return ends.finish({ to: 'exhausted', error: ports.describe(failure) }, failure)
}

interface Halt {
  readonly trouble: Extract<RecordedFailure, { readonly reason: 'switched_off' | 'paused' }>
  /** Until it ends, where that is known. */
  readonly waitMs?: number
}

/** Why nothing may be sent for the alert now, although it was accepted. */
async function findHalt(alert: QueuedAlert, ends: DeliveryEnds, ports: DeliveryPorts): Promise<Halt | undefined> {
  if (modeOf(alert, ports) === 'off') return { trouble: { reason: 'switched_off' } }
  const found = await ports.pauses.find(alert.backend, alert.trigger.webhook)
  ends.heed(found)
  if (found.kind !== 'paused') return undefined
  const { until, untilEpochMs } = found.pause
  return { trouble: { reason: 'paused', until }, waitMs: Math.max(0, untilEpochMs - ports.clock.now()) }
}

function isExpired({ acceptedAtEpochMs }: QueuedAlert, { clock, deliverWithin }: DeliveryPorts): boolean {
  return clock.now() >= acceptedAtEpochMs + deliverWithin.ms
}

/** The lease is held: only now anything may end the operation, put it off, or send it. */
async function sendUnder(
  lease: Lease,
  permit: AuthorizedReconnect,
  alert: QueuedAlert,
  deadline: Deadline,
  ends: DeliveryEnds,
  ports: DeliveryPorts,
): Promise<void> {
  const { clock, rateLimiter } = ports
  const { subscriptionId } = alert.backend
  if (isExpired(alert, ports)) return ends.expire(lease)
  const halt = await findHalt(alert, ends, ports)
  if (halt !== undefined) return ends.retryLater(lease, halt.trouble, undefined, halt.waitMs)
  if (modeOf(alert, ports) === 'dry-run')
    return ends.end(lease, { to: 'dry-run', dueEpochMs: clock.now() + afterMsOf(alert) }, undefined)

  const waitMs = rateLimiter.take(subscriptionId, MAX_BUDGET_WAIT_MS)
  if (waitMs > MAX_BUDGET_WAIT_MS) return ends.retryLater(lease, { reason: 'write_budget_spent' }, undefined, waitMs)
  if (waitMs > 0) await clock.sleep(waitMs, deadline.signal)

  const forwarded = await ports.forward(permit, idsOf(alert), deadline, ONE_POST)
  const { result, retryAfterMs } = forwarded
  if (result.ok) return ends.accepted(lease, forwarded, result.value.sentAtEpochMs + afterMsOf(alert))
  if (isOfSubscription(result.error)) rateLimiter.throttled(subscriptionId, retryAfterMs ?? 0)
  return ends.retryLater(lease, result.error, forwarded, retryAfterMs)
}

/** A message that carries ARM's acceptance: nothing is sent, only written down. */
async function recordSent(
  alert: QueuedAlert,
  sent: SentOutcome,
  ends: DeliveryEnds,
  ports: DeliveryPorts,
): Promise<void> {
  const { coordinator, clock } = ports
  const { dueEpochMs } = sent
  const watch = toWatch(alert, dueEpochMs, ports)
  const change = { to: 'forwarded', dueEpochMs, sent, effect: effectOf(dueEpochMs, watch, clock.now()) } as const
  const toForwarded = (operation: StoredOperation): StoredOperation => advance(operation, change, clock.now())
  const end = await coordinator.recordSent(alert.backend, alert.operation, sent, toForwarded, watch)
  ends.tellEffects(end.decided)
  switch (end.kind) {
    case 'recorded':
      // The message of its verdict has come before there was a reconnect to judge.
      if (watch !== undefined && clock.now() >= watch.decideByEpochMs) await ends.askForVerdict(watch)
      return ends.audit({ outcome: 'forwarded', operation: end.operation, sent })
    case 'already_done':
      return ends.duplicate(end.operation)
    case 'not_recorded':
      return ends.comesBack({ reason: 'storage_unavailable', detail: 'the outcome could not be written down' })
  }
}

/** The policy of the moment decides, also about webhooks that it no longer has (contract, section 5). */
function permitFor({ trigger, backend, after }: QueuedAlert, { webhooks, grants, apiVersion }: DeliveryPorts) {
  const caller = webhookCaller(trigger.webhook)
  const command = { backend, apiVersion, ...(after === undefined ? {} : { after }), dryRun: false, force: false }
  const known = webhooks.has(trigger.webhook) ? caller : { ...caller, principals: [] }
  return authorize(known, command, grants)
}

/** The budget of a subscription, and not a limit of one API Management service. */
function isOfSubscription(failure: ArmFailure): boolean {
  return failure.reason === 'arm_throttled' && failure.error.code !== 'ResourceRequestsThrottled'
}
