import { randomUUID } from 'node:crypto'
import { DEFAULT_AFTER_MS } from '../domain/duration.ts'
import type { Decided, Watch } from '../domain/effect.ts'
import { advance, type Scheduled, type StoredOperation } from '../domain/operation.ts'
import type { OperationId } from '../domain/operation-id.ts'
import type { AuthorizedReconnect } from '../policy/authorize.ts'
import type { Coordinator, DeliveryTurn, Lease, LookedAt, RequestTurn } from '../reconnect/ports.ts'
import { createCircuitBreaker, type CircuitBreaker } from '../shared/circuit-breaker.ts'
import type { Clock } from '../shared/clock.ts'
import type { Deadline } from '../shared/deadline.ts'
import { TIMED_OUT, within } from '../shared/within.ts'
import { partitionKeyOf } from '../storage/keys.ts'
import { StorageFault, type BackendStore } from '../storage/store.ts'
import { createLeases, LEASE_MARGIN_MS, type SharedLease } from './lease.ts'
import { createSingleFlight } from './single-flight.ts'
import { covers, decideSlot, type AlertLimit, type AlertSend, type Ask, type Slot } from './slot.ts'
import { endStreak, watchAccepted, watchFiring, watchTime, type Moved } from './slot-effects.ts'

/** After a request found storage away on the slot's own path, twice in a row, no other one waits for it for so long. */
const OPEN_MS = 5_000
/** Requests of this process wait so long for a result to be written down before they go on with it. */
const WAIT_FOR_RECORD_MS = 1_000
/** Backends whose last reconnect is remembered for the time while storage is away; the oldest are forgotten first. */
const MAX_REMEMBERED = 10_000
/** Requests that come so soon after a look at the slot share it, as those do that come while it runs: an answer of storage may be as old. */
const SHARED_LOOK_MS = 20

/** What a request brought back for those that waited for it. */
interface Brought {
  readonly scheduled: Scheduled
  /** ARM accepted it while they waited. Otherwise it was only found. */
  readonly isNew: boolean
  /** An alert brought it. */
  readonly isAlert: boolean
}
type Leave = (brought?: Brought) => void

/** What a look at the slot found scheduled. */
interface Look {
  readonly scheduled: Scheduled
  readonly beganAtEpochMs: number
}

export interface CoordinatorOptions {
  readonly store: BackendStore
  readonly clock: Clock
  /** How long a request may take; the lease of its holder outlives it. */
  readonly deadlineMs: number
  readonly limit: AlertLimit
  /** Of the slot's own path; {@link createSlotBreaker} makes it. */
  readonly breaker: CircuitBreaker
  /** So many verdicts `not-recovered` in a row end the alerts of a backend. */
  readonly notHelpingLimit: number
  /** What was written with the slot; its copy for lists is made in the background. */
  readonly copy: (operation: StoredOperation) => void
  /** The same for what is about to be sent: its end is likely to follow within moments. */
  readonly copyLater: (operation: StoredOperation) => void
  /** The row of this operation has a verdict now: its copy for lists is made again in the background. */
  readonly copyAgain: (id: OperationId) => void
  readonly random?: () => number
}

export function createSlotBreaker(clock: Clock): CircuitBreaker {
  return createCircuitBreaker({ clock, openAfterFaults: 1, openMs: OPEN_MS })
}

/**
 * One reconnect per backend (contract, section 6): first among the requests of this process, then among all instances. While storage is away
 * it still applies within this process to people and tools; deliveries of alerts wait until storage is back.
 */
export function createCoordinator(options: CoordinatorOptions): Coordinator {
  const { store, clock, deadlineMs, limit, notHelpingLimit, breaker, random = Math.random } = options
  const { copy, copyLater, copyAgain } = options
  const flights = createSingleFlight<Brought>(clock)
  const leases = createLeases({
    store,
    breaker,
    clock,
    leaseMs: deadlineMs + LEASE_MARGIN_MS,
    createToken: randomUUID,
    random,
  })
  /** Used only while storage cannot be asked. */
  const remembered = new Map<string, Scheduled>()
  const looks = new Map<string, Look>()

  function remember<T>(into: Map<string, T>, key: string, value: T): void {
    into.delete(key)
    into.set(key, value)
    if (into.size > MAX_REMEMBERED) into.delete(into.keys().next().value as string)
  }

  /** What another request of this process has just read in the slot. */
  function justSeen(key: string): Scheduled | undefined {
    const look = looks.get(key)
    if (look === undefined) return undefined
    const ageMs = clock.now() - look.beganAtEpochMs
    if (ageMs >= 0 && ageMs <= SHARED_LOOK_MS) return look.scheduled
    looks.delete(key)
    return undefined
  }

  function askFor(permit: AuthorizedReconnect, sinceEpochMs: number, alert?: Pick<Ask, 'limit' | 'ownOperation'>) {
    const { after, force } = permit.command
    const afterMs = after?.ms ?? DEFAULT_AFTER_MS
    return (waitedFor: OperationId | undefined): Ask => {
      const nowEpochMs = clock.now()
      return {
        nowEpochMs,
        sinceEpochMs: Math.min(sinceEpochMs, nowEpochMs),
        wantedByEpochMs: nowEpochMs + afterMs,
        force,
        ...(waitedFor === undefined ? {} : { waitedFor }),
        ...(alert === undefined ? {} : { ...alert, notHelpingLimit }),
      }
    }
  }

  const sendingUnder =
    (begun: StoredOperation, generation?: number) =>
    (from: StoredOperation | undefined, ownerToken: string): StoredOperation =>
      advance(
        from ?? begun,
        { to: 'sending', ownerToken, ...(generation === undefined ? {} : { generation }) },
        clock.now(),
      )

  /** What a request tells of earlier reconnects: that time has passed, and of an alert, that it fires. */
  function observe(slot: Slot, row: StoredOperation | undefined): Moved {
    const timed = watchTime(slot, clock.now())
    // Only the row tells that an alert fired: its message could be anyone's who may write to the queue.
    if (row?.firing === undefined || row.trigger.kind !== 'webhook') return timed
    const { alertId } = row.trigger
    const firing = { ...row.firing, ...(alertId === undefined ? {} : { alertId }) }
    const fired = watchFiring(timed.slot, firing, clock.now())
    return { slot: fired.slot, decided: [...timed.decided, ...fired.decided] }
  }

  function copyVerdicts(decided: readonly Decided[] = []): readonly Decided[] {
    for (const { operationId } of decided) copyAgain(operationId)
    return decided
  }

  /** For a request that joined a reconnect of an alert within this process, without a look at storage. Tried once, in the background. */
  async function endStreakLater(key: string): Promise<void> {
    if (breaker.isOpen()) return
    const slot = await store.readSlot(partitionKeyOf(key))
    if (slot.value.notHelping === undefined) return
    await store.commit(partitionKeyOf(key), { slot: { from: slot, to: endStreak(slot.value) } })
  }

  /** A lease of all instances, as the stories use it. */
  function toLease(shared: SharedLease, key: string, leave: Leave, isAlert: boolean): Lease {
    const send = (): AlertSend => ({ atEpochMs: clock.now(), limit })
    copyLater(shared.operation)
    looks.delete(key)
    return {
      ownerToken: shared.ownerToken,
      operation: shared.operation,
      async complete(operation, dueEpochMs, watch) {
        const scheduled = { operationId: operation.id, dueEpochMs }
        remember(remembered, key, scheduled)
        copy(operation)
        const end = shared.complete(operation, scheduled, isAlert ? send() : undefined, settleWith(isAlert, watch))
        await within(end, WAIT_FOR_RECORD_MS, clock)
        leave({ scheduled, isNew: true, isAlert })
        return end
      },
      async release(operation, { mayHaveActed }) {
        copy(operation)
        const end = await shared.release(operation, isAlert && mayHaveActed ? send() : undefined)
        leave()
        return end
      },
      decided: () => copyVerdicts(shared.decided()),
      leave: () => leave(),
    }
  }

  const settleWith =
    (isAlert: boolean, watch: Watch | undefined) =>
    (slot: Slot): Moved =>
      watchAccepted(slot, { nowEpochMs: clock.now(), isAlert, ...(watch === undefined ? {} : { watch }) })

  /** Storage cannot be asked: the other requests of this process still wait for this one. */
  function toProcessLease(operation: StoredOperation, key: string, leave: Leave): Lease {
    return {
      ownerToken: '',
      operation,
      async complete({ id }, dueEpochMs) {
        const scheduled = { operationId: id, dueEpochMs }
        remember(remembered, key, scheduled)
        leave({ scheduled, isNew: true, isAlert: false })
        return 'not_recorded'
      },
      async release() {
        leave()
        return 'not_recorded'
      },
      decided: () => [],
      leave: () => leave(),
    }
  }

  return {
    async acquireForRequest(permit, operation, deadline): Promise<RequestTurn> {
      const { backend, after } = permit.command
      const ask = askFor(permit, Date.parse(operation.requestedAt))
      const seen = justSeen(backend.key)
      if (seen !== undefined && covers(seen, ask(undefined))) return { kind: 'joined', scheduled: seen }
      for (;;) {
        const entered = await flights.enter(backend.key, deadline)
        if (entered.kind === 'timed_out') return { kind: 'busy' }
        if (entered.kind === 'waited') {
          if (entered.result === undefined) continue
          const { scheduled, isNew, isAlert } = entered.result
          if (!covers(scheduled, ask(isNew ? scheduled.operationId : undefined))) continue
          if (isAlert) endStreakLater(backend.key).catch(() => undefined)
          return { kind: 'joined', scheduled }
        }
        const leave: Leave = (brought) => entered.leave(brought)
        const beganAtEpochMs = clock.now()
        const leased = await leases
          .acquire({
            partitionKey: partitionKeyOf(backend.key),
            sending: sendingUnder(operation),
            ask,
            afterMs: after?.ms ?? DEFAULT_AFTER_MS,
            deadline,
            observe,
            onJoin: endStreak,
          })
          .catch((defect: unknown) => {
            leave()
            throw defect
          })
        const decided = copyVerdicts(leased.decided)
        switch (leased.kind) {
          case 'lease':
            return { kind: 'lease', lease: toLease(leased.lease, backend.key, leave, false), ...told(decided) }
          case 'joined':
            remember(looks, backend.key, { scheduled: leased.scheduled, beganAtEpochMs })
            leave({ scheduled: leased.scheduled, isNew: leased.waited, isAlert: false })
            return { kind: 'joined', scheduled: leased.scheduled, ...told(decided) }
          case 'storage_unavailable': {
            const known = remembered.get(backend.key)
            if (known === undefined || !covers(known, ask(undefined)))
              return { kind: 'lease', lease: toProcessLease(operation, backend.key, leave) }
            leave({ scheduled: known, isNew: false, isAlert: false })
            return { kind: 'joined', scheduled: known }
          }
          case 'busy':
          case 'limit_reached':
          case 'not_helping':
          case 'already_done':
            // The last three are answers to messages of the queue only.
            leave()
            return { kind: 'busy' }
        }
      }
    },

    async acquireForDelivery(permit, { operation, generation }, deadline): Promise<DeliveryTurn> {
      const { backend, after } = permit.command
      const entered = await goAhead(backend.key, deadline)
      if (entered === undefined) return { kind: 'busy' }
      const leave: Leave = (brought) => entered.leave(brought)
      try {
        const leased = await leases.acquire({
          partitionKey: partitionKeyOf(backend.key),
          sending: sendingUnder(operation, generation),
          ask: askFor(permit, Date.parse(operation.requestedAt), { limit, ownOperation: operation.id }),
          afterMs: after?.ms ?? DEFAULT_AFTER_MS,
          deadline,
          message: { operationId: operation.id, generation },
          observe,
        })
        const decided = copyVerdicts(leased.decided)
        if (leased.kind === 'lease')
          return { kind: 'lease', lease: toLease(leased.lease, backend.key, leave, true), ...told(decided) }
        if (leased.kind !== 'joined') {
          leave()
          return leased
        }
        const { scheduled, waited } = leased
        leave({ scheduled, isNew: waited, isAlert: true })
        return { kind: 'joined', scheduled, ...told(decided) }
      } catch (defect) {
        leave()
        throw defect
      }
    },

    async recordSent(backend, begun, { ownerToken, dueEpochMs }, change, watch) {
      const scheduled = { operationId: begun.id, dueEpochMs }
      const send = { atEpochMs: clock.now(), limit }
      try {
        const settle = settleWith(true, watch)
        const later = { id: begun.id, scheduled, send, settle }
        const end = await leases.completeLater(partitionKeyOf(backend.key), ownerToken, change, later)
        copyVerdicts(end.decided)
        return end
      } catch (fault) {
        if (!(fault instanceof StorageFault)) throw fault
        return { kind: 'not_recorded' }
      }
    },

    async look(permit, sinceEpochMs, deadline): Promise<LookedAt> {
      if (breaker.isOpen()) return { kind: 'unknown' }
      const slot = await within(
        store.readSlot(partitionKeyOf(permit.command.backend.key)).catch(() => undefined),
        deadline.remainingMs() / 4,
        clock,
      )
      if (slot === TIMED_OUT || slot === undefined) return { kind: 'unknown' }
      const ask = askFor(permit, sinceEpochMs)
      const decision = decideSlot(slot.value, ask(undefined))
      switch (decision.kind) {
        case 'join':
          return { kind: 'join', dueEpochMs: decision.scheduled.dueEpochMs }
        case 'wait': {
          // A request would wait for its result, and join that or not.
          const { operationId, earliestDueEpochMs: dueEpochMs } = decision.inFlight
          return covers({ operationId, dueEpochMs }, ask(operationId))
            ? { kind: 'join', dueEpochMs }
            : { kind: 'forward' }
        }
        case 'free':
        case 'limit_reached':
        case 'not_helping':
          return { kind: 'forward' }
      }
    },
  }

  /** Deliveries read storage for themselves: what another request of this process brought back may be older than their message. */
  async function goAhead(key: string, deadline: Deadline) {
    for (;;) {
      const entered = await flights.enter(key, deadline)
      if (entered.kind === 'leader') return entered
      if (entered.kind === 'timed_out') return undefined
    }
  }
}

function told(decided: readonly Decided[]): { readonly decided?: readonly Decided[] } {
  return decided.length === 0 ? {} : { decided }
}
