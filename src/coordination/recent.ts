import type { Scheduled } from '../domain/operation.ts'
import type { Clock } from '../shared/clock.ts'
import { remember } from '../shared/remember.ts'

/**
 * Requests that come so soon after a look at the slot share it, as those do that come while it runs. A reconnect that ARM had accepted by then
 * is still accepted, and whether it is due late enough is asked of the clock for each request.
 */
const SHARED_LOOK_MS = 50
/** Backends that are remembered; the oldest are forgotten first. */
const MAX_BACKENDS = 10_000

/** What this process knows of backends without asking storage. */
export interface Recent {
  /** The last reconnect that ARM accepted from here: counts only while storage cannot be asked. */
  readonly sent: Memory<Scheduled>
  /** What a request has read in the slot a moment ago. */
  justSeen(key: string): Scheduled | undefined
  /** A look that began then has found this. */
  saw(key: string, scheduled: Scheduled, beganAtEpochMs: number): void
  /** The slot is about to change. */
  forgetLook(key: string): void
}

interface Memory<T> {
  get(key: string): T | undefined
  set(key: string, value: T): void
}

export function createRecent(clock: Clock): Recent {
  const sent = new Map<string, Scheduled>()
  const looks = new Map<string, { readonly scheduled: Scheduled; readonly beganAtEpochMs: number }>()

  return {
    sent: { get: (key) => sent.get(key), set: (key, scheduled) => remember(sent, key, scheduled, MAX_BACKENDS) },
    justSeen(key) {
      const look = looks.get(key)
      if (look === undefined) return undefined
      const ageMs = clock.now() - look.beganAtEpochMs
      if (ageMs >= 0 && ageMs <= SHARED_LOOK_MS) return look.scheduled
      looks.delete(key)
      return undefined
    },
    saw: (key, scheduled, beganAtEpochMs) => remember(looks, key, { scheduled, beganAtEpochMs }, MAX_BACKENDS),
    forgetLook: (key) => void looks.delete(key),
  }
}
