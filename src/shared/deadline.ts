import type { Clock } from './clock.ts'

/** The moment at which a request must have ended. This one object bounds every wait and call of the request. */
export interface Deadline {
  readonly atEpochMs: number
  /** Aborts at the deadline. */
  readonly signal: AbortSignal
  /** Milliseconds that are left; never negative. */
  remainingMs(): number
  /** Clears the timer. Its creator must call it when the request has ended. */
  dispose(): void
}

export function createDeadline(clock: Clock, durationMs: number): Deadline {
  const atEpochMs = clock.now() + durationMs
  let controller: AbortController | undefined
  let timer: NodeJS.Timeout | undefined
  let isDisposed = false

  /** Never more than the whole time, and nothing once the signal has aborted: the clock may be set back meanwhile. */
  function remainingMs(): number {
    return controller?.signal.aborted === true ? 0 : Math.min(durationMs, Math.max(0, atEpochMs - clock.now()))
  }

  function start(): AbortController {
    const started = new AbortController()
    const end = (): void => started.abort(new Error('the deadline of the request has passed'))
    if (remainingMs() === 0) end()
    else if (!isDisposed) timer = setTimeout(end, remainingMs())
    return started
  }

  return {
    atEpochMs,
    // Started when it is first used: most requests wait for nothing that needs it.
    get signal() {
      return (controller ??= start()).signal
    },
    remainingMs,
    dispose() {
      isDisposed = true
      clearTimeout(timer)
    },
  }
}

/**
 * Milliseconds that a request reserves for recording its outcome and for its answer, so that the *whole* request ends within the setting
 * also when storage hangs.
 */
export function answerReserveMs(requestMs: number): number {
  return Math.min(750, requestMs * 0.15)
}

/** The part of it for writing down the outcome. */
export function recordShareMs(requestMs: number): number {
  return answerReserveMs(requestMs) * 0.7
}
