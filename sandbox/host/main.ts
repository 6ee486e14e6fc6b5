/**
 * The process of the function app. The supervisor starts it with exactly the app's environment. Over the IPC channel it sends what does not
 * belong to that environment (ports, the certificate of the TLS front end), and gets log lines and "ready" back.
 */
import type { LogRecord } from './core-types.ts'
import { startHost, type Host } from './host.ts'
import { AppLoadError } from './load-app.ts'

/** Supervisor → host. */
export type HostCommand =
  | {
      readonly type: 'start'
      readonly appRoot: string
      readonly port: number
      readonly orFreePort: boolean
      readonly tls?: { readonly port: number; readonly key: string; readonly cert: string }
      /** Send log lines; otherwise they are dropped. */
      readonly logs: boolean
      readonly queueHiddenMs?: number
      readonly queueConnection?: string
      readonly bodyGraceMs?: number
    }
  | { readonly type: 'stop' }

/** Host → supervisor. */
export type HostReport =
  | { readonly type: 'ready'; readonly port: number; readonly tlsPort?: number; readonly functions: Host['functions'] }
  /** functionTimeout: this process ends, and a new one has to take its place on the same ports. */
  | { readonly type: 'worker-lost' }
  | { readonly type: 'failed'; readonly message: string; readonly takenPort?: number }
  | { readonly type: 'log'; readonly record: LogRecord }

let host: Host | undefined

async function start(command: HostCommand & { type: 'start' }): Promise<void> {
  const log = command.logs ? (record: LogRecord) => report({ type: 'log', record }) : () => {}
  try {
    host = await startHost({ ...command, environment: process.env, log })
    report({
      type: 'ready',
      port: host.port,
      functions: host.functions,
      ...(host.tlsPort !== undefined && { tlsPort: host.tlsPort }),
    })
    void endWhenLost(host)
  } catch (error) {
    const { code, port } = error as { code?: string; port?: number }
    const message =
      error instanceof AppLoadError || code !== undefined
        ? (error as Error).message
        : error instanceof Error
          ? (error.stack ?? error.message)
          : String(error)
    report({ type: 'failed', message, ...(code === 'EADDRINUSE' && port !== undefined && { takenPort: port }) })
    process.exitCode = 1
    process.disconnect?.()
  }
}

async function endWhenLost({ workerLost }: Host): Promise<void> {
  await workerLost
  report({ type: 'worker-lost' })
  process.disconnect?.()
}

async function stop(): Promise<void> {
  await host?.stop()
  process.exit(0)
}

function report(message: HostReport): void {
  if (process.connected) process.send?.(message)
}

process.on('message', (command: HostCommand) => void (command.type === 'start' ? start(command) : stop()))
// Ctrl-C reaches the whole process group; the supervisor decides what ends when.
process.on('SIGINT', () => {})
// Unlike the real host, which ignores SIGTERM: developers and supervisors expect it to end a process.
process.on('SIGTERM', () => void stop())
// Without its supervisor the process has no reason to run.
process.on('disconnect', () => process.exit())
