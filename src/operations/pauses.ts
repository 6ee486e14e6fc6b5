import { findPause, isLasting, MAX_PAUSES, type Pause } from '../domain/pause.ts'
import type { Pauses } from '../reconnect/operator-ports.ts'
import type { Clock } from '../shared/clock.ts'
import { within } from '../shared/within.ts'
import type { OperatorStore } from '../storage/operator-store.ts'

/** Pauses are read this often at most, whatever happens. */
const REFRESH_AFTER_MS = 5_000
/** Contract, section 11: a pause, or its end, is effective within 10 s. What was read longer ago counts for nothing. */
const USABLE_MS = 9_000
/** A decision waits so long for a read while it knows earlier pauses. */
const WAIT_MS = 500
/** While it knows none: the first read opens the tables, with a token of an identity endpoint that may take seconds. One read takes a second. */
const FIRST_WAIT_MS = 5_000
/** A clock may be this much ahead: pauses that ended so long ago are read as well, and judged one by one. */
const CLOCKS_APART_MS = 60_000
/** Two creations at the same time may go beyond the limit by one. */
const MAX_READ = 2 * MAX_PAUSES

interface View {
  readonly pauses: readonly Pause[]
  readonly readAtEpochMs: number
  /** Changes that this instance had made when the read began. */
  readonly changes: number
}

/**
 * Pauses as decisions need them: from memory, read again every 5 s while there are decisions. One read is shared by all that wait for it.
 *
 *   read ──── 5 s: as known ────┬── read again; while that fails, as known ──┬── unknown: nothing is paused
 *                               5 s                                          9 s
 *
 * What this instance changes it reads at once.
 */
export function createPauses(store: OperatorStore, clock: Clock): Pauses {
  let view: View | undefined
  let reading: Promise<void> | undefined
  let tried: { readonly atEpochMs: number; readonly changes: number } | undefined
  let changes = 0

  const isYounger = (epochMs: number, ms: number): boolean => {
    const ageMs = clock.now() - epochMs
    // A clock that was set back must not keep an old view alive.
    return ageMs >= 0 && ageMs < ms
  }

  async function read(): Promise<void> {
    const begun = { readAtEpochMs: clock.now(), changes }
    tried = { atEpochMs: begun.readAtEpochMs, changes }
    try {
      view = { pauses: await store.listPauses(begun.readAtEpochMs - CLOCKS_APART_MS, MAX_READ), ...begun }
    } catch {
      // Who waits finds the earlier view, or none.
    } finally {
      reading = undefined
    }
  }

  /** Undefined: storage could not be read in time. */
  async function known(): Promise<readonly Pause[] | undefined> {
    if (view?.changes === changes && isYounger(view.readAtEpochMs, REFRESH_AFTER_MS)) return view.pauses
    const isDue = tried === undefined || tried.changes !== changes || !isYounger(tried.atEpochMs, REFRESH_AFTER_MS)
    if (isDue) reading ??= read()
    if (reading !== undefined) await within(reading, view === undefined ? FIRST_WAIT_MS : WAIT_MS, clock)
    return view !== undefined && isYounger(view.readAtEpochMs, USABLE_MS) ? view.pauses : undefined
  }

  return {
    async find(backend, webhook) {
      const pauses = await known()
      if (pauses === undefined) return { kind: 'unknown' }
      const pause = findPause(pauses, backend, webhook, clock.now())
      return pause === undefined ? { kind: 'none' } : { kind: 'paused', pause }
    },

    async list() {
      const pauses = await store.listPauses(clock.now(), MAX_READ)
      return pauses
        .filter((pause) => isLasting(pause, clock.now()))
        .toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1))
    },

    async read(id) {
      const pause = await store.readPause(id)
      return pause !== undefined && isLasting(pause, clock.now()) ? pause : undefined
    },

    async create(pause) {
      try {
        await store.writePause(pause)
      } catch (fault) {
        // The write may have been applied, and its answer lost.
        if ((await store.readPause(pause.id).catch(() => undefined)) === undefined) throw fault
      } finally {
        changes += 1
      }
    },

    async remove(id) {
      try {
        return await store.removePause(id)
      } catch (fault) {
        const isGone = await store.readPause(id).then(
          (pause) => pause === undefined,
          () => false,
        )
        if (!isGone) throw fault
        return true
      } finally {
        changes += 1
      }
    },
  }
}
