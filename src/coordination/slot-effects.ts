import {
  CORRECTABLE_MS,
  judgeEffect,
  type Decided,
  type Effect,
  type Evidence,
  type FinalVerdict,
  type Firing,
  type KnownAlerts,
  type Notice,
  type Watch,
} from '../domain/effect.ts'
import type { OperationId } from '../domain/operation-id.ts'
import { toRfc3339 } from '../shared/rfc3339.ts'
import type { Slot } from './slot.ts'

/**
 * Verdicts, as changes of a slot (contract, section 12). Pure: a verdict exists when the compare-and-set of its slot has applied, so there is
 * one on any number of instances. No function here changes what is in flight or scheduled.
 */
export interface Moved {
  readonly slot: Slot
  /** Verdicts that exist once the slot is written. */
  readonly decided: readonly Decided[]
}

/** Reconnects of one backend that are watched at a time. When one more is sent, nothing more can be known of the oldest. */
export const MAX_WATCHES = 6
/** One slot keeps at most so many notices of a reconnect: one for each alert that can be known behind it, and a Closed. */
const MAX_NOTICES = 17
/** So many notices of a reconnect keep the sender's id of the alert; a slot is one row of bounded size. */
const MAX_ALERT_IDS = 4
/** The message that decides comes at `decideBy`. A change of the slot that comes so much later decides in its place. */
const OVERDUE_MS = 3_600_000

/** ARM accepted a reconnect: earlier ones that are not due yet are superseded, and this one is watched. */
export function watchAccepted(
  slot: Slot,
  { nowEpochMs, watch, isAlert }: { readonly nowEpochMs: number; readonly watch?: Watch; readonly isAlert: boolean },
): Moved {
  const decided: Decided[] = []
  const open: Watch[] = []
  for (const one of watchesOf(slot)) {
    // A later recovery may be the new reconnect's: what silence has decided is not corrected any more.
    if (one.silentAtEpochMs !== undefined || one.operationId === watch?.operationId) continue
    if (nowEpochMs < one.dueEpochMs) decided.push(decide(one, 'superseded', [], nowEpochMs))
    else open.push(one)
  }
  if (watch !== undefined) open.push(watch)
  for (const one of open.splice(0, Math.max(0, open.length - MAX_WATCHES)))
    decided.push(decide(one, 'unknown', [], nowEpochMs))
  const next = counted(withWatches(slot, open), decided)
  return { slot: isAlert ? next : endStreak(next), decided }
}

/** An alert fires: at or after `due` + `settle` the reconnect did not help. A circuit breaker that opened again is not quiet. */
export function watchFiring(slot: Slot, firing: Firing & { readonly alertId?: string }, nowEpochMs: number): Moved {
  const decided: Decided[] = []
  const open: Watch[] = []
  for (const watch of watchesOf(slot)) {
    const isAgain = firing.atEpochMs >= watch.dueEpochMs + watch.settleMs
    if (!isAgain) {
      const notices = watch.notices.filter(({ kind, atEpochMs }) => kind !== 'closed' || atEpochMs > firing.atEpochMs)
      open.push(notices.length === watch.notices.length ? watch : { ...watch, notices })
    } else if (watch.silentAtEpochMs === undefined) {
      decided.push(decide(watch, 'not-recovered', [toFired(firing)], nowEpochMs))
    }
  }
  return moved(slot, open, decided)
}

/** Verdicts whose message did not come. The alerts behind them are not read for this. */
export function watchTime(slot: Slot, nowEpochMs: number): Moved {
  return each(
    slot,
    nowEpochMs,
    (watch) => nowEpochMs >= watch.decideByEpochMs + OVERDUE_MS,
    () => undefined,
  )
}

/** A later notification about alerts behind the watched reconnects. One that is about none of them changes nothing. */
export function watchNotice(
  slot: Slot,
  notice: Notice,
  knownOf: (id: OperationId) => KnownAlerts,
  nowEpochMs: number,
): Moved {
  const watches = watchesOf(slot).map((watch) => {
    const isAbout =
      notice.kind === 'closed'
        ? notice.atEpochMs >= watch.dueEpochMs
        : notice.key !== undefined && knownOf(watch.operationId).startedAt.has(notice.key)
    return isAbout ? withNotice(watch, notice) : watch
  })
  const isKept = watches.some((watch, index) => watch !== watchesOf(slot)[index])
  return isKept ? each(withWatches(slot, watches), nowEpochMs, () => true, knownOf) : { slot, decided: [] }
}

/** The message of this operation has come: decides what the slot's own times and notices allow, and nothing else. */
export function watchMessage(slot: Slot, id: OperationId, known: KnownAlerts | undefined, nowEpochMs: number): Moved {
  return each(
    slot,
    nowEpochMs,
    ({ operationId }) => operationId === id,
    () => known,
  )
}

/** A person or a tool takes care of the backend. */
export function endStreak(slot: Slot): Slot {
  if (slot.notHelping === undefined) return slot
  const { notHelping: _, ...rest } = slot
  return rest
}

export function watchesOf({ watches = [] }: Slot): readonly Watch[] {
  return watches
}

/** Judges the chosen watches. One that silence decides stays for its correction. */
function each(
  slot: Slot,
  nowEpochMs: number,
  isChosen: (watch: Watch) => boolean,
  knownOf: (id: OperationId) => KnownAlerts | undefined,
): Moved {
  const decided: Decided[] = []
  const open: Watch[] = []
  for (const watch of watchesOf(slot)) {
    const { silentAtEpochMs } = watch
    if (silentAtEpochMs !== undefined && nowEpochMs > silentAtEpochMs + CORRECTABLE_MS) continue
    const judgement = isChosen(watch) ? judgeEffect(watch, knownOf(watch.operationId), nowEpochMs) : undefined
    if (judgement?.kind !== 'decided') {
      open.push(watch)
      continue
    }
    decided.push(decide(watch, judgement.verdict, judgement.evidence, nowEpochMs))
    if (judgement.verdict === 'not-recovered') open.push({ ...watch, silentAtEpochMs: nowEpochMs })
  }
  return moved(slot, open, decided)
}

function moved(slot: Slot, open: readonly Watch[], decided: readonly Decided[]): Moved {
  const isSame = decided.length === 0 && open.every((watch, index) => watch === watchesOf(slot)[index])
  if (isSame && open.length === watchesOf(slot).length) return { slot, decided }
  return { slot: counted(withWatches(slot, open), decided), decided }
}

/** `not-recovered` in a row. A correction takes its own verdict out of the row. */
function counted(slot: Slot, decided: readonly Decided[]): Slot {
  let streak = slot.notHelping ?? 0
  for (const { effect, corrected } of decided) {
    if (effect.verdict === 'not-recovered') streak += 1
    if (effect.verdict === 'recovered') streak = 0
    if (effect.verdict === 'recovered-early' && corrected) streak = Math.max(0, streak - 1)
  }
  return streak === 0 ? endStreak(slot) : { ...slot, notHelping: streak }
}

function decide(watch: Watch, verdict: FinalVerdict, evidence: readonly Evidence[], nowEpochMs: number): Decided {
  const effect: Effect & { verdict: FinalVerdict } = {
    verdict,
    since: toRfc3339(watch.dueEpochMs),
    decideBy: toRfc3339(watch.decideByEpochMs),
    decidedAt: toRfc3339(nowEpochMs),
    evidence,
  }
  const { operationId, origin, silentAtEpochMs } = watch
  return { operationId, effect, origin, corrected: silentAtEpochMs !== undefined }
}

/** The latest notice of an alert counts, and the latest Closed. What comes twice, or late, changes nothing. */
function withNotice(watch: Watch, notice: Notice): Watch {
  const isOfSame = ({ kind, key }: Notice): boolean => kind === notice.kind && key === notice.key
  const before = watch.notices.find(isOfSame)
  const others = watch.notices.filter((one) => one !== before)
  if ((before !== undefined && before.atEpochMs >= notice.atEpochMs) || others.length >= MAX_NOTICES) return watch
  const { alertId, ...bare } = notice
  const isNamed = alertId !== undefined && others.filter((one) => one.alertId !== undefined).length < MAX_ALERT_IDS
  return { ...watch, notices: [...others, isNamed ? notice : bare] }
}

function withWatches(slot: Slot, watches: readonly Watch[]): Slot {
  const { watches: _, ...rest } = slot
  return watches.length === 0 ? rest : { ...rest, watches }
}

function toFired({ atEpochMs, alertId }: Firing & { readonly alertId?: string }): Evidence {
  return { kind: 'fired', at: toRfc3339(atEpochMs), ...(alertId === undefined ? {} : { alertId }) }
}
