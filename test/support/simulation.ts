import type { Clock } from '../../src/shared/clock.ts'
import type { Deadline } from '../../src/shared/deadline.ts'

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
  deadline(ms: number): Deadline
  /** Runs until nothing is left to happen. */
  run(): Promise<void>
}

interface SimulatedEvent {
  readonly at: number
  readonly order: number
  /** Undefined: taken back. */
  work?: () => void
}

const isBefore = (a: SimulatedEvent, b: SimulatedEvent): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

const MAX_EVENTS = 1_000_000

export function createSimulation(seed: number, startEpochMs: number): Simulation {
  const random = createRandom(seed)
  let now = startEpochMs
  /** The next one is the last. */
  const events: SimulatedEvent[] = []

  function after(ms: number, work: () => void): () => void {
    const event: SimulatedEvent = { at: now + Math.max(0, ms), order: random(), work }
    let [low, high] = [0, events.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (isBefore(event, events[middle] as SimulatedEvent)) low = middle + 1
      else high = middle
    }
    events.splice(low, 0, event)
    return () => delete event.work
  }

  return {
    now: () => now,
    random,
    after,
    sleep: (ms) => new Promise((resolve) => after(ms, resolve)),
    clock: (skewMs, dead) => ({
      now: () => now + skewMs,
      after: (ms, call) =>
        after(ms, () => {
          if (!dead()) call()
        }),
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
    deadline(ms) {
      const atEpochMs = now + ms
      const controller = new AbortController()
      const dispose = after(ms, () => controller.abort())
      return { atEpochMs, signal: controller.signal, remainingMs: () => Math.max(0, atEpochMs - now), dispose }
    },
    async run() {
      for (let count = 0; ; count += 1) {
        if (count > MAX_EVENTS) throw new Error('the simulation does not come to an end')
        // Whatever the last event set free runs to its next wait.
        await new Promise((resolve) => setImmediate(resolve))
        let next = events.pop()
        while (next !== undefined && next.work === undefined) next = events.pop()
        if (next?.work === undefined) return
        now = next.at
        next.work()
      }
    },
  }
}
