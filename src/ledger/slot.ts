import type { OperationId } from '../domain/operation.ts'

/**
 * What the ledger knows of one backend: the reconnect that is on its way to ARM, and the one that ARM has accepted and that counts.
 * Pure: every change is a function from one slot to the next, and a compare-and-set decides whose change it is.
 *
 *   time ──────────────────────────────────────────────────────────────────────────────▶
 *   idle │ in flight (lease 30 s + 15 s) │ scheduled until due │ idle
 *        reserve ───────────▶ ARM 202 ──▶ settle               due
 *                             refused ──▶ release
 *   a holder that dies:  reserve ─ ─ ─ ─ lease ends │ taken over by the next
 */
export interface Slot {
  readonly flight?: Flight
  readonly scheduled?: Scheduled
}

/** A request on its way to ARM. */
export interface Flight {
  readonly operationId: OperationId
  /** Made anew for every write: who reads it back after an error knows whether the write was its own. */
  readonly nonce: string
  readonly leaseUntilEpochMs: number
}

/** What ARM accepted: the gateway reconnects at `dueEpochMs`. */
export interface Scheduled {
  readonly operationId: OperationId
  readonly dueEpochMs: number
}

/** What is asked of a slot. */
export interface Ask {
  readonly nowEpochMs: number
  /** A reconnect due by then serves as well as a new one. */
  readonly wantedByEpochMs: number
  readonly force: boolean
  /** How far `nowEpochMs` may be off: who asks for the same at the same time gets the same, also with a clock that had to be corrected. */
  readonly toleranceMs: number
}

/** Due times this close may have passed by the gateway's clock: such a reconnect is not joined. */
export const JOIN_MARGIN_MS = 1_000
/** As far as the clocks of two instances differ that are set by NTP, and as the other's may be off after a correction. */
export const CLOCK_TOLERANCE_MS = 750

export type SlotDecision =
  | { readonly kind: 'join'; readonly scheduled: Scheduled }
  | { readonly kind: 'wait'; readonly flight: Flight }
  | { readonly kind: 'start' }

/** Join what is scheduled, else wait for what is in flight, else start. */
export function decideSlot(slot: Slot, ask: Ask): SlotDecision {
  const { flight, scheduled } = slot
  if (scheduled !== undefined && isJoinable(scheduled, ask)) return { kind: 'join', scheduled }
  if (flight !== undefined && ask.nowEpochMs < flight.leaseUntilEpochMs) return { kind: 'wait', flight }
  return { kind: 'start' }
}

export function isJoinable({ dueEpochMs }: Scheduled, { nowEpochMs, wantedByEpochMs, toleranceMs, force }: Ask): boolean {
  return !force && dueEpochMs >= nowEpochMs + JOIN_MARGIN_MS && dueEpochMs <= wantedByEpochMs + toleranceMs
}

/** Takes the slot. What is scheduled stays: until ARM has accepted the new one, the old one is what is coming. */
export function reserve({ scheduled }: Slot, flight: Flight): Slot {
  return { flight, ...(scheduled === undefined ? {} : { scheduled }) }
}

/** ARM accepted: the new one counts, whatever counted before. Undefined: the lease was lost, and the slot is somebody else's now. */
export function settle(slot: Slot, nonce: string, scheduled: Scheduled): Slot | undefined {
  return slot.flight?.nonce === nonce ? { scheduled } : undefined
}

/** ARM refused, or nobody knows: what was scheduled before still is, and nobody is led to believe in a new one. */
export function release(slot: Slot, nonce: string): Slot | undefined {
  if (slot.flight?.nonce !== nonce) return undefined
  return slot.scheduled === undefined ? {} : { scheduled: slot.scheduled }
}
