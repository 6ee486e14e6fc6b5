import type { Clock } from '../shared/clock.ts'
import type { SlotStore } from './store.ts'

/** Anybody may ask whether the app is ready; storage is asked this often at most. */
const REMEMBERED_MS = 5_000
/** No hash of a backend: nothing is ever written there. */
const PROBE_PARTITION = 'probe'

/** Whether storage answers: one question at a time, and its answer is remembered for a while. */
export function createStorageProbe(store: Pick<SlotStore, 'readSlot'>, clock: Clock): () => Promise<boolean> {
  let asked: { readonly answer: Promise<boolean>; readonly untilEpochMs: number } | undefined
  return () => {
    if (asked === undefined || clock.now() >= asked.untilEpochMs) {
      const answer = store.readSlot(PROBE_PARTITION).then(
        () => true,
        () => false,
      )
      asked = { answer, untilEpochMs: clock.now() + REMEMBERED_MS }
    }
    return asked.answer
  }
}
