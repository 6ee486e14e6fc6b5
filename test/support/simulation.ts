import type { Clock } from '../../src/shared/clock.ts'

/** Random numbers from a seed (mulberry32): a schedule that failed can be run again. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Virtual time: nothing happens but the next event, and of events at one moment any may be the next. */
export interface Simulation {
  now(): number
  random(): number
  /** Runs `work` after `ms` of virtual time. Returns a function that takes it back. */
  after(ms: number, work: () => void): () => void
  sleep(ms: number): Promise<void>
  /** A clock of an instance, that much ahead of the true time; `dead` stops the instance: what it waits for never comes. */
  clock(skewMs: number, dead: () => boolean): Clock
  /** Runs until nothing is left to happen. */
  run(): Promise<void>
}

const MAX_EVENTS = 100_000

export function createSimulation(seed: number, startEpochMs: number): Simulation {
  const random = createRandom(seed)
  let now = startEpochMs
  const events = new Set<{ readonly at: number; readonly order: number; readonly work: () => void }>()

  function after(ms: number, work: () => void): () => void {
    const event = { at: now + Math.max(0, ms), order: random(), work }
    events.add(event)
    return () => void events.delete(event)
  }

  return {
    now: () => now,
    random,
    after,
    sleep: (ms) => new Promise((resolve) => after(ms, resolve)),
    clock: (skewMs, dead) => ({
      now: () => now + skewMs,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          if (signal?.aborted === true) return resolve()
          const cancel = after(ms, () => {
            signal?.removeEventListener('abort', aborted)
            if (!dead()) resolve()
          })
          function aborted(): void {
            cancel()
            resolve()
          }
          signal?.addEventListener('abort', aborted, { once: true })
          return undefined
        }),
    }),
    async run() {
      for (let count = 0; ; count += 1) {
        if (count > MAX_EVENTS) throw new Error('the simulation does not come to an end')
        // Whatever the last event set free runs to its next wait.
        await new Promise((resolve) => setImmediate(resolve))
        let next: typeof events extends Set<infer E> ? E | undefined : never
        for (const event of events) if (next === undefined || event.at < next.at || (event.at === next.at && event.order < next.order)) next = event
        if (next === undefined) return
        events.delete(next)
        now = next.at
        next.work()
      }
    },
  }
}
