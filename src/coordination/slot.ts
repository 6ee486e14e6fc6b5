import type { Watch } from '../domain/effect.ts'
import type { Scheduled } from '../domain/operation.ts'
import type { OperationId } from '../domain/operation-id.ts'

/**
 * What is known of one backend: the request that is in flight to ARM, and the reconnect that ARM accepted last.
 * Pure: every change is a function from one slot to the next, and a compare-and-set decides whose change applies.
 *
 *   time ──────────────────────────────────────────────────────────────────────────────▶
 *   idle │ in flight (lease: deadline + 15 s) │ scheduled until due │ idle
 *        takeLease ──────────▶ ARM 202 ──▶ complete                 due
 *                              refused ──▶ release
 *   a holder that dies:  takeLease ─ ─ ─ ─ the lease ends │ the next one takes it
 */
export interface Slot {
  readonly inFlight?: InFlight
  /** Stays after `due`: an alert that is older than this reconnect is covered by it. */
  readonly scheduled?: Scheduled
  /** Epoch milliseconds of sends for alerts that ARM accepted or may have accepted, oldest first, as far back as the loop guard looks. */
  readonly alertSends?: readonly number[]
  /** Reconnects for alerts whose verdict is open, or may still be corrected, oldest first (`slot-effects.ts`). */
  readonly watches?: readonly Watch[]
  /** Verdicts `not-recovered` in a row. */
  readonly notHelping?: number
}

/** A request on its way to ARM. */
export interface InFlight {
  readonly operationId: OperationId
  /** Made anew by each holder. It tells whose lease this is after a write whose answer was lost (invariants 1 and 2). */
  readonly ownerToken: string
  readonly leaseUntilEpochMs: number
  /** No reconnect of this request is due before this time. */
  readonly earliestDueEpochMs: number
}

/** So many sends for alerts may one backend have in such a window (contract, section 6). */
export interface AlertLimit {
  readonly count: number
  readonly windowMs: number
}

/** What a request wants of a slot. */
export interface Ask {
  readonly nowEpochMs: number
  /** When the request or the alert came: a reconnect after this time serves it. */
  readonly sinceEpochMs: number
  /** A reconnect due by then serves as well as a new one. */
  readonly wantedByEpochMs: number
  readonly force: boolean
  /** The operation whose result this request has waited for: it is joined however short `after` is. */
  readonly waitedFor?: OperationId
  /** For alerts only: people and tools are not limited. */
  readonly limit?: AlertLimit
  /** Of a message of the queue: while another delivery of its operation is in flight, that one decides. */
  readonly ownOperation?: OperationId
  /** For alerts only: so many `not-recovered` in a row end them. */
  readonly notHelpingLimit?: number
}

/** The clocks of the gateway and of two instances may differ this much: a reconnect this close to the request is not joined. */
export const JOIN_MARGIN_MS = 1_000
/** Two that ask for the same at the same time get the same although their clocks differ this much. */
export const CLOCK_TOLERANCE_MS = 750

export type SlotDecision =
  | { readonly kind: 'join'; readonly scheduled: Scheduled }
  | { readonly kind: 'wait'; readonly inFlight: InFlight }
  | { readonly kind: 'limit_reached' }
  | { readonly kind: 'not_helping' }
  | { readonly kind: 'free' }

/** Join what is scheduled, else wait for what is in flight, else go, unless alerts have sent as often as they may or reconnects do not help. */
export function decideSlot(slot: Slot, ask: Ask): SlotDecision {
  const { scheduled } = slot
  const inFlight =
    slot.inFlight !== undefined && ask.nowEpochMs < slot.inFlight.leaseUntilEpochMs ? slot.inFlight : undefined
  if (inFlight !== undefined && inFlight.operationId === ask.ownOperation) return { kind: 'wait', inFlight }
  if (scheduled !== undefined && covers(scheduled, ask)) return { kind: 'join', scheduled }
  if (inFlight !== undefined) return { kind: 'wait', inFlight }
  if (ask.limit !== undefined && recentSends(slot, ask.limit, ask.nowEpochMs).length >= ask.limit.count)
    return { kind: 'limit_reached' }
  if (ask.notHelpingLimit !== undefined && (slot.notHelping ?? 0) >= ask.notHelpingLimit) return { kind: 'not_helping' }
  return { kind: 'free' }
}

/**
 * Whether an accepted reconnect serves the request: it comes after the request, and no later than was asked (invariant 9). A person or tool
 * that waited for its result joins it in any case (contract, section 6). An alert does not: the record of a reconnect may be later than the
 * reconnect, and the alert may have come in between.
 */
export function covers({ operationId, dueEpochMs }: Scheduled, ask: Ask): boolean {
  if (ask.force || dueEpochMs > ask.wantedByEpochMs + CLOCK_TOLERANCE_MS) return false
  if (operationId !== ask.waitedFor) return dueEpochMs >= ask.sinceEpochMs + JOIN_MARGIN_MS
  return ask.limit === undefined || dueEpochMs >= ask.sinceEpochMs
}

/**
 * Whether an alert that comes now may share an operation that was accepted earlier and is not sent yet. Its delivery may end by joining a
 * reconnect that comes after the earlier alert and before this one; then this alert would be lost.
 */
export function isSafeToShare(slot: Slot, acceptedAtEpochMs: number, nowEpochMs: number): boolean {
  const known = [slot.scheduled?.dueEpochMs, slot.inFlight?.earliestDueEpochMs]
  return known.every(
    (dueEpochMs) =>
      dueEpochMs === undefined ||
      dueEpochMs < acceptedAtEpochMs + JOIN_MARGIN_MS ||
      dueEpochMs >= nowEpochMs + JOIN_MARGIN_MS,
  )
}

/** Takes the slot. What is scheduled stays: until ARM accepts the new one, the old one is what is coming (invariant 11). */
export function takeLease(slot: Slot, inFlight: InFlight): Slot {
  return { ...slot, inFlight }
}

/** A send for an alert: when it happened, and how far back the loop guard looks. */
export interface AlertSend {
  readonly atEpochMs: number
  readonly limit: AlertLimit
}

/** ARM accepted: the new reconnect counts, whatever counted before. Undefined: another one owns the slot now (invariant 2). */
export function complete(slot: Slot, ownerToken: string, scheduled: Scheduled, send?: AlertSend): Slot | undefined {
  const { inFlight, ...rest } = slot
  return inFlight?.ownerToken === ownerToken ? { ...rest, scheduled, ...countedSends(slot, send) } : undefined
}

/**
 * Refused or unknown: keep the previous schedule, record no new one (invariant 11). `send`: ARM may still have acted on an alert.
 * Undefined: another one owns the slot now.
 */
export function release(slot: Slot, ownerToken: string, send?: AlertSend): Slot | undefined {
  const { inFlight, ...rest } = slot
  return inFlight?.ownerToken === ownerToken ? { ...rest, ...countedSends(slot, send) } : undefined
}

/** Nothing is known of the backend: its row need not exist. */
export function isEmpty({ inFlight, scheduled, alertSends = [], watches = [], notHelping = 0 }: Slot): boolean {
  const isIdle = inFlight === undefined && scheduled === undefined
  return isIdle && alertSends.length === 0 && watches.length === 0 && notHelping === 0
}

function countedSends(slot: Slot, send: AlertSend | undefined): Pick<Slot, 'alertSends'> {
  const sends =
    send === undefined ? slot.alertSends : [...recentSends(slot, send.limit, send.atEpochMs), send.atEpochMs]
  return sends === undefined ? {} : { alertSends: sends }
}

/** Sends within the window. A time ahead of this clock counts. */
function recentSends({ alertSends = [] }: Slot, { windowMs }: AlertLimit, nowEpochMs: number): readonly number[] {
  return alertSends.filter((atEpochMs) => atEpochMs > nowEpochMs - windowMs)
}
