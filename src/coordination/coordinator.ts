import { randomUUID } from 'node:crypto'
import { DEFAULT_AFTER_MS } from '../domain/duration.ts'
import type { Decided } from '../domain/effect.ts'
import { advance, type StoredOperation } from '../domain/operation.ts'
import type { OperationId } from '../domain/operation-id.ts'
import type { AuthorizedReconnect } from '../policy/authorize.ts'
import type { Coordinator, DeliveryTurn, LookedAt, RequestTurn } from '../reconnect/ports.ts'
import { createCircuitBreaker, type CircuitBreaker } from '../shared/circuit-breaker.ts'
import type { Clock } from '../shared/clock.ts'
import type { Deadline } from '../shared/deadline.ts'
import { TIMED_OUT, within } from '../shared/within.ts'
import { partitionKeyOf } from '../storage/keys.ts'
import { StorageFault, type BackendStore } from '../storage/store.ts'
import { createHeldLeases, type Ahead, type Brought, type Copies } from './held-lease.ts'
import { createLeases, LEASE_MARGIN_MS } from './lease.ts'
import { createRecent } from './recent.ts'
import { createSingleFlight, type Entered } from './single-flight.ts'
import { covers, decideSlot, type AlertLimit, type Ask, type Slot } from './slot.ts'
import { endStreak, watchFiring, watchTime, type Moved } from './slot-effects.ts'

/** After a request found storage away on the slot's own path, twice in a row, no other one waits for it for so long. */
const OPEN_MS = 5_000

export interface CoordinatorOptions extends Copies {
  readonly store: BackendStore
  readonly clock: Clock
  /** How long a request may take; the lease of its holder outlives it. */
  readonly deadlineMs: number
  readonly limit: AlertLimit
  /** Of the slot's own path; {@link createSlotBreaker} makes it. */
  readonly breaker: CircuitBreaker
  /** So many verdicts `not-recovered` in a row end the alerts of a backend. */
  readonly notHelpingLimit: number
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
  const flights = createSingleFlight<Brought>(clock)
  const leases = createLeases({
    store,
    breaker,
    clock,
    leaseMs: deadlineMs + LEASE_MARGIN_MS,
    createToken: randomUUID,
    random,
  })
  const recent = createRecent(clock)
  const held = createHeldLeases({ ...options, recent })
  const { copyVerdicts } = held

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

  /** For a request that joined a reconnect of an alert within this process, without a look at storage. Tried once, in the background. */
  async function endStreakLater(key: string): Promise<void> {
    if (breaker.isOpen()) return
    const slot = await store.readSlot(partitionKeyOf(key))
    if (slot.value.notHelping === undefined) return
    await store.commit(partitionKeyOf(key), { slot: { from: slot, to: endStreak(slot.value) } })
  }

  return {
    async acquireForRequest(permit, operation, deadline): Promise<RequestTurn> {
      const { backend, after } = permit.command
      const ask = askFor(permit, Date.parse(operation.requestedAt))
      const seen = recent.justSeen(backend.key)
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
        const ahead = aheadOf(entered, backend.key)
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
            ahead.leave()
            throw defect
          })
        const decided = copyVerdicts(leased.decided)
        switch (leased.kind) {
          case 'lease':
            return { kind: 'lease', lease: held.ofAllInstances(leased.lease, ahead, false), ...told(decided) }
          case 'joined':
            recent.saw(backend.key, leased.scheduled, beganAtEpochMs)
            ahead.leave({ scheduled: leased.scheduled, isNew: leased.waited, isAlert: false })
            return { kind: 'joined', scheduled: leased.scheduled, ...told(decided) }
          case 'storage_unavailable': {
            const known = recent.sent.get(backend.key)
            if (known === undefined || !covers(known, ask(undefined)))
              return { kind: 'lease', lease: held.ofThisProcess(operation, ahead) }
            ahead.leave({ scheduled: known, isNew: false, isAlert: false })
            return { kind: 'joined', scheduled: known }
          }
          case 'busy':
          case 'limit_reached':
          case 'not_helping':
          case 'already_done':
            // The last three are answers to messages of the queue only.
            ahead.leave()
            return { kind: 'busy' }
        }
      }
    },

    async acquireForDelivery(permit, { operation, generation }, deadline): Promise<DeliveryTurn> {
      const { backend, after } = permit.command
      const ahead = await goAhead(backend.key, deadline)
      if (ahead === undefined) return { kind: 'busy' }
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
          return { kind: 'lease', lease: held.ofAllInstances(leased.lease, ahead, true), ...told(decided) }
        if (leased.kind !== 'joined') {
          ahead.leave()
          return leased
        }
        const { scheduled, waited } = leased
        ahead.leave({ scheduled, isNew: waited, isAlert: true })
        return { kind: 'joined', scheduled, ...told(decided) }
      } catch (defect) {
        ahead.leave()
        throw defect
      }
    },

    async recordSent(backend, begun, { ownerToken, dueEpochMs }, change, watch) {
      const scheduled = { operationId: begun.id, dueEpochMs }
      const send = { atEpochMs: clock.now(), limit }
      try {
        const settle = held.settleWith(true, watch)
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
  async function goAhead(key: string, deadline: Deadline): Promise<Ahead | undefined> {
    for (;;) {
      const entered = await flights.enter(key, deadline)
      if (entered.kind === 'leader') return aheadOf(entered, key)
      if (entered.kind === 'timed_out') return undefined
    }
  }
}

function told(decided: readonly Decided[]): { readonly decided?: readonly Decided[] } {
  return decided.length === 0 ? {} : { decided }
}

function aheadOf({ leave }: Extract<Entered<Brought>, { kind: 'leader' }>, key: string): Ahead {
  return { key, leave: (brought) => leave(brought) }
}
