import { setImmediate as nextLoopPass } from 'node:timers/promises'
import { DONE, type Clock } from './clock.ts'

/** The call was given up. Its outcome is unknown: a write may still be applied. */
export class TimedOut extends Error {
  override readonly name = 'TimedOut'
  readonly limitMs: number

  constructor(limitMs: number, options?: ErrorOptions) {
    super(`no answer within ${limitMs} ms`, options)
    this.limitMs = limitMs
  }
}

export interface CallLimit {
  readonly clock: Clock
  /** Counted in turns: the call may take longer by as much as the process itself is late. */
  readonly limitMs: number
}

/**
 * The limit is divided into this many sleeps, one after the other. The event loop reads sockets between two of them. A process that is too
 * busy to read an answer in time therefore has this many chances, instead of blaming the called service.
 */
const TURNS = 16

/**
 * One call with a time limit. When the limit has passed, the signal aborts and the call rejects with {@link TimedOut}, also if the called
 * part ignores the signal (`ManagedIdentityCredential` does). Otherwise it settles as the call does. A late outcome is dropped.
 * Without any time left the call is not made. Leaves no timer behind.
 *
 *     sleep 1/16 ─ read sockets ─ sleep 1/16 ─ … ─ sleep 1/16 ─ read sockets ─▶ abort, TimedOut
 *
 * NOT guaranteed: an end by the wall clock. A sleep that ends 5 s late counts as 1/16 of the limit. A caller that needs a moment in time
 * also waits for a Deadline.
 */
export async function boundedCall<T>(
  { clock, limitMs }: CallLimit,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (limitMs <= 0) throw new TimedOut(limitMs)
  const limit = new AbortController()
  const settled = new AbortController()

  async function waitForLimit(): Promise<typeof EXPIRED> {
    await sleepInTurns(clock, limitMs, settled.signal)
    if (!settled.signal.aborted) limit.abort(DONE)
    return EXPIRED
  }

  try {
    const outcome = await Promise.race([call(limit.signal), waitForLimit()])
    if (outcome === EXPIRED) throw new TimedOut(limitMs)
    return outcome
  } catch (fault) {
    // A part that obeys the signal rejects with an error of its own kind.
    if (limit.signal.aborted && !(fault instanceof TimedOut)) throw new TimedOut(limitMs, { cause: fault })
    throw fault
  } finally {
    settled.abort(DONE)
  }
}

const EXPIRED: unique symbol = Symbol('expired')

async function sleepInTurns(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  const turnMs = Math.ceil(ms / TURNS)
  for (let leftMs = ms; leftMs > 0 && !signal.aborted; leftMs -= turnMs)
    await clock.sleep(Math.min(turnMs, leftMs), signal)
  // An answer may have arrived during the last sleep.
  if (!signal.aborted) await nextLoopPass()
}
