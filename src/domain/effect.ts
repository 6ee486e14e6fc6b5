import { toRfc3339 } from '../shared/rfc3339.ts'
import type { OperationId } from './operation-id.ts'

/** Whether a reconnect helped (contract, section 12). */
export const EFFECT_VERDICTS = [
  'pending',
  'recovered',
  'recovered-early',
  'not-recovered',
  'unknown',
  'superseded',
] as const
export type EffectVerdict = (typeof EFFECT_VERDICTS)[number]
export type FinalVerdict = Exclude<EffectVerdict, 'pending'>

/** The effect of an operation as `/operations` shows it. Times are RFC 3339. */
export interface Effect {
  readonly verdict: EffectVerdict
  /** When the gateway reconnected. */
  readonly since: string
  readonly decideBy: string
  readonly decidedAt?: string
  readonly evidence: readonly Evidence[]
}

/** `at` is the sender's own time, where the sender gives one. `quiet`: no `CircuitBreaker.Opened` came for `settle`. */
export interface Evidence {
  readonly kind: 'resolved' | 'fired' | 'closed' | 'quiet'
  readonly at: string
  readonly alertId?: string
}

/** How the later notifications of one sender are read. */
export interface EffectSettings {
  readonly confirmWithinMs: number
  /** How much later than the recovery this sender says that an alert is resolved. */
  readonly resolveLagMs: number
  /** How long after `due` a firing alert may still be about the time before it. */
  readonly settleMs: number
  /** Whether the sender reports the end of an alert, so that its silence says something. */
  readonly confirms: boolean
  /** False: no notification of this sender tells anything (`generic`). */
  readonly tells: boolean
  /** Whether a notification that an alert is resolved names the alert. Circuit breaker events name the backend only. */
  readonly namesAlerts: boolean
  /** Which clock tells when an alert fired. A sender that lists what still fires keeps the first start, so there the time of receipt counts. */
  readonly firingTime: 'sender' | 'receipt'
}

/** A later notification, as the slot keeps it. */
export interface Notice {
  readonly kind: 'resolved' | 'closed'
  /** The alert that it is about (`alerts/alert-key.ts`). Circuit breaker events have none. */
  readonly key?: string
  /** By the sender's clock, or else the time of receipt. */
  readonly atEpochMs: number
  /** The sender's time, but no later than the receipt, minus its `resolveLag`. */
  readonly healthyEpochMs: number
  readonly alertId?: string
}

/** A firing alert, as evidence about earlier reconnects of its backend, and as an alert behind the next one. */
export interface Firing {
  /** By the clock that {@link EffectSettings.firingTime} names. */
  readonly atEpochMs: number
  /** Absent: the sender does not confirm, or names no alert. */
  readonly alert?: KnownAlert
}

/** `startedAtEpochMs` is the sender's, so that a notification that comes late or twice is told from an alert that fires again. */
export interface KnownAlert {
  readonly key: string
  readonly startedAtEpochMs: number
}

/** The alerts behind a reconnect: by key, when each started to fire last. */
export interface KnownAlerts {
  readonly startedAt: ReadonlyMap<string, number>
  /** There were more than {@link MAX_KNOWN_ALERTS}: it cannot be known that all of them were resolved. */
  readonly hasMore: boolean
}

export const MAX_KNOWN_ALERTS = 16

/** What is needed for the audit event of a verdict, at any instance and time. */
export interface WatchOrigin {
  readonly webhook: string
  readonly alertRule?: string
  readonly correlationId: string
  readonly traceparent?: string
}

/** A reconnect for an alert whose verdict is open, or may still be corrected. */
export interface Watch {
  readonly operationId: OperationId
  readonly dueEpochMs: number
  readonly decideByEpochMs: number
  readonly settleMs: number
  readonly confirms: boolean
  readonly origin: WatchOrigin
  readonly notices: readonly Notice[]
  /** `not-recovered` by silence was decided at this time. A resolved alert may correct it once. */
  readonly silentAtEpochMs?: number
}

/** Contract, section 12: so long after its decision may `not-recovered` by silence be corrected. */
export const CORRECTABLE_MS = 24 * 3_600_000

/** A verdict, and the backend's resource id: the audit event is made of it. */
export interface EffectFacts {
  readonly backend: string
  readonly decided: Decided
}

/** A verdict with what decided it. */
export interface Decided {
  readonly operationId: OperationId
  readonly effect: Effect & { readonly verdict: FinalVerdict }
  readonly origin: WatchOrigin
  /** It replaces `not-recovered` by silence. */
  readonly corrected: boolean
}

export type Judgement =
  | { readonly kind: 'decided'; readonly verdict: FinalVerdict; readonly evidence: readonly Evidence[] }
  /** `lookAtEpochMs`: earlier than this time nothing but a new notification can decide; infinite where time decides nothing. */
  | { readonly kind: 'open'; readonly lookAtEpochMs: number }

/** The effect of a reconnect for an alert when ARM has accepted it. */
export function pendingEffect(dueEpochMs: number, decideByEpochMs: number): Effect {
  return { verdict: 'pending', since: toRfc3339(dueEpochMs), decideBy: toRfc3339(decideByEpochMs), evidence: [] }
}

/** No later notification will tell: people, tools and `generic` senders. */
export function unknownEffect(dueEpochMs: number, nowEpochMs: number): Effect {
  const since = toRfc3339(dueEpochMs)
  return { verdict: 'unknown', since, decideBy: since, decidedAt: toRfc3339(nowEpochMs), evidence: [] }
}

/**
 * Decides from the notices that were kept. A firing alert decides where it is seen (`coordination/slot-effects.ts`), so here none fired again.
 *
 *   due ────────── settle ───────────────────────── decideBy
 *   │ resolved, healthy before due: recovered-early
 *   │ resolved, healthy at or after due: recovered
 *   │ Closed, then settle without Opened: recovered
 *   │               firing: not-recovered                 │ silence: not-recovered, or unknown
 *
 * Nothing measured is never `recovered`. `known` undefined: the alerts behind it could not be read, so only time can decide.
 */
export function judgeEffect(watch: Watch, known: KnownAlerts | undefined, nowEpochMs: number): Judgement {
  const { dueEpochMs, decideByEpochMs, settleMs, notices } = watch
  const resolved = notices.filter(({ kind }) => kind === 'resolved')
  const looks: number[] = []

  if (known !== undefined && areAllResolved(resolved, known)) {
    const isAfter = resolved.every(({ healthyEpochMs }) => healthyEpochMs >= dueEpochMs)
    if (nowEpochMs >= dueEpochMs) return decided(isAfter ? 'recovered' : 'recovered-early', resolved.map(toEvidence))
    looks.push(dueEpochMs)
  }

  const closed = notices.findLast(({ kind, atEpochMs }) => kind === 'closed' && atEpochMs >= dueEpochMs)
  if (closed !== undefined) {
    const quietAtEpochMs = closed.atEpochMs + settleMs
    const quiet: Evidence = { kind: 'quiet', at: toRfc3339(quietAtEpochMs) }
    if (nowEpochMs >= quietAtEpochMs) return decided('recovered', [toEvidence(closed), quiet])
    looks.push(quietAtEpochMs)
  }

  // What silence has decided is open for a correction only: time alone does not decide it again.
  if (watch.silentAtEpochMs !== undefined) return { kind: 'open', lookAtEpochMs: Math.min(...looks) }
  if (nowEpochMs < decideByEpochMs) return { kind: 'open', lookAtEpochMs: Math.min(...looks, decideByEpochMs) }
  const seen = notices.map(toEvidence)
  // Closed, and not yet quiet for long enough; or alerts were resolved, and whether they are all is not known. Neither is silence.
  const isIncomplete = resolved.length > 0 && (known === undefined || known.hasMore)
  if (closed !== undefined || isIncomplete) return decided('unknown', seen)
  return decided(watch.confirms ? 'not-recovered' : 'unknown', seen)
}

/** At least one alert is known, each has a notice, and none has started again after its notice. */
function areAllResolved(resolved: readonly Notice[], { startedAt, hasMore }: KnownAlerts): boolean {
  if (hasMore || startedAt.size === 0) return false
  return [...startedAt].every(([key, startedAtEpochMs]) =>
    resolved.some((notice) => notice.key === key && notice.atEpochMs >= startedAtEpochMs),
  )
}

function decided(verdict: FinalVerdict, evidence: readonly Evidence[]): Judgement {
  return { kind: 'decided', verdict, evidence }
}

export function toEvidence({ kind, atEpochMs, alertId }: Notice): Evidence {
  return { kind, at: toRfc3339(atEpochMs), ...(alertId === undefined ? {} : { alertId }) }
}
