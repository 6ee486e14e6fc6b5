export interface Ending {
  /** Ends the process: once, whoever asks first, with what is registered undone in reverse order. */
  end(code: number): Promise<never>
  begun(): boolean
  /** Undone at the end. */
  onEnd(undo: () => Promise<void> | void): void
}

/** Ctrl-C, SIGTERM, a closed terminal and defects all lead through one door. */
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
  return { end, begun: () => ending !== undefined, onEnd: (undo) => void steps.push(undo) }
}
