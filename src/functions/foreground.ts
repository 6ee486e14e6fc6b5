import type { Clock } from '../shared/clock.ts'

/** So long without work: the answer of the last one has left the process. */
const QUIET_MS = 100
/** Whatever waits in the background is done then, however busy this instance is. */
const MAX_WAIT_MS = 1_000

/** Requests and messages that are worked on, for work in the background to give way to. */
export interface Foreground {
  begin(): void
  end(): void
  /** Resolves when nothing has been worked on for 100 ms, and after about a second at the latest. */
  quiet(clock: Clock): Promise<void>
}

export function createForeground(): Foreground {
  const work = { begun: 0, running: 0 }
  return {
    begin() {
      work.begun += 1
      work.running += 1
    },
    end() {
      work.running -= 1
    },
    async quiet(clock) {
      const untilEpochMs = clock.now() + MAX_WAIT_MS
      let before: number
      do {
        before = work.begun
        await clock.sleep(QUIET_MS)
      } while ((work.running > 0 || work.begun > before) && clock.now() < untilEpochMs)
    },
  }
}
