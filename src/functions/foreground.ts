import type { Clock } from '../shared/clock.ts'

/** So long without work: the answer of the last one has left the process. */
const QUIET_MS = 100
/** So many times: whatever waits in the background is done then, however busy this instance is and whatever its clock says. */
const MAX_WAITS = 10

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
      for (let waits = 0; waits < MAX_WAITS; waits += 1) {
        const before = work.begun
        await clock.sleep(QUIET_MS)
        if (work.running === 0 && work.begun === before) return
      }
    },
  }
}
