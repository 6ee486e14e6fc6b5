import type { Clock } from '../shared/clock.ts'
import type { Deadline } from '../shared/deadline.ts'
import { TIMED_OUT, within } from '../shared/within.ts'

/** The requests of this process for one key: one goes ahead, the others wait for what it brings back. */
export interface SingleFlight<T> {
  enter(key: string, deadline: Deadline): Promise<Entered<T>>
}

export type Entered<T> =
  /** This request goes ahead. It must call `leave`, whatever happens; calling it again does nothing. */
  | { readonly kind: 'leader'; readonly leave: (result: T | undefined) => void }
  /** Another one went ahead. Without a result the caller enters again. */
  | { readonly kind: 'waited'; readonly result: T | undefined }
  | { readonly kind: 'timed_out' }

/** Nothing outlives a flight: what happened before is for storage to say, which other instances change as well. */
export function createSingleFlight<T>(clock: Clock): SingleFlight<T> {
  const flights = new Map<string, Promise<T | undefined>>()

  return {
    async enter(key, deadline) {
      const flight = flights.get(key)
      if (flight !== undefined) {
        const result = await within(flight, deadline.remainingMs(), clock)
        return result === TIMED_OUT ? { kind: 'timed_out' } : { kind: 'waited', result }
      }
      const { promise, resolve } = Promise.withResolvers<T | undefined>()
      flights.set(key, promise)
      function leave(result: T | undefined): void {
        // Only while the slot is still its own: a late call must not end another one's flight.
        if (flights.get(key) === promise) flights.delete(key)
        resolve(result)
      }
      return { kind: 'leader', leave }
    },
  }
}
