interface Call {
  readonly id: number
  readonly command: string
  readonly input: never
}

export interface Reply {
  readonly id: number
  readonly output?: unknown
  readonly error?: string
}

/** Runs the commands that the benchmark sends over the IPC channel. The process ends when the channel closes. */
export function answerCommands(commands: Readonly<Record<string, (input: never) => unknown>>): void {
  async function answer({ id, command, input }: Call): Promise<Reply> {
    try {
      return { id, output: await commands[command]?.(input) }
    } catch (error) {
      return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
    }
  }
  process.on('message', (call: Call) => void answer(call).then((reply) => process.send?.(reply)))
  process.on('disconnect', () => process.exit())
}
