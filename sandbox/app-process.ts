import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Environment } from './app-environment.ts'
import type { LogRecord } from './host/core-types.ts'
import type { HostCommand, HostReport } from './host/main.ts'

/** Longer than the host takes to drain. */
const STOP_TIMEOUT_MS = 10_000

export interface AppProcessOptions {
  readonly appRoot: string
  readonly environment: Environment
  readonly port: number
  readonly orFreePort: boolean
  readonly tls?: { readonly port: number; readonly key: string; readonly cert: string }
  /** How long a queue message is hidden while it runs: ten minutes, unless a test cannot wait as long. */
  readonly queueHiddenMs?: number
  /** How the host reads its queues, where that is not what the environment says. */
  readonly queueConnection?: string
  /** How long a body may come too slowly: Kestrel's five seconds, unless a test cannot wait as long. */
  readonly bodyGraceMs?: number
  /** Structured log of the app and its host. Without it none is sent. */
  readonly onLog?: (record: LogRecord) => void
  /** What the app prints instead of logging it. */
  readonly onOutput: (text: string) => void
}

/** The function app in a process of its own. */
export interface AppProcess {
  readonly pid: number
  readonly port: number
  readonly tlsPort: number | undefined
  readonly functions: readonly { readonly name: string; readonly trigger: string }[]
  /** Resolves when the process has ended, for whatever reason. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>
  stop(): Promise<void>
  /** SIGKILL, as when a machine fails: nothing that runs is finished. */
  crash(): Promise<void>
}

/** The app could not be started; the message gives the reason in one sentence. */
export class AppStartError extends Error {
  /** Set where a port was the reason. */
  readonly takenPort: number | undefined

  constructor(message: string, takenPort?: number) {
    super(message)
    this.takenPort = takenPort
  }
}

/** Starts the host with the same Node and resolves once it listens. After `functionTimeout` a new process takes the same ports. */
export async function startAppProcess(options: AppProcessOptions): Promise<AppProcess> {
  let current = await startHostProcess(options)
  const { port, tlsPort, functions } = current
  let isStopping = false

  async function run(): Promise<Ending> {
    for (;;) {
      const ending = await current.ended
      if (!ending.isWorkerLost || isStopping) return ending
      const tls = options.tls !== undefined && tlsPort !== undefined ? { ...options.tls, port: tlsPort } : undefined
      current = await startHostProcess({ ...options, port, orFreePort: false, ...(tls !== undefined && { tls }) })
    }
  }
  const ended = run().catch((error: unknown): Ending => {
    options.onOutput(`The function app could not be started again: ${String(error)}\n`)
    return { code: 1, signal: null, isWorkerLost: true }
  })

  async function end(how: (process: HostProcess) => void): Promise<void> {
    isStopping = true
    how(current)
    const timer = setTimeout(() => current.child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await ended
    clearTimeout(timer)
  }

  return {
    get pid() {
      return current.child.pid as number
    },
    port,
    tlsPort,
    functions,
    ended: ended.then(({ code, signal }) => ({ code, signal })),
    stop: () =>
      end(({ child }) => {
        if (child.connected) child.send({ type: 'stop' } satisfies HostCommand, () => {})
      }),
    crash: () => end(({ child }) => void child.kill('SIGKILL')),
  }
}

interface Ending {
  readonly code: number | null
  readonly signal: string | null
  /** It ended because an invocation took too long. */
  readonly isWorkerLost: boolean
}

interface HostProcess {
  readonly child: ChildProcess
  readonly port: number
  readonly tlsPort: number | undefined
  readonly functions: AppProcess['functions']
  readonly ended: Promise<Ending>
}

async function startHostProcess(options: AppProcessOptions): Promise<HostProcess> {
  const env = Object.fromEntries(
    Object.entries(options.environment).filter(([, value]) => value !== undefined),
  ) as Record<string, string>
  const child = fork(fileURLToPath(new URL('host/main.ts', import.meta.url)), [], {
    cwd: options.appRoot,
    env,
    // Flags of this process (a test runner's, an inspector's port) do not belong to the app.
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  child.stdout?.setEncoding('utf8').on('data', options.onOutput)
  child.stderr?.setEncoding('utf8').on('data', options.onOutput)
  let isWorkerLost = false
  const ended = new Promise<Ending>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal, isWorkerLost })),
  )

  const ready = await new Promise<HostReport & { type: 'ready' }>((resolve, reject) => {
    child.once('error', reject)
    child.on('message', (report: HostReport) => {
      if (report.type === 'log') options.onLog?.(report.record)
      else if (report.type === 'ready') resolve(report)
      else if (report.type === 'worker-lost') isWorkerLost = true
      else reject(new AppStartError(report.message, report.takenPort))
    })
    void ended.then(({ code }) =>
      reject(new AppStartError(`The function app's process ended while starting (exit code ${code}).`)),
    )
    const { appRoot, port, orFreePort, tls, queueHiddenMs, bodyGraceMs, queueConnection, onLog } = options
    child.send({
      type: 'start',
      appRoot,
      port,
      orFreePort,
      logs: onLog !== undefined,
      ...(tls !== undefined && { tls }),
      ...(queueHiddenMs !== undefined && { queueHiddenMs }),
      ...(queueConnection !== undefined && { queueConnection }),
      ...(bodyGraceMs !== undefined && { bodyGraceMs }),
    } satisfies HostCommand)
  }).catch(async (error: unknown) => {
    child.kill('SIGKILL')
    await ended
    throw error
  })
  return { child, port: ready.port, tlsPort: ready.tlsPort, functions: ready.functions, ended }
}
