/** The source of time. It is passed in, so that tests can control it. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** Calls `call` once after `ms`. The returned function cancels it: afterwards no timer is left behind. */
  after(ms: number, call: () => void): () => void
  /** Resolves after `ms`, or when `signal` aborts. Never rejects and leaves no timer behind. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms)
    return () => clearTimeout(timer)
  },
  // Not `node:timers/promises`: it creates an AbortError with a stack for every sleep that is aborted, and nearly all are here.
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) return resolve()
      const timer = setTimeout(end, ms)
      function end(): void {
        clearTimeout(timer)
        signal?.removeEventListener('abort', end)
        resolve()
      }
      signal?.addEventListener('abort', end)
      return undefined
    }),
}

/** The reason of an abort that is not a fault. The default reason would be an exception with a stack. */
export const DONE = 'done'
