import { isOvertaken, isTooEarly, toMinimal, type Scheduled, type StoredOperation } from '../domain/operation.ts'
import type { OperationId } from '../domain/operation-id.ts'
import type { Decided } from '../domain/effect.ts'
import type { LeaseEnd } from '../reconnect/ports.ts'
import type { CircuitBreaker } from '../shared/circuit-breaker.ts'
import type { Clock } from '../shared/clock.ts'
import type { Deadline } from '../shared/deadline.ts'
import { TIMED_OUT, within } from '../shared/within.ts'
import { StorageFault, type BackendStore, type Committed, type Versioned } from '../storage/store.ts'
import { createLeaseEnds, settled, type LeaseChange } from './end-lease.ts'
import { findApplied } from './find-applied.ts'
import { complete, decideSlot, release, takeLease, type AlertSend, type Ask, type Slot } from './slot.ts'
import type { Moved } from './slot-effects.ts'

/** The lease outlives the deadline of its holder by this much: nothing is sent on a lease that has ended (invariant 1). */
export const LEASE_MARGIN_MS = 15_000
/** Between two looks at a slot that another one holds. */
const POLL_MS = 250
const MAX_POLL_MS = 1_000
/** Of the time left, for one call to storage. With the default deadline storage's own limit is shorter. */
const CALL_SHARE = 0.25
const MIN_CALL_MS = 50
/** Storage that failed this often in a row is away for this request, and for the next ones. */
const MAX_FAULTS = 2
/** A short disturbance is over by then. */
const FAULT_PAUSE_MS = 100
/** Each conflict means that another one got on. So many in a row are no reason to call storage away: the request has waited in vain. */
const MAX_CONFLICTS = 50

export interface LeaseRequest {
  readonly partitionKey: string
  /** As it is written when the lease is taken. */
  readonly sending: (from: StoredOperation | undefined, ownerToken: string) => StoredOperation
  readonly ask: (waitedFor: OperationId | undefined) => Ask
  /** No reconnect of this request is due earlier than this long after the lease was taken. */
  readonly afterMs: number
  readonly deadline: Deadline
  /** Of a queue message: its operation exists already, and may be over. */
  readonly message?: { readonly operationId: OperationId; readonly generation: number }
  /**
   * What this request tells about the reconnects that are watched. It is written in the transaction that takes the lease; where none is taken,
   * in one of its own, only if there is something to write. It never decides whether a reconnect is sent, but for `not_helping`.
   */
  readonly observe?: (slot: Slot, row: StoredOperation | undefined) => Moved
  /** Written where the request joins. */
  readonly onJoin?: (slot: Slot) => Slot
}

export type Leased = LeasedAs & {
  /** Verdicts that exist now because of this request. */
  readonly decided?: readonly Decided[]
}

type LeasedAs =
  | { readonly kind: 'lease'; readonly lease: SharedLease }
  /** `waited`: its result came while this request waited for it. */
  | { readonly kind: 'joined'; readonly scheduled: Scheduled; readonly waited: boolean }
  /** Another request was in flight until the time ran out. */
  | { readonly kind: 'busy' }
  | { readonly kind: 'limit_reached' }
  | { readonly kind: 'not_helping' }
  /** The operation has ended, or a later message stands for it. */
  | { readonly kind: 'already_done'; readonly operation: StoredOperation | undefined }
  | { readonly kind: 'storage_unavailable'; readonly detail: string }

/** The right to send one reconnect for a backend, until the lease ends by itself (invariant 12). */
export interface SharedLease {
  readonly ownerToken: string
  /** The operation as it was written with the lease. */
  readonly operation: StoredOperation
  /** ARM accepted: what is scheduled now, the operation and what `settle` decides are written in one transaction. */
  complete(
    operation: StoredOperation,
    scheduled: Scheduled,
    send?: AlertSend,
    settle?: (slot: Slot) => Moved,
  ): Promise<LeaseEnd>
  /** ARM refused, or the outcome is unknown, or nothing was sent. */
  release(operation: StoredOperation, send?: AlertSend): Promise<LeaseEnd>
  /** Verdicts that exist since `complete` was recorded. */
  decided(): readonly Decided[]
}

export interface LeasesOptions {
  readonly store: BackendStore
  /** Of the slot's own path: a fault of anything else never opens it. */
  readonly breaker: CircuitBreaker
  readonly clock: Clock
  readonly leaseMs: number
  readonly createToken: () => string
  readonly random: () => number
}

/**
 * One request per backend among all instances: read → decide → compare-and-set → (send) → compare-and-set.
 * docs/coordination.md has the twelve invariants, docs/decisions/006 the state table.
 */
export function createLeases({ store, breaker, clock, leaseMs, createToken, random }: LeasesOptions) {
  const ends = createLeaseEnds({ store, clock, leaseMs, random })

  /** One call of the slot's path, within a share of the time left. What is given up may still be applied. */
  async function timely<T>(call: Promise<T>, deadline: Deadline): Promise<T> {
    const limitMs = Math.max(MIN_CALL_MS, deadline.remainingMs() * CALL_SHARE)
    const answer = await within(call, limitMs, clock)
    if (answer === TIMED_OUT) throw new StorageFault(new Error('storage did not answer in time'))
    breaker.succeeded()
    return answer
  }

  async function acquire(request: LeaseRequest): Promise<Leased> {
    const { partitionKey, deadline, message } = request
    // One token for all attempts: a write that is applied after its time-out is still recognised.
    const ownerToken = createToken()
    let waitedFor: OperationId | undefined
    let conflicts = 0
    let faults = 0
    let polls = 0
    let isRefused = false
    let attempted: readonly Decided[] = []
    let noted: readonly Decided[] = []
    while (deadline.remainingMs() > 0) {
      if (breaker.isOpen()) return { kind: 'storage_unavailable', detail: 'storage failed a moment ago' }
      try {
        const [slot, row] = await timely(read(partitionKey, message?.operationId), deadline)
        // A previous attempt of this request took the lease, and its answer was lost (invariant 2).
        if (slot.value.inFlight?.ownerToken === ownerToken) return leased(request, slot, row, ownerToken, attempted)
        if (message !== undefined && isOver(message, slot.value, row.value))
          return { kind: 'already_done', operation: row.value }
        const ask = request.ask(waitedFor)
        if (
          message !== undefined &&
          row.value !== undefined &&
          isTooEarly(row.value, message.generation, ask.nowEpochMs)
        )
          return { kind: 'busy' }
        const seen: Moved = request.observe?.(slot.value, row.value) ?? { slot: slot.value, decided: [] }
        const decision = decideSlot(seen.slot, ask)
        if (decision.kind === 'join' || decision.kind === 'limit_reached' || decision.kind === 'not_helping') {
          const to = decision.kind === 'join' ? (request.onJoin?.(seen.slot) ?? seen.slot) : seen.slot
          const before = noted.length === 0 ? [] : await timely(findApplied(store, noted), deadline)
          noted = seen.decided
          const kept = await keep(partitionKey, slot, { ...seen, slot: to }, deadline, message !== undefined)
          if (kept === 'conflict' && ++conflicts <= MAX_CONFLICTS) continue
          const told = tell(kept === 'written' ? [...before, ...seen.decided] : before)
          if (decision.kind !== 'join') return { ...decision, ...told }
          const { scheduled } = decision
          return { kind: 'joined', scheduled, waited: scheduled.operationId === waitedFor, ...told }
        }
        if (decision.kind === 'wait') {
          waitedFor = decision.inFlight.operationId
          conflicts = 0
          faults = 0
          const pollMs = Math.min(MAX_POLL_MS, POLL_MS * 2 ** polls++) * (0.5 + random() / 2)
          await clock.sleep(Math.min(pollMs, deadline.remainingMs()), deadline.signal)
          continue
        }
        const { nowEpochMs } = ask
        const wanted = request.sending(row.value, ownerToken)
        const sending = isRefused ? toMinimal(wanted) : wanted
        const taken = takeLease(seen.slot, {
          operationId: sending.id,
          ownerToken,
          leaseUntilEpochMs: nowEpochMs + leaseMs,
          earliestDueEpochMs: nowEpochMs + request.afterMs,
        })
        attempted = seen.decided
        const committed = await timely(
          store.commit(partitionKey, {
            slot: { from: slot, to: taken },
            operation: { from: row, to: sending },
            verdicts: seen.decided,
          }),
          deadline,
        )
        if (committed.kind === 'written')
          return leased(
            request,
            versioned(taken, committed.slotEtag),
            versioned(sending, committed.operationEtag),
            ownerToken,
            seen.decided,
          )
        faults = 0
        if (++conflicts > MAX_CONFLICTS) return { kind: 'busy' }
        await clock.sleep(random() * Math.min(200, 10 * 2 ** Math.min(conflicts, 5)), deadline.signal)
      } catch (fault) {
        if (!(fault instanceof StorageFault)) throw fault
        if (fault.isRefusal && !isRefused) {
          // The row is at fault: it must not keep its operation from the coordination with other instances.
          isRefused = true
          continue
        }
        if (++faults >= MAX_FAULTS) {
          if (!fault.isRefusal) breaker.failed(fault.message)
          return { kind: 'storage_unavailable', detail: fault.message }
        }
        await clock.sleep(Math.min(FAULT_PAUSE_MS, deadline.remainingMs()), deadline.signal)
      }
    }
    return { kind: 'busy' }
  }

  /**
   * Writes what a request tells that takes no lease. For people and tools it is only tried: what is known of effects must not end their
   * request.
   */
  async function keep(
    partitionKey: string,
    from: Versioned<Slot>,
    to: Moved,
    deadline: Deadline,
    isNeeded: boolean,
  ): Promise<Committed['kind'] | 'not_written'> {
    if (to.slot === from.value) return 'not_written'
    try {
      const change = { slot: { from, to: to.slot }, verdicts: to.decided }
      return (await timely(store.commit(partitionKey, change), deadline)).kind
    } catch (fault) {
      if (isNeeded || !(fault instanceof StorageFault)) throw fault
      return 'not_written'
    }
  }

  async function read(partitionKey: string, id: OperationId | undefined): Promise<[Versioned<Slot>, Row]> {
    return Promise.all([store.readSlot(partitionKey), id === undefined ? NO_ROW : store.readOperation(id)])
  }

  function leased(
    request: LeaseRequest,
    slot: Versioned<Slot>,
    row: Row,
    ownerToken: string,
    decided: readonly Decided[],
  ): Leased {
    const operation = row.value ?? request.sending(undefined, ownerToken)
    const ended: Decided[] = []
    const end = (change: Omit<LeaseChange, 'decided'>) =>
      ends.end(request.partitionKey, { slot, row }, { ...change, decided: ended })
    return {
      kind: 'lease',
      ...tell(decided),
      lease: {
        ownerToken,
        operation,
        complete: (to, scheduled, send, settle) =>
          end({ to, next: (from) => settled(complete(from, ownerToken, scheduled, send), settle), mayEndAlone: true }),
        release: (to, send) =>
          end({
            to,
            next: (from) => settled(release(from, ownerToken, send)),
            mayEndAlone: request.message === undefined,
          }),
        decided: () => ended,
      },
    }
  }

  return { acquire, completeLater: ends.completeLater }
}

export type Leases = ReturnType<typeof createLeases>

type Row = Versioned<StoredOperation | undefined>
const NO_ROW: Row = { value: undefined }

function tell(decided: readonly Decided[]): Pick<Leased, 'decided'> {
  return decided.length === 0 ? {} : { decided }
}

/** The operation has ended, a later message stands for it, or its reconnect is what is scheduled. */
function isOver(
  { operationId, generation }: NonNullable<LeaseRequest['message']>,
  { scheduled }: Slot,
  row: StoredOperation | undefined,
): boolean {
  return scheduled?.operationId === operationId || (row !== undefined && isOvertaken(row, generation))
}

function versioned<T>(value: T, etag: string | undefined): Versioned<T> {
  return { value, ...(etag === undefined ? {} : { etag }) }
}
