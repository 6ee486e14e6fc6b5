import type { Clock } from '../shared/clock.ts'
import type { Deadline } from '../shared/deadline.ts'
import { TIMED_OUT, within } from '../shared/within.ts'
import { isJoinable, type Ask, type Scheduled } from './slot.ts'

/** The requests of this process for one backend: one is in flight, the others wait for it; what is scheduled is remembered until due. */
export interface Flights<S extends Scheduled = Scheduled> {
  /** Joins what is remembered, waits for what is in flight, or takes off; who takes off must land. */
  enter(key: string, ask: () => Ask, deadline: Deadline): Promise<Entry<S>>
  /** Ends the flight, with what is scheduled now, if that is known. */
  land(key: string, scheduled: S | undefined): void
}

export type Entry<S extends Scheduled = Scheduled> =
  { readonly kind: 'join'; readonly scheduled: S } | { readonly kind: 'took_off' } | { readonly kind: 'busy' }

interface Air<S> {
  scheduled?: S
  flight?: { readonly landed: Promise<void>; readonly land: () => void }
}

/** Backends that are remembered at once; beyond it those go whose due time has passed. */
const SWEEP_ABOVE = 1_000

export function createFlights<S extends Scheduled = Scheduled>(clock: Clock): Flights<S> {
  const airs = new Map<string, Air<S>>()
  let sweepAbove = SWEEP_ABOVE

  /** Drops what no longer tells anybody anything. */
  function sweep(nowEpochMs: number): void {
    for (const [key, { flight, scheduled }] of airs) {
      if (flight === undefined && (scheduled === undefined || scheduled.dueEpochMs < nowEpochMs)) airs.delete(key)
    }
    // Not again until as many have come as are left: a sweep looks at all of them.
    sweepAbove = Math.max(SWEEP_ABOVE, airs.size * 2)
  }

  return {
    async enter(key, ask, deadline) {
      for (;;) {
        const air = airs.get(key)
        const asked = ask()
        if (air?.scheduled !== undefined && isJoinable(air.scheduled, asked))
          return { kind: 'join', scheduled: air.scheduled }
        if (air?.flight === undefined) {
          if (airs.size >= sweepAbove) sweep(asked.nowEpochMs)
          const { promise, resolve } = Promise.withResolvers<void>()
          airs.set(key, { ...air, flight: { landed: promise, land: resolve } })
          return { kind: 'took_off' }
        }
        if ((await within(air.flight.landed, deadline.remainingMs(), clock)) === TIMED_OUT) return { kind: 'busy' }
      }
    },

    land(key, scheduled) {
      const air = airs.get(key)
      const kept = scheduled ?? air?.scheduled
      if (kept === undefined) airs.delete(key)
      else airs.set(key, { scheduled: kept })
      air?.flight?.land()
    },
  }
}
