import { spawn } from 'node:child_process'
import { request } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { AppStartError, type AppProcess, type AppProcessOptions } from './app-process.ts'

/** Core Tools download their extension bundle when they start for the first time. */
const START_TIMEOUT_MS = 120_000
const LOOK_AGAIN_MS = 500
const IS_WINDOWS = process.platform === 'win32'

/**
 * The function app under Azure Functions Core Tools (`func start`), in the environment that our own host would give it. Core Tools print
 * their log themselves. They have no TLS, which ends here.
 */
export async function startFuncProcess({ appRoot, environment, port, tls }: AppProcessOptions): Promise<AppProcess> {
  // A group of its own: Core Tools start the host and the worker as further processes, and all of them have to end.
  const child = spawn('func', ['start', '--port', String(port)], {
    cwd: appRoot,
    env: environment,
    stdio: 'inherit',
    detached: !IS_WINDOWS,
    // On Windows `func` is a script. The arguments are fixed and a number.
    shell: IS_WINDOWS,
  })
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
    child.once('error', () =>
      reject(
        new AppStartError(
          "Azure Functions Core Tools are not on PATH: 'func' could not be started. 'npm start' needs none.",
        ),
      ),
    )
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  // Looked at below; a rejection must not count as unhandled until then.
  ended.catch(() => undefined)
  const front = tls === undefined ? undefined : await startTlsFront(tls, port)
  const stop = async (): Promise<void> => {
    front?.close()
    front?.closeAllConnections()
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) endTree(child.pid)
    await ended
  }
  try {
    await untilAnswers(port, ended)
  } catch (error) {
    await stop().catch(() => undefined)
    throw error
  }
  return {
    pid: child.pid as number,
    port,
    tlsPort: (front?.address() as AddressInfo | undefined)?.port,
    functions: [],
    ended,
    stop,
    crash: stop,
  }
}

function endTree(pid: number): void {
  if (IS_WINDOWS) spawn('taskkill', ['/pid', String(pid), '/T', '/F'], { stdio: 'ignore' })
  else process.kill(-pid, 'SIGINT')
}

async function untilAnswers(port: number, ended: Promise<{ readonly code: number | null }>): Promise<void> {
  const givenUp = AbortSignal.timeout(START_TIMEOUT_MS)
  while (!(await answers(port))) {
    const first = await Promise.race([ended, delay(LOOK_AGAIN_MS)])
    if (first !== undefined) throw new AppStartError(`'func start' ended while starting (exit code ${first.code}).`)
    if (givenUp.aborted)
      throw new AppStartError(`'func start' did not answer on port ${port} within ${START_TIMEOUT_MS / 1_000} seconds.`)
  }
}

async function answers(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/health/live`).then(
    ({ ok }) => ok,
    () => false,
  )
}

/** Passes on what comes over TLS, as App Service's front end does. */
async function startTlsFront(
  { port, key, cert }: { readonly port: number; readonly key: string; readonly cert: string },
  appPort: number,
): Promise<Server> {
  const server = createServer({ key, cert }, (incoming, answer) => {
    const { method, url, headers } = incoming
    const outgoing = request({ host: '127.0.0.1', port: appPort, method, path: url, headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers)
      response.pipe(answer)
    })
    outgoing.on('error', () => answer.headersSent || answer.writeHead(502).end())
    incoming.pipe(outgoing)
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  return server
}
