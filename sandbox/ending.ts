/** How often a process that npm started looks whether its shell still runs. */
const ORPHAN_CHECK_MS = 500

export interface Ending {
  /** Ends the process, once: what is registered is undone in reverse order. The exit code is that of the first call. */
  end(code: number): Promise<never>
  begun(): boolean
  /** Undone at the end. */
  onEnd(undo: () => Promise<void> | void): void
}

/** Ctrl-C, SIGTERM, a closed terminal and defects all end the process in the same way. */
export function createEnding(): Ending {
  const steps: (() => Promise<void> | void)[] = []
  let ending: Promise<never> | undefined

  async function run(code: number): Promise<never> {
    let exitCode = code
    for (const step of steps.toReversed()) {
      try {
        await step()
      } catch (error) {
        process.stderr.write(`${String(error)}\n`)
        exitCode = 1
      }
    }
    process.exit(exitCode)
  }

  const end = (code: number): Promise<never> => (ending ??= run(code))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end(0))
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
      void end(1)
    })
  }
  if (process.env['npm_lifecycle_event'] !== undefined) watchParent(() => void end(0))
  return { end, begun: () => ending !== undefined, onEnd: (undo) => void steps.push(undo) }
}

/** npm starts a shell, which starts this process. A SIGTERM to npm ends the shell and does not reach this process. */
function watchParent(onOrphaned: () => void): void {
  const parent = process.ppid
  setInterval(() => {
    if (process.ppid !== parent) onOrphaned()
  }, ORPHAN_CHECK_MS).unref()
}
