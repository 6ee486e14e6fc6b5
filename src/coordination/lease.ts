import {
  isOvertaken,
  isTooEarly,
  mayReplace,
  toMinimal,
  type OperationId,
  type Scheduled,
  type StoredOperation,
} from '../domain/operation.ts'
import type { LeaseEnd, RowEnd } from '../reconnect/ports.ts'
import type { CircuitBreaker } from '../shared/circuit-breaker.ts'
import type { Clock } from '../shared/clock.ts'
import type { Deadline } from '../shared/deadline.ts'
import { TIMED_OUT, within } from '../shared/within.ts'
import { StorageFault, type BackendStore, type Committed, type Versioned } from '../storage/store.ts'
import { complete, decideSlot, release, takeLease, type AlertSend, type Ask, type Slot } from './slot.ts'

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
/** Writing down what ARM said is tried with more patience, while the lease runs. */
const END_RETRY_MS = 500
const MAX_END_FAULTS = 12

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
}

export type Leased =
  | { readonly kind: 'lease'; readonly lease: SharedLease }
  /** `waited`: its result came while this request waited for it. */
  | { readonly kind: 'joined'; readonly scheduled: Scheduled; readonly waited: boolean }
  /** Another request was in flight until the time ran out. */
  | { readonly kind: 'busy' }
  | { readonly kind: 'limit_reached' }
  /** The operation has ended, or a later message stands for it. */
  | { readonly kind: 'already_done'; readonly operation: StoredOperation | undefined }
  | { readonly kind: 'storage_unavailable'; readonly detail: string }

/** The right to send one reconnect for a backend, until the lease ends by itself (invariant 12). */
export interface SharedLease {
  readonly ownerToken: string
  /** The operation as it was written with the lease. */
  readonly operation: StoredOperation
  /** ARM accepted: what is scheduled now and the operation are written in one transaction. */
  complete(operation: StoredOperation, scheduled: Scheduled, send?: AlertSend): Promise<LeaseEnd>
  /** ARM refused, or the outcome is unknown, or nothing was sent. */
  release(operation: StoredOperation, send?: AlertSend): Promise<LeaseEnd>
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
  /** One call of the slot's path, within a share of the time left. What is given up may be applied all the same. */
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
    while (deadline.remainingMs() > 0) {
      if (breaker.isOpen()) return { kind: 'storage_unavailable', detail: 'storage failed a moment ago' }
      try {
        const [slot, row] = await timely(read(partitionKey, message?.operationId), deadline)
        // A previous attempt took the lease, but its response and the verifying read were both lost.
        if (slot.value.inFlight?.ownerToken === ownerToken) return leased(request, slot, row, ownerToken)
        if (message !== undefined && isOver(message, slot.value, row.value))
          return { kind: 'already_done', operation: row.value }
        const ask = request.ask(waitedFor)
        if (
          message !== undefined &&
          row.value !== undefined &&
          isTooEarly(row.value, message.generation, ask.nowEpochMs)
        )
          return { kind: 'busy' }
        const decision = decideSlot(slot.value, ask)
        if (decision.kind === 'join') {
          const { scheduled } = decision
          return { kind: 'joined', scheduled, waited: scheduled.operationId === waitedFor }
        }
        if (decision.kind === 'limit_reached') return decision
        if (decision.kind === 'wait') {
          waitedFor = decision.inFlight.operationId
          conflicts = 0
          faults = 0
          const pollMs = Math.min(MAX_POLL_MS, POLL_MS * 2 ** polls++) * (0.5 + random() / 2)
          await clock.sleep(Math.min(pollMs, deadline.remainingMs()), deadline.signal)
          continue
        }
        const { nowEpochMs } = ask
        const sending = request.sending(row.value, ownerToken)
        const taken = takeLease(slot.value, {
          operationId: sending.id,
          ownerToken,
          leaseUntilEpochMs: nowEpochMs + leaseMs,
          earliestDueEpochMs: nowEpochMs + request.afterMs,
        })
        const committed = await timely(
          store.commit(partitionKey, { slot: { from: slot, to: taken }, operation: { from: row, to: sending } }),
          deadline,
        )
        if (committed.kind === 'written')
          return leased(
            request,
            versioned(taken, committed.slotEtag),
            versioned(sending, committed.operationEtag),
            ownerToken,
          )
        faults = 0
        if (++conflicts > MAX_CONFLICTS) return { kind: 'busy' }
        await clock.sleep(random() * Math.min(200, 10 * 2 ** Math.min(conflicts, 5)), deadline.signal)
      } catch (fault) {
        if (!(fault instanceof StorageFault)) throw fault
        if (++faults >= MAX_FAULTS) {
          if (!fault.isRefusal) breaker.failed(fault.message)
          return { kind: 'storage_unavailable', detail: fault.message }
        }
        await clock.sleep(Math.min(FAULT_PAUSE_MS, deadline.remainingMs()), deadline.signal)
      }
    }
    return { kind: 'busy' }
  }

  async function read(partitionKey: string, id: OperationId | undefined): Promise<[Versioned<Slot>, Row]> {
    return Promise.all([store.readSlot(partitionKey), id === undefined ? NO_ROW : store.readOperation(id)])
  }

  function leased(request: LeaseRequest, slot: Versioned<Slot>, row: Row, ownerToken: string): Leased {
    const operation = row.value ?? request.sending(undefined, ownerToken)
    const end = (change: Change) => endLease(request.partitionKey, { slot, row }, change)
    return {
      kind: 'lease',
      lease: {
        ownerToken,
        operation,
        complete: (to, scheduled, send) =>
          end({ to, next: (from) => complete(from, ownerToken, scheduled, send), mayEndAlone: true }),
        release: (to, send) =>
          end({ to, next: (from) => release(from, ownerToken, send), mayEndAlone: request.message === undefined }),
      },
    }
  }

  /** Ends the lease, whatever storage does meanwhile: the slot as this holder left it, or as it finds it. */
  async function endLease(
    partitionKey: string,
    known: { readonly slot: Versioned<Slot>; readonly row: Row },
    change: Change,
  ): Promise<LeaseEnd> {
    let held: typeof known | undefined = known
    let { to } = change
    let faults = 0
    let conflicts = 0
    const untilEpochMs = clock.now() + leaseMs
    while (faults < MAX_END_FAULTS && conflicts <= MAX_CONFLICTS && clock.now() < untilEpochMs) {
      try {
        if (held === undefined) {
          const [slot, row] = await read(partitionKey, to.id)
          held = { slot, row }
        }
        const { slot, row } = held
        const next = change.next(slot.value)
        const isWritten = row.value !== undefined && isSame(row.value, to)
        if (next === undefined) {
          // The lease is over, or this very change was applied and its answer was lost.
          if (isWritten) return 'recorded'
          if (!change.mayEndAlone) return 'lost'
        }
        // An end that is already there stays; only the slot is changed then (invariant 3).
        const keepsRow = row.value !== undefined && !mayReplace(row.value.state, to.state)
        if (next === undefined && keepsRow) return 'recorded'
        const committed: Committed = await store.commit(partitionKey, {
          ...(next === undefined ? {} : { slot: { from: slot, to: next } }),
          ...(keepsRow ? {} : { operation: { from: row, to } }),
        })
        if (committed.kind === 'written') return 'recorded'
        conflicts += 1
        held = undefined
        await clock.sleep(random() * Math.min(200, 10 * 2 ** Math.min(conflicts, 5)))
      } catch (fault) {
        if (!(fault instanceof StorageFault)) throw fault
        held = undefined
        if (fault.isRefusal) {
          // The row is at fault. What ARM said must reach the slot all the same: a smaller row first, then the slot alone.
          if (isMinimal(to)) return (await endSlotAlone(partitionKey, change)) ? 'not_recorded' : 'lost'
          to = toMinimal(to)
          continue
        }
        faults += 1
        await clock.sleep(END_RETRY_MS * (0.5 + random()))
      }
    }
    return 'not_recorded'
  }

  async function endSlotAlone(partitionKey: string, { next }: Change): Promise<boolean> {
    for (let attempt = 0; attempt < MAX_FAULTS; attempt += 1) {
      try {
        const slot = await store.readSlot(partitionKey)
        const to = next(slot.value)
        if (to === undefined) return false
        if ((await store.commit(partitionKey, { slot: { from: slot, to } })).kind === 'written') return true
      } catch (fault) {
        if (!(fault instanceof StorageFault)) throw fault
      }
    }
    return false
  }

  /** A previous holder could not write down ARM's acceptance; a message of the queue brings it. */
  async function completeLater(
    partitionKey: string,
    ownerToken: string,
    change: (operation: StoredOperation) => StoredOperation,
    begun: { readonly id: OperationId; readonly scheduled: Scheduled; readonly send: AlertSend },
  ): Promise<RowEnd> {
    const [slot, row] = await read(partitionKey, begun.id)
    // The owner token stands in the row alone: a message that was forged, or whose operation another one sends by now, decides nothing.
    if (row.value?.sendingBy !== ownerToken)
      return row.value === undefined ? { kind: 'not_recorded' } : { kind: 'already_done', operation: row.value }
    const to = change(row.value)
    const end = await endLease(
      partitionKey,
      { slot, row },
      {
        to,
        next: (from) => complete(from, ownerToken, begun.scheduled, begun.send),
        mayEndAlone: true,
      },
    )
    return end === 'recorded' ? { kind: 'recorded', operation: to } : { kind: 'not_recorded' }
  }

  return { acquire, completeLater }
}

export type Leases = ReturnType<typeof createLeases>

type Row = Versioned<StoredOperation | undefined>
const NO_ROW: Row = { value: undefined }

interface Change {
  readonly to: StoredOperation
  /** The slot after the end; undefined where another one owns it. */
  readonly next: (slot: Slot) => Slot | undefined
  /**
   * The operation is written also after the lease was lost: ARM's 202 is in hand, or no message of the queue could end it. Otherwise another
   * delivery of it may be sending, and an end without evidence would beat its 202 (invariant 4).
   */
  readonly mayEndAlone: boolean
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

function isSame(stored: StoredOperation, wanted: StoredOperation): boolean {
  return (
    stored.state === wanted.state && stored.updatedAt === wanted.updatedAt && stored.generation === wanted.generation
  )
}

function isMinimal(operation: StoredOperation): boolean {
  return JSON.stringify(operation) === JSON.stringify(toMinimal(operation))
}
