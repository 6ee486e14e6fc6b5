import type { Operation } from '../domain/operation.ts'
import type { Clock } from '../shared/clock.ts'
import type { Deadline } from '../shared/deadline.ts'
import { decideSlot, release, reserve, settle, type Ask, type Scheduled, type Slot } from './slot.ts'
import { TIMED_OUT, within } from '../shared/within.ts'
import { StorageFault, type SlotRead, type SlotStore } from './store.ts'

/** The lease outlives the deadline of whoever holds it by this much: nobody sends on a lease that has ended. */
export const LEASE_MARGIN_MS = 15_000
/** Between two looks at a slot that somebody else holds. */
const POLL_MS = 250
const MAX_POLL_MS = 1_000
/** Conflicts in a row that are not waited for: each means that somebody else got on. */
const MAX_CONFLICTS = 20
/** Of the time left, for one call to storage. With the default deadline storage's own time-out is shorter. */
const CALL_SHARE = 0.25
const MIN_CALL_MS = 50
/** Storage that failed this often in a row is down: an incident is no time to wait for it. */
const MAX_FAULTS = 2

export interface ReservationRequest {
  readonly partitionKey: string
  readonly ask: () => Ask
  /** The operation as it is written when the slot is taken. */
  readonly operation: () => Operation
  readonly deadline: Deadline
  /** Whether the operation has come to its end already, by way of another message of the queue. */
  readonly isOver?: () => Promise<boolean>
}

export type Acquired =
  | { readonly kind: 'join'; readonly scheduled: Scheduled }
  | { readonly kind: 'start'; readonly reservation: Reservation }
  /** Somebody else's request was in flight until our time ran out. */
  | { readonly kind: 'busy' }
  /** Alerts have had this backend reconnected as often as they may. */
  | { readonly kind: 'exhausted' }
  /** The operation has come to its end already. */
  | { readonly kind: 'over' }
  | { readonly kind: 'unavailable'; readonly detail: string }

/** The right to send one reconnect for a backend, until the lease ends. */
export interface Reservation {
  /** ARM accepted. False: the lease was lost, and what was sent does not count. */
  settle(scheduled: Scheduled, operation: Operation): Promise<boolean>
  /** ARM refused, or nobody knows. */
  release(operation: Operation): Promise<void>
}

export interface ReservationOptions {
  readonly store: SlotStore
  readonly clock: Clock
  readonly leaseMs: number
  readonly createNonce: () => string
  readonly random: () => number
}

/**
 * One reconnect per backend across instances: read → decide → compare-and-set → (send) → compare-and-set. The state table and the
 * argument why it holds are in docs/decisions/006.
 */
export function createReservations({ store, clock, leaseMs, createNonce, random }: ReservationOptions) {
  /** No single call takes more than a part of the time that a request has; what is given up may be applied all the same. */
  async function inTime<T>(call: Promise<T>, deadline: Deadline): Promise<T> {
    const result = await within(call, Math.max(MIN_CALL_MS, deadline.remainingMs() * CALL_SHARE), clock)
    if (result === TIMED_OUT) throw new StorageFault(new Error('storage did not answer in time'))
    return result
  }

  /** A write that failed or met a conflict may have been our own, applied with its answer lost: the nonce tells. */
  async function change(
    partitionKey: string,
    from: SlotRead,
    to: Slot,
    operation: Operation,
    isOurs: (slot: Slot) => boolean,
  ): Promise<SlotRead | undefined> {
    try {
      const end = await store.changeSlot(partitionKey, { from, to }, [operation])
      if (end.kind === 'written') return { slot: to, etag: end.etag }
    } catch (fault) {
      const after = await store.readSlot(partitionKey)
      if (isOurs(after.slot)) return after
      throw fault
    }
    const after = await store.readSlot(partitionKey)
    return isOurs(after.slot) ? after : undefined
  }

  async function acquire(request: ReservationRequest): Promise<Acquired> {
    const { partitionKey, ask, operation, deadline, isOver } = request
    // One nonce for all tries: a first write that is applied after its time-out is still recognised as ours.
    const nonce = createNonce()
    let conflicts = 0
    let faults = 0
    let polls = 0
    for (;;) {
      if (deadline.remainingMs() === 0) return { kind: 'busy' }
      try {
        const read = await inTime(store.readSlot(partitionKey), deadline)
        // An earlier try of ours got through, and neither its answer nor the look behind it did.
        if (read.slot.flight?.nonce === nonce)
          return { kind: 'start', reservation: createReservation(request, read, nonce) }
        // Looked at after the slot: whoever ends the operation changes the slot with it, and the compare-and-set below then fails.
        if (isOver !== undefined && (await inTime(isOver(), deadline))) return { kind: 'over' }
        const decision = decideSlot(read.slot, ask())
        if (decision.kind === 'join' || decision.kind === 'exhausted') return decision
        if (decision.kind === 'wait') {
          conflicts = 0
          faults = 0
          const pollMs = Math.min(MAX_POLL_MS, POLL_MS * 2 ** polls++) * (0.5 + random() / 2)
          await clock.sleep(Math.min(pollMs, deadline.remainingMs()), deadline.signal)
          continue
        }
        const taken = operation()
        const slot = reserve(read.slot, { operationId: taken.id, nonce, leaseUntilEpochMs: ask().nowEpochMs + leaseMs })
        const held = await inTime(
          change(partitionKey, read, slot, taken, ({ flight }) => flight?.nonce === nonce),
          deadline,
        )
        if (held !== undefined) return { kind: 'start', reservation: createReservation(request, held, nonce) }
        faults = 0
        if (++conflicts >= MAX_CONFLICTS) return { kind: 'unavailable', detail: `${conflicts} conflicts in a row` }
        await clock.sleep(random() * Math.min(200, 10 * 2 ** conflicts), deadline.signal)
      } catch (fault) {
        if (++faults >= MAX_FAULTS) return { kind: 'unavailable', detail: String(fault) }
      }
    }
  }

  function createReservation({ partitionKey, ask }: ReservationRequest, held: SlotRead, nonce: string): Reservation {
    /** Ends the flight: with the slot as we left it, or as we find it. */
    async function end(
      next: (slot: Slot) => Slot | undefined,
      isDone: (slot: Slot) => boolean,
      operation: Operation,
    ): Promise<boolean> {
      let read = held
      for (let faults = 0; ;) {
        try {
          const to = next(read.slot)
          if (to === undefined) {
            // Taken over, or our own earlier try got through: an end is written in any case. What goes on says nothing that the row does not say, and
            // must not come late and undo the end that another delivery has written.
            if (operation.state !== 'accepted') await store.writeOperations(partitionKey, [operation])
            return isDone(read.slot)
          }
          if ((await change(partitionKey, read, to, operation, isDone)) !== undefined) return true
          read = await store.readSlot(partitionKey)
        } catch (fault) {
          if (++faults >= MAX_FAULTS) throw fault
        }
      }
    }

    return {
      settle(scheduled, operation) {
        const { nowEpochMs, limit } = ask()
        return end(
          (slot) => settle(slot, nonce, scheduled, limit && { nowEpochMs, limit }),
          (slot) => slot.scheduled?.operationId === scheduled.operationId,
          operation,
        )
      },
      async release(operation) {
        // A slot without our flight is ours no longer, and does not tell whether our operation was written with it: that is always seen to.
        await end(
          (slot) => release(slot, nonce),
          () => false,
          operation,
        )
      },
    }
  }

  return { acquire }
}

export type Reservations = ReturnType<typeof createReservations>
