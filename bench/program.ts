import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import type { Readable } from 'node:stream'
import type { Reply } from './processes/answer-commands.ts'

export type Environment = Readonly<Record<string, string>>

/** A program of `processes/` that answers commands. It ends with this process at the latest. */
export interface RunningProgram {
  /** Rejects if the command fails or the program ends. */
  call<Output>(command: string, input?: unknown): Promise<Output>
  /** Idempotent. Resolves when the process has ended. */
  stop(): Promise<void>
  /** The end of what it has written to stderr; empty if nothing. */
  complaints(): string
}

export interface ProgramOptions {
  readonly args?: readonly string[]
  readonly nodeOptions?: readonly string[]
}

/** A program that is busy or stuck does not see that its channel is closed. */
const KILL_AFTER_MS = 5_000
const MAX_COMPLAINT_CHARS = 2_000

export function startProgram(
  path: string,
  environment: Environment,
  { args = [], nodeOptions = [] }: ProgramOptions = {},
): RunningProgram {
  const child = fork(path, [...args], {
    env: { ...environment },
    execArgv: [...nodeOptions],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  // Node does not emit 'close' for a child whose channel its parent has closed.
  const ended = Promise.all([once(child, 'exit'), once(child.stderr as Readable, 'close')])
  const complaints = keepEnd(child.stderr as Readable)
  const waiting = new Map<number, { resolve(output: unknown): void; reject(error: Error): void }>()
  let calls = 0
  child.on('message', ({ id, output, error }: Reply) => {
    if (error === undefined) waiting.get(id)?.resolve(output)
    else waiting.get(id)?.reject(new Error(error))
    waiting.delete(id)
  })
  child.on('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error(`${path} has ended`))
    waiting.clear()
  })
  return {
    complaints,
    async call<Output>(command: string, input?: unknown) {
      if (!child.connected) throw new Error(`${path} has ended`)
      const output = await new Promise<unknown>((resolve, reject) => {
        const id = (calls += 1)
        waiting.set(id, { resolve, reject })
        child.send({ id, command, input })
      })
      return output as Output
    },
    async stop() {
      if (child.connected) child.disconnect()
      const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS)
      await ended
      clearTimeout(timer)
    },
  }
}

/** Programs that end together. */
export interface ProgramGroup {
  start(...args: Parameters<typeof startProgram>): RunningProgram
  /** What its programs have written to stderr, for the report of a failure. */
  complaints(): string
  stopAll(): Promise<void>
}

export function createProgramGroup(): ProgramGroup {
  const programs: RunningProgram[] = []
  return {
    start(...args) {
      const program = startProgram(...args)
      programs.push(program)
      return program
    },
    complaints: () =>
      programs
        .map((program) => program.complaints())
        .filter((text) => text !== '')
        .join(''),
    async stopAll() {
      await Promise.all(programs.map((program) => program.stop()))
    },
  }
}

export interface TimedRun {
  readonly environment: Environment
  readonly cwd: string
  /** Stops the time at the first line of stdout that equals this text, instead of at the end of the process. */
  readonly untilLine?: string
}

/** Milliseconds from before the process is started until it has ended, or has written `untilLine`. Rejects if its exit code is not 0. */
export async function timeProcess(args: readonly string[], { environment, cwd, untilLine }: TimedRun): Promise<number> {
  const startedAt = performance.now()
  const child = spawn(process.execPath, args, { env: { ...environment }, cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  const complaints = keepEnd(child.stderr)
  let output = ''
  let writtenAt: number | undefined
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    // The app's own log is on the same stream.
    if (untilLine !== undefined && output.split('\n').includes(untilLine)) writtenAt ??= performance.now()
  })
  const [code] = (await once(child, 'exit')) as [number | null]
  const endedAt = performance.now()
  const program = args.join(' ').slice(0, 200)
  if (code !== 0) throw new Error(`${program} ended with exit code ${code}: ${output}${complaints()}`)
  if (untilLine === undefined) return endedAt - startedAt
  if (writtenAt === undefined)
    throw new Error(`${program} was expected to write ${untilLine} and wrote ${output}${complaints()}`)
  return writtenAt - startedAt
}

/** Reads a stream to its end, so that its writer is never blocked, and keeps the last of it. */
function keepEnd(stream: Readable): () => string {
  let end = ''
  stream.setEncoding('utf8').on('data', (text: string) => (end = (end + text).slice(-MAX_COMPLAINT_CHARS)))
  return () => end
}
