import type { Clock } from '../shared/clock.ts'
import { within } from '../shared/within.ts'

/** Anyone may ask whether the app is ready; storage is not asked again for so long after an answer. */
const REMEMBERED_MS = 5_000
/** Enough for a slow row in each table. An answer that comes later does not count: who asks gives up soon. */
const LIMIT_MS = 8_000

/**
 * Whether storage takes writes, in tables and queues: one question at a time, whose answer is remembered for five seconds. Answers within eight
 * seconds and never rejects: a fault, or no answer in time, is a no.
 */
export function createStorageProbe(probes: readonly (() => Promise<void>)[], clock: Clock): () => Promise<boolean> {
  let asking: Promise<boolean> | undefined
  let known: { readonly takesWrites: boolean; readonly atEpochMs: number } | undefined

  async function ask(): Promise<boolean> {
    const answers = Promise.all(probes.map(async (probe) => probe())).then(
      () => true,
      () => false,
    )
    const takesWrites = (await within(answers, LIMIT_MS, clock)) === true
    known = { takesWrites, atEpochMs: clock.now() }
    asking = undefined
    return takesWrites
  }

  return async () => {
    const ageMs = known === undefined ? REMEMBERED_MS : clock.now() - known.atEpochMs
    // The clock may have been set back meanwhile.
    if (known !== undefined && ageMs >= 0 && ageMs < REMEMBERED_MS) return known.takesWrites
    return (asking ??= ask())
  }
}
