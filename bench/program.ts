import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import type { Reply } from './processes/answer-commands.ts'

export type Environment = Readonly<Record<string, string>>

/** A program of `processes/` that does as it is told. It ends when this process does. */
export interface RunningProgram {
  call<Output>(command: string, input?: unknown): Promise<Output>
  stop(): Promise<void>
}

export function startProgram(
  path: string,
  environment: Environment,
  { args = [], nodeOptions = [] }: { args?: string[]; nodeOptions?: string[] } = {},
): RunningProgram {
  const child = fork(path, args, {
    env: { ...environment },
    execArgv: nodeOptions,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const exited = once(child, 'exit')
  const waiting = new Map<number, { resolve(output: unknown): void; reject(error: Error): void }>()
  let calls = 0
  child.on('message', ({ id, output, error }: Reply) => {
    if (error === undefined) waiting.get(id)?.resolve(output)
    else waiting.get(id)?.reject(new Error(error))
    waiting.delete(id)
  })
  child.on('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error(`${path} ended early`))
  })
  return {
    async call<Output>(command: string, input?: unknown) {
      const output = await new Promise<unknown>((resolve, reject) => {
        const id = (calls += 1)
        waiting.set(id, { resolve, reject })
        child.send({ id, command, input })
      })
      return output as Output
    },
    async stop() {
      if (child.connected) child.disconnect()
      await exited
    },
  }
}

export interface TimedRun {
  readonly environment: Environment
  readonly cwd: string
  /** The clock stops at the first line on stdout that is this, instead of at the end of the process. */
  readonly untilLine?: string
}

/** Milliseconds from before the process is started until it has ended or said its line. It must end with exit code 0 either way. */
export async function timeProcess(args: readonly string[], { environment, cwd, untilLine }: TimedRun): Promise<number> {
  const startedAt = performance.now()
  const child = spawn(process.execPath, args, { env: { ...environment }, cwd, stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  let saidAt: number | undefined
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    // Between other lines: the app's console is the same stream.
    if (untilLine !== undefined && output.split('\n').includes(untilLine)) saidAt ??= performance.now()
  })
  const [code] = (await once(child, 'exit')) as [number | null]
  const endedAt = performance.now()
  if (code !== 0) throw new Error(`${args.join(' ').slice(0, 200)} ended with exit code ${code}: ${output}`)
  if (untilLine === undefined) return endedAt - startedAt
  if (saidAt === undefined) throw new Error(`${args[0]} was to say ${untilLine} and said ${output}`)
  return saidAt - startedAt
}
