import type { Clock } from './clock.ts'

/** The moment by which a request must have ended; every wait and every call in it is bounded by this one object. */
export interface Deadline {
  readonly atEpochMs: number
  /** Aborts at the deadline. Pass it to whatever takes a signal. */
  readonly signal: AbortSignal
  /** Milliseconds left, never negative. */
  remainingMs(): number
  /** Clears the timer. Whoever created the deadline calls it when the request has ended. */
  dispose(): void
}

export function createDeadline(clock: Clock, durationMs: number): Deadline {
  const atEpochMs = clock.now() + durationMs
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(new Error('the deadline of the request has passed')), durationMs)
  return {
    atEpochMs,
    signal: controller.signal,
    remainingMs: () => Math.max(0, atEpochMs - clock.now()),
    dispose: () => clearTimeout(timer),
  }
}

/**
 * What a request keeps back of its time for writing down its outcome and for the answer, in milliseconds: the whole request ends within the
 * setting, also when storage hangs.
 */
export function answerReserveMs(requestMs: number): number {
  return Math.min(750, requestMs * 0.15)
}

/** The part of it for writing down the outcome. */
export function recordShareMs(requestMs: number): number {
  return answerReserveMs(requestMs) * 0.7
}
