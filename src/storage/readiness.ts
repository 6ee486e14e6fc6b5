import type { Clock } from '../shared/clock.ts'

/** Anyone may ask whether the app is ready; storage is asked this often at most. */
const REMEMBERED_MS = 5_000

/** Whether storage takes writes, in tables and queues: one question at a time, and its answer is remembered for a while. */
export function createStorageProbe(probes: readonly (() => Promise<void>)[], clock: Clock): () => Promise<boolean> {
  let asked: { readonly answer: Promise<boolean>; readonly untilEpochMs: number } | undefined
  return () => {
    if (asked === undefined || clock.now() >= asked.untilEpochMs) {
      const answer = Promise.all(probes.map((probe) => probe())).then(
        () => true,
        () => false,
      )
      asked = { answer, untilEpochMs: clock.now() + REMEMBERED_MS }
    }
    return asked.answer
  }
}
