import { decideDelivery, type DeliveryTrouble } from '../delivery/decide-delivery.ts'
import { webhookCaller } from '../domain/caller.ts'
import type { DecisionFacts } from '../domain/decision.ts'
import { DEFAULT_AFTER_MS, type Duration } from '../domain/duration.ts'
import { detailOf, type ArmFailure, type RecordedFailure } from '../domain/failure.ts'
import {
  pendingEffect,
  unknownEffect,
  type Decided,
  type Effect,
  type EffectFacts,
  type EffectSettings,
  type Watch,
} from '../domain/effect.ts'
import type { Mode } from '../domain/mode.ts'
import { advance, type StoredOperation, type Transition } from '../domain/operation.ts'
import type { QueuedAlert, SentOutcome } from '../domain/queued-alert.ts'
import { authorize, type AuthorizedReconnect } from '../policy/authorize.ts'
import type { GrantIndex } from '../policy/grant-index.ts'
import type { Webhook } from '../policy/policy-document.ts'
import { modeOfWebhook } from '../policy/webhook-mode.ts'
import type { Clock } from '../shared/clock.ts'
import type { Deadline } from '../shared/deadline.ts'
import { describeError } from '../shared/describe-error.ts'
import { TIMED_OUT, within } from '../shared/within.ts'
import { MessageComesBack } from './message-comes-back.ts'
import { MAX_HIDDEN_MS, originOf } from './judge-effect.ts'
import { mayHaveActed } from './may-have-acted.ts'
import { toPauseFacts } from './pause-facts.ts'
import type {
  Coordinator,
  DescribeFailure,
  Enqueue,
  Forward,
  Forwarded,
  Lease,
  LeaseEnd,
  OperationLog,
  PauseFound,
  Pauses,
  RateLimiter,
  RequestIds,
  RowEnd,
} from './ports.ts'

export { MessageComesBack }

export interface DeliveryPorts {
  readonly grants: GrantIndex
  /** The webhooks that the policy has now, by name. */
  readonly webhooks: ReadonlyMap<string, Pick<Webhook, 'mode'>>
  readonly pauses: Pick<Pauses, 'find'>
  readonly mode: Mode
  readonly coordinator: Coordinator
  readonly operations: OperationLog
  /** Stores a later message of the operation. */
  readonly enqueue: Enqueue
  readonly forward: Forward
  readonly rateLimiter: RateLimiter
  readonly deliverWithin: Duration
  readonly limit: { readonly count: number; readonly window: string }
  readonly notHelping: { readonly count: number }
  /** How later notifications of each webhook of the policy are read. */
  readonly effectSettings: ReadonlyMap<string, EffectSettings>
  /** Of ARM's API, for what alerts cause. */
  readonly apiVersion: string
  readonly describe: DescribeFailure
  readonly audit: (facts: DecisionFacts) => void
  readonly auditEffect: (facts: EffectFacts) => void
  readonly clock: Clock
  readonly random: () => number
}

/** Retries within a request would spend ARM's budget unseen; a delivery is retried by the queue. A second POST follows a 401 only. */
const ONE_POST = 1
/** A shorter wait for the write budget is sat out under the lease. */
const MAX_BUDGET_WAIT_MS = 1_000
/** ARM's acceptance is written down within this time, else a message carries it. */
const RECORD_WITHIN_MS = 8_000
const OUTCOME_MESSAGE_DELAY_MS = 5_000
/** The message of the verdict is stored before the reconnect is recorded; others wait for that, but no longer than this. */
const ASK_WITHIN_MS = 2_000
/** Behind `decideBy`, so that the clocks need not agree to the millisecond. */
const ASK_AFTER_MS = 1_000
/** A message whose storing was given up may appear so much later. */
const LATE_MESSAGE_MS = 60_000
/** As host.json says (`visibilityTimeout`): when a message is shown again that comes back. */
export const COMES_BACK_AFTER_MS = 30_000
/** A message that keeps coming back is reported and dropped so long after `deliverWithin`. */
const GRACE_MS = 24 * 3_600_000

/**
 * Brings an accepted alert to its end, or to a later attempt:
 * authorize again → acquire the lease → expired? → mode → pause → write budget → forward → complete, or store the next message and release.
 * Returns when the message may be deleted: its end or its successor is stored (invariant 6). Throws {@link MessageComesBack} otherwise.
 * May be called twice with the same message, late, and beside itself in another instance.
 */
export function deliver(alert: QueuedAlert, deadline: Deadline, ports: DeliveryPorts): Promise<void> {
  const story = tell(alert, ports)
  return story.reportDefects(() => deliverOne(alert, deadline, story, ports))
}

async function deliverOne(alert: QueuedAlert, deadline: Deadline, story: Story, ports: DeliveryPorts): Promise<void> {
  if (alert.sent !== undefined) return recordSent(alert, alert.sent, story, ports)
  const permit = permitFor(alert, ports)
  if (!permit.ok) return story.finish({ to: 'failed', error: ports.describe(permit.error) }, permit.error)

  const turn = await ports.coordinator.acquireForDelivery(permit.value, alert, deadline)
  story.tellEffects(turn.decided)
  switch (turn.kind) {
    case 'already_done':
      return story.duplicate(turn.operation)
    case 'busy':
      return story.comesBack({ reason: 'in_flight_elsewhere' })
    case 'storage_unavailable':
      return story.comesBack({ reason: 'storage_unavailable', detail: turn.detail })
    case 'joined':
      return story.finish({ to: 'joined', scheduled: turn.scheduled })
    case 'limit_reached': {
      const failure = { reason: 'loop_guard', ...ports.limit } as const
      return story.finish({ to: 'exhausted', error: ports.describe(failure) }, failure)
    }
    case 'not_helping': {
      const failure = { reason: 'not_helping', ...ports.notHelping } as const
      return story.finish({ to: 'exhausted', error: ports.describe(failure) }, failure)
    }
    case 'lease':
      try {
        return await sendUnder(turn.lease, permit.value, alert, deadline, story, ports)
      } finally {
        turn.lease.leave()
      }
  }
}

/** A message of the poison queue: the host gave it up. Its operation ends as abandoned, unless another message stands for it. */
export function abandon(alert: QueuedAlert, deadline: Deadline, ports: DeliveryPorts): Promise<void> {
  const story = tell(alert, ports)
  return story.reportDefects(() => abandonOne(alert, deadline, story, ports))
}

async function abandonOne(alert: QueuedAlert, deadline: Deadline, story: Story, ports: DeliveryPorts): Promise<void> {
  if (alert.sent !== undefined) return recordSent(alert, alert.sent, story, ports)
  const permit = permitFor(alert, ports)
  if (!permit.ok) return story.finish({ to: 'failed', error: ports.describe(permit.error) }, permit.error)
  const turn = await ports.coordinator.acquireForDelivery(permit.value, alert, deadline)
  story.tellEffects(turn.decided)
  switch (turn.kind) {
    case 'already_done':
      return story.duplicate(turn.operation)
    case 'busy':
      return story.comesBack({ reason: 'in_flight_elsewhere' })
    case 'storage_unavailable':
      return story.comesBack({ reason: 'storage_unavailable', detail: turn.detail })
    case 'joined':
      return story.finish({ to: 'joined', scheduled: turn.scheduled })
    case 'limit_reached':
    case 'not_helping':
    case 'lease': {
      const lease = turn.kind === 'lease' ? turn.lease : undefined
      const known = lease?.operation.error?.message ?? 'no earlier attempt left a reason'
      const failure = { reason: 'delivery_poisoned', detail: known } as const
      const change = { to: 'abandoned', error: ports.describe(failure) } as const
      try {
        return await (lease === undefined ? story.finish(change, failure) : story.end(lease, change, failure))
      } finally {
        lease?.leave()
      }
    }
  }
}

/** The lease is held: only now anything may end the operation, put it off, or send it. */
async function sendUnder(
  lease: Lease,
  permit: AuthorizedReconnect,
  alert: QueuedAlert,
  deadline: Deadline,
  story: Story,
  ports: DeliveryPorts,
): Promise<void> {
  const { clock, deliverWithin, rateLimiter } = ports
  const { subscriptionId } = alert.backend
  const mode = modeOf(alert, ports)
  if (clock.now() >= alert.acceptedAtEpochMs + deliverWithin.ms) return story.expire(lease)
  if (mode === 'off') return story.retryLater(lease, { reason: 'switched_off' })
  const found = await ports.pauses.find(alert.backend, alert.trigger.webhook)
  story.heed(found)
  if (found.kind === 'paused') {
    const { until, untilEpochMs } = found.pause
    return story.retryLater(lease, { reason: 'paused', until }, undefined, Math.max(0, untilEpochMs - clock.now()))
  }
  if (mode === 'dry-run')
    return story.end(lease, { to: 'dry-run', dueEpochMs: clock.now() + afterMsOf(alert) }, undefined)

  const waitMs = rateLimiter.take(subscriptionId, MAX_BUDGET_WAIT_MS)
  if (waitMs > MAX_BUDGET_WAIT_MS) return story.retryLater(lease, { reason: 'write_budget_spent' }, undefined, waitMs)
  if (waitMs > 0) await clock.sleep(waitMs, deadline.signal)

  const forwarded = await ports.forward(permit, idsOf(alert), deadline, ONE_POST)
  const { result, retryAfterMs } = forwarded
  if (result.ok) return story.accepted(lease, forwarded, result.value.sentAtEpochMs + afterMsOf(alert))
  if (isOfSubscription(result.error)) rateLimiter.throttled(subscriptionId, retryAfterMs ?? 0)
  return story.retryLater(lease, result.error, forwarded, retryAfterMs)
}

/** A message that carries ARM's acceptance: nothing is sent, only written down. */
async function recordSent(alert: QueuedAlert, sent: SentOutcome, story: Story, ports: DeliveryPorts): Promise<void> {
  const { coordinator, clock } = ports
  const { dueEpochMs } = sent
  const watch = toWatch(alert, dueEpochMs, ports)
  const change = { to: 'forwarded', dueEpochMs, sent, effect: effectOf(dueEpochMs, watch, clock.now()) } as const
  const toForwarded = (operation: StoredOperation): StoredOperation => advance(operation, change, clock.now())
  const end = await coordinator.recordSent(alert.backend, alert.operation, sent, toForwarded, watch)
  story.tellEffects(end.decided)
  switch (end.kind) {
    case 'recorded':
      // The message of its verdict has come before there was a reconnect to judge.
      if (watch !== undefined && clock.now() >= watch.decideByEpochMs) await story.askForVerdict(watch)
      return story.audit({ outcome: 'forwarded', operation: end.operation, sent })
    case 'already_done':
      return story.duplicate(end.operation)
    case 'not_recorded':
      return story.comesBack({ reason: 'storage_unavailable', detail: 'the outcome could not be written down' })
  }
}

/** The policy of the moment decides, also about alerts that were accepted before the webhook was set to `dry-run`. */
function modeOf({ trigger }: QueuedAlert, { mode, webhooks }: DeliveryPorts): Mode {
  return modeOfWebhook(mode, webhooks.get(trigger.webhook) ?? {})
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

function idsOf({ correlationId, traceparent }: QueuedAlert): RequestIds {
  return { correlationId, ...(traceparent === undefined ? {} : { traceparent }) }
}

/** How the verdict is found on a reconnect that ARM accepted. Undefined: nothing will be known of it. */
function toWatch(alert: QueuedAlert, dueEpochMs: number, { effectSettings }: DeliveryPorts): Watch | undefined {
  const settings = effectSettings.get(alert.trigger.webhook)
  if (settings === undefined || !settings.tells) return undefined
  const { confirmWithinMs, settleMs, confirms } = settings
  const { id: operationId } = alert.operation
  const decideByEpochMs = dueEpochMs + confirmWithinMs
  return { operationId, dueEpochMs, decideByEpochMs, settleMs, confirms, origin: originOf(alert), notices: [] }
}

function effectOf(dueEpochMs: number, watch: Watch | undefined, nowEpochMs: number): Effect {
  return watch === undefined ? unknownEffect(dueEpochMs, nowEpochMs) : pendingEffect(dueEpochMs, watch.decideByEpochMs)
}

function afterMsOf({ after }: QueuedAlert): number {
  return after?.ms ?? DEFAULT_AFTER_MS
}

type Facts = Pick<DecisionFacts, 'outcome' | 'operation' | 'recorded' | 'failure' | 'sent' | 'delayMs'>

/** One delivery and the few ways in which it ends. Each says so in exactly one audit event, when it is certain. */
interface Story {
  /** A defect is told like every other end, and ends nothing: the message comes back. */
  reportDefects(work: () => Promise<void>): Promise<void>
  audit(facts: Facts): void
  /** What is known of pauses: the event names the pause that decides, or says that they could not be read. */
  heed(found: PauseFound): void
  tellEffects(decided: readonly Decided[] | undefined): void
  /** Stores the message that decides when the sender has been silent. False: it is not certain that it is stored. */
  askForVerdict(watch: Watch): Promise<boolean>
  duplicate(operation: StoredOperation | undefined): void
  /** Ends the operation without a lease: nothing was sent for it here. */
  finish(change: Transition, failure?: RecordedFailure): Promise<void>
  /** Ends the operation under the lease. */
  end(lease: Lease, change: Transition, failure: RecordedFailure | undefined, forwarded?: Forwarded): Promise<void>
  /** `deliverWithin` has passed. */
  expire(lease: Lease, trouble?: DeliveryTrouble, forwarded?: Forwarded): Promise<void>
  /** ARM accepted. */
  accepted(lease: Lease, forwarded: Forwarded, dueEpochMs: number): Promise<void>
  /** ARM did not accept, or was not asked: ends the operation where that is final, else stores the next message and releases. */
  retryLater(lease: Lease, trouble: DeliveryTrouble, forwarded?: Forwarded, retryAfterMs?: number): Promise<void>
  comesBack(failure: RecordedFailure): void
}

function tell(alert: QueuedAlert, ports: DeliveryPorts): Story {
  const { operations, enqueue, describe, clock, deliverWithin } = ports
  const startedAtEpochMs = clock.now()
  const { trigger, tries, generation } = alert
  let heeded: Pick<DecisionFacts, 'pauseId' | 'pausesUnread'> = {}

  const story: Story = {
    heed: (found) => (heeded = toPauseFacts(found)),

    audit: (facts) =>
      ports.audit({
        ...facts,
        ...heeded,
        mode: modeOf(alert, ports),
        ...idsOf(alert),
        caller: webhookCaller(trigger.webhook),
        trigger,
        backend: alert.backend.resourceId,
        tries,
        durationMs: clock.now() - startedAtEpochMs,
      }),

    async reportDefects(work) {
      try {
        await work()
      } catch (error) {
        if (error instanceof MessageComesBack) throw error
        const failure = { reason: 'defect', detail: describeError(error) } as const
        story.audit({ outcome: 'failed', operation: alert.operation, failure, delayMs: COMES_BACK_AFTER_MS })
        throw new MessageComesBack('a defect of this app', { cause: error })
      }
    },

    tellEffects(decided = []) {
      for (const one of decided) ports.auditEffect({ backend: alert.backend.resourceId, decided: one })
    },

    async askForVerdict({ decideByEpochMs }) {
      const delayMs = Math.min(MAX_HIDDEN_MS, Math.max(0, decideByEpochMs - clock.now()) + ASK_AFTER_MS)
      const stored = await within(enqueue({ ...alert, judges: true }, delayMs), ASK_WITHIN_MS, clock)
      return stored !== TIMED_OUT && stored.ok
    },

    duplicate: (operation) => story.audit({ outcome: 'duplicate', operation: operation ?? alert.operation }),

    async finish(change, failure) {
      const end: RowEnd = await operations.finish(alert.operation.id, alert.operation, (operation) =>
        advance(operation, change, clock.now()),
      )
      switch (end.kind) {
        case 'already_done':
          return story.duplicate(end.operation)
        case 'not_recorded':
          return story.comesBack({ reason: 'storage_unavailable', detail: 'the end could not be written down' })
        case 'recorded':
          return story.audit({ outcome: toOutcome(change), operation: end.operation, ...told(failure) })
      }
    },

    async end(lease, change, failure, forwarded) {
      const operation = advance(lease.operation, change, clock.now())
      const end = await lease.release(operation, { mayHaveActed: forwarded !== undefined && mayHaveActed(forwarded) })
      if (end === 'recorded') return story.audit({ outcome: toOutcome(change), operation, ...told(failure, forwarded) })
      // Another delivery of the operation may be sending (invariant 4), or the end is not stored (invariant 6).
      return story.comesBack(notWritten(end))
    },

    expire(lease, trouble, forwarded) {
      const last = trouble === undefined ? lease.operation.error?.message : (detailOf(trouble) ?? trouble.reason)
      const detail = last ?? 'it was never tried'
      const failure = { reason: 'delivery_expired', deliverWithin: deliverWithin.text, detail } as const
      return story.end(lease, { to: 'abandoned', error: describe(failure), ...sentBy(forwarded) }, failure, forwarded)
    },

    async accepted(lease, forwarded, dueEpochMs) {
      const watch = toWatch(alert, dueEpochMs, ports)
      const effect = effectOf(dueEpochMs, watch, clock.now())
      const change = { to: 'forwarded', dueEpochMs, sent: forwarded, effect } as const
      const operation = advance(lease.operation, change, clock.now())
      // The message first, so that no reconnect is recorded whose verdict nothing would ask for.
      const asked = watch === undefined || (await story.askForVerdict(watch))
      const end = await within(lease.complete(operation, dueEpochMs, watch), RECORD_WITHIN_MS, clock)
      story.tellEffects(lease.decided())
      if (watch !== undefined && !asked) await story.askForVerdict(watch)
      const recorded = end === 'recorded'
      // Nothing is to be sent again: a message carries what could not be written (invariant 6).
      const { attempts, ambiguous, arm } = forwarded
      const sent = {
        ownerToken: lease.ownerToken,
        dueEpochMs,
        attempts,
        ambiguous,
        ...(arm === undefined ? {} : { arm }),
      }
      const carried = recorded || (await enqueue({ ...alert, sent }, OUTCOME_MESSAGE_DELAY_MS)).ok
      story.audit({ outcome: 'forwarded', operation, recorded, sent: forwarded })
      if (!carried)
        throw new MessageComesBack('ARM accepted, and neither the outcome nor a message of it could be stored')
    },

    async retryLater(lease, trouble, forwarded, retryAfterMs) {
      const decision = decideDelivery(trouble, {
        acceptedAtEpochMs: alert.acceptedAtEpochMs,
        nowEpochMs: clock.now(),
        deliverWithinMs: deliverWithin.ms,
        tries,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
        random: ports.random(),
      })
      if (decision.kind === 'abandoned') return story.expire(lease, trouble, forwarded)
      const error = describe(trouble)
      if (decision.kind === 'failed')
        return story.end(lease, { to: 'failed', error, ...sentBy(forwarded) }, trouble, forwarded)

      const { delayMs } = decision
      // The next message first, then the release, then the host deletes this message (invariant 5).
      const next = { ...alert, generation: generation + 1, tries: tries + (forwarded === undefined ? 0 : 1) }
      const stored = await enqueue(next, delayMs)
      // Not certain: this message stays the latest known. It and its copies wait until a late one has arrived, so that they do not multiply.
      const notBeforeEpochMs = clock.now() + Math.max(delayMs, LATE_MESSAGE_MS)
      const waiting = stored.ok ? { generation: next.generation } : { generation, notBeforeEpochMs }
      const operation = advance(
        lease.operation,
        { to: 'waiting', error, ...sentBy(forwarded), ...waiting },
        clock.now(),
      )
      await lease.release(operation, { mayHaveActed: forwarded !== undefined && mayHaveActed(forwarded) })
      story.audit({ outcome: 'deferred', operation, delayMs, ...told(trouble, forwarded) })
      if (!stored.ok) throw new MessageComesBack(`the next message could not be stored: ${stored.error}`)
    },

    comesBack(failure) {
      const isOver = clock.now() >= alert.acceptedAtEpochMs + deliverWithin.ms + GRACE_MS
      if (!isOver) {
        story.audit({ outcome: 'deferred', operation: alert.operation, failure, delayMs: COMES_BACK_AFTER_MS })
        throw new MessageComesBack(failure.reason)
      }
      const detail = detailOf(failure) ?? failure.reason
      const expired = { reason: 'delivery_expired', deliverWithin: deliverWithin.text, detail } as const
      story.audit({ outcome: 'abandoned', operation: alert.operation, recorded: false, failure: expired })
    },
  }
  return story
}

function toOutcome({ to }: Transition): DecisionFacts['outcome'] {
  switch (to) {
    case 'waiting':
    case 'sending':
      return 'deferred'
    case 'forwarded':
    case 'joined':
    case 'failed':
    case 'dry-run':
    case 'exhausted':
    case 'abandoned':
      return to
  }
}

function notWritten(end: Exclude<LeaseEnd, 'recorded'>): RecordedFailure {
  return end === 'lost'
    ? { reason: 'in_flight_elsewhere' }
    : { reason: 'storage_unavailable', detail: 'the end could not be written down' }
}

function told(failure: RecordedFailure | undefined, forwarded?: Forwarded): Pick<Facts, 'failure' | 'sent'> {
  return { ...(failure === undefined ? {} : { failure }), ...sentBy(forwarded) }
}

function sentBy(forwarded: Forwarded | undefined): { readonly sent?: Forwarded } {
  return forwarded === undefined ? {} : { sent: forwarded }
}
