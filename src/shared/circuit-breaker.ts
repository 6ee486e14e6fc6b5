import type { Clock } from './clock.ts'

/** Why calls are not made at the moment, and from when on they are. */
export interface OpenCircuit {
  readonly detail: string
  readonly untilEpochMs: number
}

/** Spares a failing dependency, and everyone who would wait for it. The caller asks before a call and reports how it ended. */
export interface CircuitBreaker {
  /** True: do not call. */
  isOpen(): boolean
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
 * On trial every call is allowed. Faults reported while it is open belong to calls made before: they do not extend it.
 */
export function createCircuitBreaker({ clock, openAfterFaults, openMs }: CircuitBreakerOptions): CircuitBreaker {
  let faultsInARow = 0
  let latest: OpenCircuit | undefined

  function opened(): OpenCircuit | undefined {
    if (latest === undefined) return undefined
    const leftMs = latest.untilEpochMs - clock.now()
    // More than openMs: the clock was set back, and must not keep the breaker open for longer.
    return leftMs > 0 && leftMs <= openMs ? latest : undefined
  }

  return {
    opened,
    isOpen: () => opened() !== undefined,
    succeeded() {
      faultsInARow = 0
      latest = undefined
    },
    failed(detail) {
      if (opened() !== undefined) return false
      faultsInARow += 1
      if (faultsInARow < openAfterFaults) return false
      latest = { detail, untilEpochMs: clock.now() + openMs }
      return true
    },
  }
}
