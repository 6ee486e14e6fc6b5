import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { boundedCall } from '../src/shared/bounded-call.ts'
import { systemClock } from '../src/shared/clock.ts'
import type { Section } from './table.ts'

/** What the process of a part sends, once. */
export type PartResult = { readonly section: Section } | { readonly error: string }

/** A part that is being measured. */
export interface PartProcess {
  /** Rejects if the part fails, if its process ends without a result, and when the limit has passed. */
  readonly section: Promise<Section>
  /** Ends the process with all that it has started, and removes its temporary folder. Idempotent; call it in any case. */
  stop(): Promise<void>
}

const IS_WINDOWS = process.platform === 'win32'

/** Starts a process with a process group and a temporary folder of its own, so that a part that hangs leaves nothing behind. */
export function startPart(path: string, args: readonly string[], limitMs: number): PartProcess {
  const folder = mkdtempSync(join(tmpdir(), 'apim-reconnect-bench-'))
  const child = fork(path, [...args], {
    env: { ...process.env, TMPDIR: folder },
    // Ctrl-C reaches the whole process group of the benchmark, which then stops its parts itself.
    detached: !IS_WINDOWS,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  const result = new Promise<Section>((resolve, reject) => {
    child.once('message', (result: PartResult) => {
      if ('section' in result) resolve(result.section)
      else reject(new Error(result.error))
    })
    exited.then(([code, signal]) => reject(new Error(`it ended without a result (${signal ?? code})`)), reject)
  })
  const section = boundedCall({ clock: systemClock, limitMs }, () => result)
  // A caller that has stopped the part no longer waits for it.
  section.catch(() => undefined)
  return {
    section,
    async stop() {
      killGroup(child.pid as number)
      await exited
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The group lives on without its first process for as long as any other is in it. Azurite is in none and ends with its channel. */
function killGroup(pid: number): void {
  try {
    process.kill(IS_WINDOWS ? pid : -pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
