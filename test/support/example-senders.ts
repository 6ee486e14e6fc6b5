import type { AlertWorld } from './alert-world.ts'
import { START_EPOCH_MS } from './fake-clock.ts'

/** How a sender notifies, as its file says. All times in milliseconds. */
export interface SenderTimes {
  /** Between two evaluations of the rule. */
  readonly evaluatesEveryMs: number
  /** So long after the backend broke, and after it is well, does the rule's expression see it. */
  readonly windowMs: number
  /** The expression is true for so long before the alert fires. */
  readonly forMs: number
  readonly groupWaitMs: number
  readonly groupIntervalMs: number
  /** Absent: it fires once. */
  readonly repeatMs?: number
  readonly sendsResolved: boolean
  /** The rule is healthy for so long before it says that it is over. */
  readonly resolvesAfterMs: number
}

export interface Notification {
  readonly isFiring: boolean
  readonly startsAtEpochMs: number
  readonly endsAtEpochMs?: number
}

/**
 * A sender that watches one backend. It breaks at the start, and is well again when the gateway has reconnected (`heals`), or never. Evaluated
 * and flushed as Alertmanager and Grafana do it; `tell` posts what it has to say.
 */
export function watch(
  world: AlertWorld,
  times: SenderTimes,
  { heals, untilMs, afterMs }: { readonly heals: boolean; readonly untilMs: number; readonly afterMs: number },
  tell: (notification: Notification, sinceStartMs: number) => void,
): void {
  const { simulation } = world
  let trueSince: number | undefined
  let falseSince: number | undefined
  let alert: { readonly startsAtEpochMs: number; endsAtEpochMs?: number } | undefined
  let lastTold: { readonly atEpochMs: number; readonly isFiring: boolean } | undefined

  /** The gateway reconnects `afterMs` behind the first POST that ARM accepted. */
  function isBroken(epochMs: number): boolean {
    const [first] = world.posts
    return !heals || first === undefined || epochMs < first.atEpochMs + afterMs
  }

  function evaluate(): void {
    const now = simulation.now()
    // Failures of the window count: the first is there at once, the last leaves it late.
    const isTrue = isBroken(now) || isBroken(now - times.windowMs)
    trueSince = isTrue ? (trueSince ?? now) : undefined
    falseSince = isTrue ? undefined : (falseSince ?? now)
    if (alert === undefined && trueSince !== undefined && now - trueSince >= times.forMs) {
      alert = { startsAtEpochMs: now }
      if (lastTold === undefined) simulation.after(times.groupWaitMs, flush)
    }
    if (alert !== undefined && falseSince !== undefined && now - falseSince >= times.resolvesAfterMs)
      alert.endsAtEpochMs ??= now
    if (now < START_EPOCH_MS + untilMs) simulation.after(times.evaluatesEveryMs, evaluate)
  }

  function flush(): void {
    const now = simulation.now()
    if (alert !== undefined) {
      const isFiring = alert.endsAtEpochMs === undefined
      const isNews = lastTold === undefined || lastTold.isFiring !== isFiring
      const isRepeated =
        isFiring && lastTold !== undefined && times.repeatMs !== undefined && now - lastTold.atEpochMs >= times.repeatMs
      if ((isNews && (isFiring || times.sendsResolved)) || isRepeated) {
        tell({ isFiring, ...alert }, now - START_EPOCH_MS)
        lastTold = { atEpochMs: now, isFiring }
      }
    }
    if (now < START_EPOCH_MS + untilMs) simulation.after(times.groupIntervalMs, flush)
  }

  simulation.after(0, evaluate)
}
