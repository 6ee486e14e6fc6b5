import { DONE, type Clock } from './clock.ts'

export const TIMED_OUT: unique symbol = Symbol('timed out')

/**
 * Waits for `work` at most `ms`, for work that cannot be cancelled. The work goes on: whoever started it must not mind.
 * No timer is left behind.
 */
export async function within<T>(work: Promise<T>, ms: number, clock: Clock): Promise<T | typeof TIMED_OUT> {
  const done = new AbortController()
  try {
    return await Promise.race([work, clock.sleep(ms, done.signal).then((): typeof TIMED_OUT => TIMED_OUT)])
  } finally {
    done.abort(DONE)
  }
}
