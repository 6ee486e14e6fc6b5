import { DONE, type Clock } from './clock.ts'

export const TIMED_OUT: unique symbol = Symbol('timed out')

/**
 * Waits at most `ms`, and no longer than until `signal` aborts, for work that others share or that cannot be cancelled. The work continues, and
 * its late outcome is dropped. Rejects as the work rejects. Leaves no timer and no listener behind. A call of its own uses `boundedCall`.
 */
export async function within<T>(
  work: Promise<T>,
  ms: number,
  clock: Clock,
  signal?: AbortSignal,
): Promise<T | typeof TIMED_OUT> {
  const done = new AbortController()
  const stopWaiting = (): void => done.abort(DONE)
  if (signal?.aborted === true) stopWaiting()
  signal?.addEventListener('abort', stopWaiting)
  try {
    return await Promise.race([work, clock.sleep(ms, done.signal).then((): typeof TIMED_OUT => TIMED_OUT)])
  } finally {
    signal?.removeEventListener('abort', stopWaiting)
    done.abort(DONE)
  }
}
