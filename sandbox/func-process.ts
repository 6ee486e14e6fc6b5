import { spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { AppStartError, type AppProcess, type AppProcessOptions } from './app-process.ts'

/** Core Tools download their extension bundle when they start for the first time. */
const START_TIMEOUT_MS = 120_000
const LOOK_AGAIN_MS = 500

/**
 * The function app under Azure Functions Core Tools (`func start`), in the environment that our own host would give it. Core Tools print
 * their log themselves, and listen without TLS.
 */
export async function startFuncProcess({ appRoot, environment, port }: AppProcessOptions): Promise<AppProcess> {
  // A group of its own: Core Tools start the host and the worker as further processes, and all of them have to end.
  const child = spawn('func', ['start', '--port', String(port)], { cwd: appRoot, env: environment, stdio: 'inherit', detached: true })
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
    child.once('error', () => reject(new AppStartError("Azure Functions Core Tools are not on PATH: 'func' could not be started. 'npm start' needs none.")))
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  const stop = async (): Promise<void> => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGINT')
    await ended
  }
  const givenUp = AbortSignal.timeout(START_TIMEOUT_MS)
  while (!(await answers(port))) {
    const first = await Promise.race([ended, delay(LOOK_AGAIN_MS)])
    if (first !== undefined) throw new AppStartError(`'func start' ended while starting (exit code ${first.code}).`)
    if (givenUp.aborted) {
      await stop()
      throw new AppStartError(`'func start' did not answer on port ${port} within ${START_TIMEOUT_MS / 1_000} seconds.`)
    }
  }
  return { pid: child.pid as number, port, tlsPort: undefined, functions: [], ended, stop }
}

async function answers(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/health/live`).then(
    ({ ok }) => ok,
    () => false,
  )
}
