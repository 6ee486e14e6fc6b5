import { fork } from 'node:child_process'
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
  /** Structured log of the app and its host. Without it none is sent. */
  readonly onLog?: (record: LogRecord) => void
  /** What the app prints past its log. */
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
  /** As a machine that fails: nothing gets to end what it began. */
  crash(): Promise<void>
}

/** The app could not be started; the message says why in a sentence. */
export class AppStartError extends Error {
  /** Set where a port was the reason. */
  readonly takenPort: number | undefined

  constructor(message: string, takenPort?: number) {
    super(message)
    this.takenPort = takenPort
  }
}

/** Starts the host with the same Node and resolves once it listens. */
export async function startAppProcess(options: AppProcessOptions): Promise<AppProcess> {
  const env = Object.fromEntries(
    Object.entries(options.environment).filter(([, value]) => value !== undefined),
  ) as Record<string, string>
  const child = fork(fileURLToPath(new URL('host/main.ts', import.meta.url)), [], {
    cwd: options.appRoot,
    env,
    // What this process was started with (a test runner's flags, an inspector's port) is not the app's.
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  child.stdout?.setEncoding('utf8').on('data', options.onOutput)
  child.stderr?.setEncoding('utf8').on('data', options.onOutput)
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal })),
  )

  const ready = await new Promise<HostReport & { type: 'ready' }>((resolve, reject) => {
    child.once('error', reject)
    child.on('message', (report: HostReport) => {
      if (report.type === 'log') options.onLog?.(report.record)
      else if (report.type === 'ready') resolve(report)
      else reject(new AppStartError(report.message, report.takenPort))
    })
    void ended.then(({ code }) =>
      reject(new AppStartError(`The function app's process ended while starting (exit code ${code}).`)),
    )
    const { appRoot, port, orFreePort, tls, queueHiddenMs, queueConnection, onLog } = options
    child.send({
      type: 'start',
      appRoot,
      port,
      orFreePort,
      logs: onLog !== undefined,
      ...(tls !== undefined && { tls }),
      ...(queueHiddenMs !== undefined && { queueHiddenMs }),
      ...(queueConnection !== undefined && { queueConnection }),
    } satisfies HostCommand)
  }).catch(async (error: unknown) => {
    child.kill('SIGKILL')
    await ended
    throw error
  })

  return {
    pid: child.pid as number,
    port: ready.port,
    tlsPort: ready.tlsPort,
    functions: ready.functions,
    ended,
    async stop() {
      if (child.connected) child.send({ type: 'stop' } satisfies HostCommand, () => {})
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
      await ended
      clearTimeout(timer)
    },
    async crash() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
