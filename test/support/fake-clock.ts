import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../../src/shared/clock.ts'

/** A clock whose time changes only when the test advances it. */
export interface FakeClock extends Clock {
  /** Advances the time. Each sleep ends at its own moment, and its work runs before the next one ends. */
  advance(ms: number): Promise<void>
  /** Advances the time, sleep by sleep, until the work has settled. Fails if the work waits for something other than time. */
  finish<T>(work: Promise<T>): Promise<T>
  /** Number of sleeps that have neither ended nor been aborted. At the end of a test each is a timer left behind. */
  sleeping(): number
  /** Every sleep that was begun, in milliseconds. */
  readonly begun: readonly number[]
}

/** 2026-11-23T00:00:00Z, as a number. */
export const START_EPOCH_MS = 1_795_392_000_000

/** More sleeps than any work of a test needs. */
const MAX_STEPS = 20_000

export function createFakeClock(startEpochMs = START_EPOCH_MS): FakeClock {
  let nowEpochMs = startEpochMs
  const sleepers = new Set<{ readonly wakeAtEpochMs: number; readonly wake: () => void }>()
  const begun: number[] = []

  /** Promises that settle one after the other need some turns of the event loop. */
  async function settle(): Promise<void> {
    for (let turn = 0; turn < 5; turn += 1) await nextTurn()
  }

  const earliest = () => [...sleepers].toSorted((a, b) => a.wakeAtEpochMs - b.wakeAtEpochMs)[0]

  return {
    begun,
    now: () => nowEpochMs,
    sleeping: () => sleepers.size,
    after(ms, call) {
      begun.push(ms)
      const sleeper = { wakeAtEpochMs: nowEpochMs + ms, wake }
      function wake(): void {
        sleepers.delete(sleeper)
        call()
      }
      sleepers.add(sleeper)
      return () => void sleepers.delete(sleeper)
    },
    sleep(ms, signal) {
      begun.push(ms)
      if (signal?.aborted === true) return Promise.resolve()
      return new Promise((resolve) => {
        const sleeper = { wakeAtEpochMs: nowEpochMs + ms, wake }
        function wake(): void {
          sleepers.delete(sleeper)
          signal?.removeEventListener('abort', wake)
          resolve()
        }
        sleepers.add(sleeper)
        signal?.addEventListener('abort', wake)
      })
    },
    async advance(ms) {
      const endEpochMs = nowEpochMs + ms
      await settle()
      for (;;) {
        const next = earliest()
        if (next === undefined || next.wakeAtEpochMs > endEpochMs) break
        nowEpochMs = Math.max(nowEpochMs, next.wakeAtEpochMs)
        next.wake()
        await settle()
      }
      nowEpochMs = endEpochMs
    },
    async finish(work) {
      const seen = { settled: false }
      const note = (): void => void (seen.settled = true)
      work.then(note, note)
      for (let steps = 0; ; steps += 1) {
        await settle()
        if (seen.settled) return work
        const next = earliest()
        if (next === undefined || steps > MAX_STEPS) throw new Error('the work waits for something other than time')
        nowEpochMs = Math.max(nowEpochMs, next.wakeAtEpochMs)
        next.wake()
      }
    },
  }
}
