import { decideDelivery, type DeliveryTrouble } from '../delivery/decide-delivery.ts'
import { webhookCaller } from '../domain/caller.ts'
import type { DecisionFacts } from '../domain/decision.ts'
import { DEFAULT_AFTER_MS } from '../domain/duration.ts'
import { pendingEffect, unknownEffect, type Decided, type Effect, type Watch } from '../domain/effect.ts'
import { detailOf, type RecordedFailure } from '../domain/failure.ts'
import type { Mode } from '../domain/mode.ts'
import { advance, type StoredOperation, type Transition } from '../domain/operation.ts'
import type { QueuedAlert } from '../domain/queued-alert.ts'
import { modeOfWebhook } from '../policy/webhook-mode.ts'
import { describeError } from '../shared/describe-error.ts'
import { TIMED_OUT, within } from '../shared/within.ts'
import type { DeliveryPorts } from './delivery-ports.ts'
import { MAX_HIDDEN_MS, originOf } from './judge-effect.ts'
import { mayHaveActed } from './may-have-acted.ts'
import { MessageComesBack } from './message-comes-back.ts'
import { toPauseFacts } from './pause-facts.ts'
import type { PauseFound } from './operator-ports.ts'
import type { Forwarded, Lease, LeaseEnd, RequestIds, RowEnd } from './ports.ts'

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

type Facts = Pick<DecisionFacts, 'outcome' | 'operation' | 'recorded' | 'failure' | 'sent' | 'delayMs'>

/** One delivery and the few ways in which it ends. Each says so in exactly one audit event, when it is certain. */
export interface DeliveryEnds {
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

export function createDeliveryEnds(alert: QueuedAlert, ports: DeliveryPorts): DeliveryEnds {
  const { operations, enqueue, describe, clock, deliverWithin } = ports
  const startedAtEpochMs = clock.now()
  const { trigger, tries, generation } = alert
  let heeded: Pick<DecisionFacts, 'pauseId' | 'pausesUnread'> = {}

  const ends: DeliveryEnds = {
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
        ends.audit({ outcome: 'failed', operation: alert.operation, failure, delayMs: COMES_BACK_AFTER_MS })
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

    duplicate: (operation) => ends.audit({ outcome: 'duplicate', operation: operation ?? alert.operation }),

    async finish(change, failure) {
      const end: RowEnd = await operations.finish(alert.operation.id, alert.operation, (operation) =>
        advance(operation, change, clock.now()),
      )
      switch (end.kind) {
        case 'already_done':
          return ends.duplicate(end.operation)
        case 'not_recorded':
          return ends.comesBack({ reason: 'storage_unavailable', detail: 'the end could not be written down' })
        case 'recorded':
          return ends.audit({ outcome: toOutcome(change), operation: end.operation, ...told(failure) })
      }
    },

    async end(lease, change, failure, forwarded) {
      const operation = advance(lease.operation, change, clock.now())
      const end = await lease.release(operation, { mayHaveActed: forwarded !== undefined && mayHaveActed(forwarded) })
      if (end === 'recorded') return ends.audit({ outcome: toOutcome(change), operation, ...told(failure, forwarded) })
      // Another delivery of the operation may be sending (invariant 4), or the end is not stored (invariant 6).
      return ends.comesBack(notWritten(end))
    },

    expire(lease, trouble, forwarded) {
      const last = trouble === undefined ? lease.operation.error?.message : (detailOf(trouble) ?? trouble.reason)
      const detail = last ?? 'it was never tried'
      const failure = { reason: 'delivery_expired', deliverWithin: deliverWithin.text, detail } as const
      return ends.end(lease, { to: 'abandoned', error: describe(failure), ...sentBy(forwarded) }, failure, forwarded)
    },

    async accepted(lease, forwarded, dueEpochMs) {
      const watch = toWatch(alert, dueEpochMs, ports)
      const effect = effectOf(dueEpochMs, watch, clock.now())
      const change = { to: 'forwarded', dueEpochMs, sent: forwarded, effect } as const
      const operation = advance(lease.operation, change, clock.now())
      // The message first, so that no reconnect is recorded whose verdict nothing would ask for.
      const asked = watch === undefined || (await ends.askForVerdict(watch))
      const end = await within(lease.complete(operation, dueEpochMs, watch), RECORD_WITHIN_MS, clock)
      ends.tellEffects(lease.decided())
      if (watch !== undefined && !asked) await ends.askForVerdict(watch)
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
      ends.audit({ outcome: 'forwarded', operation, recorded, sent: forwarded })
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
      if (decision.kind === 'abandoned') return ends.expire(lease, trouble, forwarded)
      const error = describe(trouble)
      if (decision.kind === 'failed')
        return ends.end(lease, { to: 'failed', error, ...sentBy(forwarded) }, trouble, forwarded)

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
      ends.audit({ outcome: 'deferred', operation, delayMs, ...told(trouble, forwarded) })
      if (!stored.ok) throw new MessageComesBack(`the next message could not be stored: ${stored.error}`)
    },

    comesBack(failure) {
      const isOver = clock.now() >= alert.acceptedAtEpochMs + deliverWithin.ms + GRACE_MS
      if (!isOver) {
        ends.audit({ outcome: 'deferred', operation: alert.operation, failure, delayMs: COMES_BACK_AFTER_MS })
        throw new MessageComesBack(failure.reason)
      }
      const detail = detailOf(failure) ?? failure.reason
      const expired = { reason: 'delivery_expired', deliverWithin: deliverWithin.text, detail } as const
      ends.audit({ outcome: 'abandoned', operation: alert.operation, recorded: false, failure: expired })
    },
  }
  return ends
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

/** The policy of the moment decides, also about alerts that were accepted before the webhook was set to `dry-run`. */
export function modeOf({ trigger }: QueuedAlert, { mode, webhooks }: DeliveryPorts): Mode {
  return modeOfWebhook(mode, webhooks.get(trigger.webhook) ?? {})
}

export function idsOf({ correlationId, traceparent }: QueuedAlert): RequestIds {
  return { correlationId, ...(traceparent === undefined ? {} : { traceparent }) }
}

/** How the verdict is found on a reconnect that ARM accepted. Undefined: nothing will be known of it. */
export function toWatch(alert: QueuedAlert, dueEpochMs: number, { effectSettings }: DeliveryPorts): Watch | undefined {
  const settings = effectSettings.get(alert.trigger.webhook)
  if (settings === undefined || !settings.tells) return undefined
  const { confirmWithinMs, settleMs, confirms } = settings
  const { id: operationId } = alert.operation
  const decideByEpochMs = dueEpochMs + confirmWithinMs
  return { operationId, dueEpochMs, decideByEpochMs, settleMs, confirms, origin: originOf(alert), notices: [] }
}

export function effectOf(dueEpochMs: number, watch: Watch | undefined, nowEpochMs: number): Effect {
  return watch === undefined ? unknownEffect(dueEpochMs, nowEpochMs) : pendingEffect(dueEpochMs, watch.decideByEpochMs)
}

export function afterMsOf({ after }: QueuedAlert): number {
  return after?.ms ?? DEFAULT_AFTER_MS
}
