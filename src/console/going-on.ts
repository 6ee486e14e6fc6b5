import type { BackendStatus, Operation, Pause } from './api-types.ts'
import { statusOf, type Tone } from './operation-text.ts'

const MINUTE_MS = 60_000
/** How long something that has ended is still shown. */
const SHOWN_AFTER_END_MS = { good: 30 * MINUTE_MS, quiet: 10 * MINUTE_MS, bad: 60 * MINUTE_MS, busy: 0 }
const ORDER: readonly Tone[] = ['bad', 'busy', 'good', 'quiet']

/** One backend with something going on. */
export interface BackendNow {
  readonly id: string
  readonly operations: readonly Operation[]
  readonly paused?: Pause
  /** A scheduled reconnect whose operation is not among those that were read. */
  readonly scheduled?: { readonly operation: string; readonly due: string }
  /** Operations that joined another one. */
  readonly joined: number
}

/** Groups what goes on by backend, what needs attention first. Newest first within a backend. */
export function goingOn(
  operations: readonly Operation[],
  backends: readonly BackendStatus[],
  nowEpochMs: number,
): readonly BackendNow[] {
  const byBackend = new Map<string, Operation[]>()
  const joined = new Map<string, number>()
  const known = new Set<string>()
  for (const operation of operations) {
    const key = operation.backend.toLowerCase()
    if (known.has(operation.id)) continue
    known.add(operation.id)
    if (operation.state === 'joined' && isRecent(operation, SHOWN_AFTER_END_MS.quiet, nowEpochMs))
      joined.set(key, (joined.get(key) ?? 0) + 1)
    if (isGoingOn(operation, nowEpochMs)) byBackend.set(key, [...(byBackend.get(key) ?? []), operation])
  }
  const status = new Map(backends.map((backend) => [backend.id.toLowerCase(), backend]))
  const keys = new Set([
    ...byBackend.keys(),
    ...backends.filter(hasNews(known, nowEpochMs)).map(({ id }) => id.toLowerCase()),
  ])
  const found = [...keys].map((key): BackendNow => {
    const own = (byBackend.get(key) ?? []).toSorted((left, right) => right.requestedAt.localeCompare(left.requestedAt))
    const { id, paused, scheduled } = status.get(key) ?? {}
    return {
      id: own[0]?.backend ?? id ?? key,
      operations: own,
      joined: joined.get(key) ?? 0,
      ...(paused === undefined ? {} : { paused }),
      ...(scheduled === undefined || known.has(scheduled.operation) ? {} : { scheduled }),
    }
  })
  const rank = ({ operations: own }: BackendNow): number =>
    Math.min(ORDER.length, ...own.map((operation) => ORDER.indexOf(statusOf(operation, nowEpochMs).tone)))
  return found.toSorted((left, right) => rank(left) - rank(right) || left.id.localeCompare(right.id))
}

function isGoingOn(operation: Operation, nowEpochMs: number): boolean {
  if (operation.state === 'joined' || operation.state === 'dry-run') return false
  const { tone } = statusOf(operation, nowEpochMs)
  return tone === 'busy' || isRecent(operation, SHOWN_AFTER_END_MS[tone], nowEpochMs)
}

function isRecent({ updatedAt, due, effect }: Operation, withinMs: number, nowEpochMs: number): boolean {
  const ends = [updatedAt, due, effect?.decidedAt].map((time) => Date.parse(time ?? '')).filter(Number.isFinite)
  return nowEpochMs - Math.max(...ends) < withinMs
}

function hasNews(known: ReadonlySet<string>, nowEpochMs: number) {
  return ({ scheduled, paused, inFlight }: BackendStatus): boolean =>
    paused !== undefined ||
    inFlight !== undefined ||
    (scheduled !== undefined && !known.has(scheduled.operation) && Date.parse(scheduled.due) > nowEpochMs)
}
