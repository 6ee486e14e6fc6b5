import type { Clock } from './clock.ts'

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
  const { promise: limit, resolve } = Promise.withResolvers<typeof TIMED_OUT>()
  const giveUp = (): void => resolve(TIMED_OUT)
  const cancel = clock.after(ms, giveUp)
  if (signal?.aborted === true) giveUp()
  signal?.addEventListener('abort', giveUp)
  try {
    return await Promise.race([work, limit])
  } finally {
    signal?.removeEventListener('abort', giveUp)
    cancel()
  }
}
