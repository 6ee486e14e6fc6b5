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
  /** When ARM accepted reconnects that alerts had asked for, oldest first, as far back as the loop guard looks (epoch milliseconds). */
  readonly alertForwards?: readonly number[]
}

/** So many reconnects of one backend may alerts cause in such a window. */
export interface AlertLimit {
  readonly count: number
  readonly windowMs: number
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
  /** For alerts only: people and tools are not limited. */
  readonly limit?: AlertLimit
}

/** Due times this close may have passed by the gateway's clock: such a reconnect is not joined. */
export const JOIN_MARGIN_MS = 1_000
/** As far as the clocks of two instances differ that are set by NTP, and as the other's may be off after a correction. */
export const CLOCK_TOLERANCE_MS = 750

export type SlotDecision =
  | { readonly kind: 'join'; readonly scheduled: Scheduled }
  | { readonly kind: 'wait'; readonly flight: Flight }
  | { readonly kind: 'exhausted' }
  | { readonly kind: 'start' }

/** Join what is scheduled, else wait for what is in flight, else start, unless alerts have started as often as they may. */
export function decideSlot(slot: Slot, ask: Ask): SlotDecision {
  const { flight, scheduled } = slot
  if (scheduled !== undefined && isJoinable(scheduled, ask)) return { kind: 'join', scheduled }
  if (flight !== undefined && ask.nowEpochMs < flight.leaseUntilEpochMs) return { kind: 'wait', flight }
  if (ask.limit !== undefined && recent(slot, ask.limit, ask.nowEpochMs).length >= ask.limit.count)
    return { kind: 'exhausted' }
  return { kind: 'start' }
}

export function isJoinable(
  { dueEpochMs }: Scheduled,
  { nowEpochMs, wantedByEpochMs, toleranceMs, force }: Ask,
): boolean {
  return !force && dueEpochMs >= nowEpochMs + JOIN_MARGIN_MS && dueEpochMs <= wantedByEpochMs + toleranceMs
}

/** Takes the slot. What is scheduled stays: until ARM has accepted the new one, the old one is what is coming. */
export function reserve(slot: Slot, flight: Flight): Slot {
  return { ...slot, flight }
}

/**
 * ARM accepted: the new one counts, whatever counted before, and where an alert asked for it, it counts for the loop guard too. Undefined: the
 * lease was lost, and the slot is somebody else's now.
 */
export function settle(
  slot: Slot,
  nonce: string,
  scheduled: Scheduled,
  byAlert?: { readonly nowEpochMs: number; readonly limit: AlertLimit },
): Slot | undefined {
  const { flight, alertForwards } = slot
  if (flight?.nonce !== nonce) return undefined
  const forwards =
    byAlert === undefined ? alertForwards : [...recent(slot, byAlert.limit, byAlert.nowEpochMs), byAlert.nowEpochMs]
  return { scheduled, ...(forwards === undefined ? {} : { alertForwards: forwards }) }
}

/** ARM refused, or nobody knows: what was scheduled before still is, and nobody is led to believe in a new one. */
export function release({ flight, ...slot }: Slot, nonce: string): Slot | undefined {
  return flight?.nonce === nonce ? slot : undefined
}

/** Those of the window; a time ahead of ours, by a clock that was corrected since, counts. */
function recent({ alertForwards = [] }: Slot, { windowMs }: AlertLimit, nowEpochMs: number): readonly number[] {
  return alertForwards.filter((atEpochMs) => atEpochMs > nowEpochMs - windowMs)
}
