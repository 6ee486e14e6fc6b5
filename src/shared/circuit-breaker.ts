import type { Clock } from './clock.ts'

/** Why calls are not made at the moment, and from when on they are. */
export interface OpenCircuit {
  readonly detail: string
  readonly untilEpochMs: number
}

/**
 * What a caller may do: call (`closed`); call, and report how it ended (`trial`); leave the trial to another caller, or call as well
 * (`trial_running`); not call (`open`).
 */
export type Entry = 'closed' | 'trial' | 'trial_running' | 'open'

/** Spares a failing dependency, and everyone who would wait for it. The caller asks before a call and reports how it ended. */
export interface CircuitBreaker {
  /** True: do not call. */
  isOpen(): boolean
  /** The first caller after an open period gets the trial, for at most `openMs`. Ask once per piece of work. */
  enter(): Entry
  /** The fault that opened it; undefined while it is closed. */
  opened(): OpenCircuit | undefined
  /** The dependency answered: closes the breaker and ends the row of faults. */
  succeeded(): void
  /** Returns whether this fault opened the breaker, so that one log entry is written per opening. */
  failed(detail: string): boolean
}

export interface CircuitBreakerOptions {
  readonly clock: Clock
  /** Faults in a row, without a success in between. */
  readonly openAfterFaults: number
  readonly openMs: number
}

/**
 * closed ── `openAfterFaults` faults in a row ──▶ open ── after `openMs` ──▶ on trial ── success ──▶ closed
 *                                                  ▲                            │
 *                                                  └────────── one fault ───────┘
 *
 * On trial who asks with `enter` is told whether another one tries already; who asks with `isOpen` may call. Faults reported while it is open
 * belong to calls made before: they do not extend it.
 */
export function createCircuitBreaker({ clock, openAfterFaults, openMs }: CircuitBreakerOptions): CircuitBreaker {
  let faultsInARow = 0
  let latest: OpenCircuit | undefined
  let triedAtEpochMs: number | undefined

  function opened(): OpenCircuit | undefined {
    if (latest === undefined) return undefined
    const leftMs = latest.untilEpochMs - clock.now()
    // More than openMs: the clock was set back, and must not keep the breaker open for longer.
    return leftMs > 0 && leftMs <= openMs ? latest : undefined
  }

  return {
    opened,
    isOpen: () => opened() !== undefined,
    enter() {
      if (latest === undefined) return 'closed'
      if (opened() !== undefined) return 'open'
      const now = clock.now()
      // One that never reports, or a clock that was set back, must not keep the others out.
      if (triedAtEpochMs !== undefined && now >= triedAtEpochMs && now < triedAtEpochMs + openMs) return 'trial_running'
      triedAtEpochMs = now
      return 'trial'
    },
    succeeded() {
      faultsInARow = 0
      latest = undefined
      triedAtEpochMs = undefined
    },
    failed(detail) {
      if (opened() !== undefined) return false
      faultsInARow += 1
      if (faultsInARow < openAfterFaults) return false
      latest = { detail, untilEpochMs: clock.now() + openMs }
      triedAtEpochMs = undefined
      return true
    },
  }
}
