import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import {
  createSandbox,
  PROJECT_ROOT,
  type Sandbox,
  type LocalInfo,
  type SandboxOptions,
} from '../../sandbox/create-sandbox.ts'
import { findSandbox } from '../../sandbox/info-file.ts'
import { claimStorage } from './storage.ts'

/** Runs a function at its end: a TestContext, or `{ after }` of a suite. */
export interface Scope {
  after(undo: () => Promise<void>): void
}

/** For apps without storage: no emulator is started. */
export const NO_STORAGE = 'UseDevelopmentStorage=true'

/** A sandbox in this process with the app in a child process, on free ports and with a storage account of its own. It stops at the end of the scope. */
export async function startSandbox(scope: Scope, options: SandboxOptions = {}): Promise<Sandbox> {
  const storage = options.storage ?? claimStorage()
  const sandbox = await createSandbox({ ...options, ...(storage !== undefined && { storage }) })
  scope.after(() => sandbox.stop())
  return sandbox
}

/** `npm start` as a process of its own. */
export interface SandboxProcess {
  readonly pid: number
  /** From the sandbox's own file. */
  readonly info: LocalInfo
  /** Of `--info`. */
  readonly infoFile: string
  stdout(): string
  stderr(): string
  /** Sends the signal and resolves to the exit code. */
  end(signal?: NodeJS.Signals): Promise<number | null>
}

/** The storage emulator needs most of this time. */
const START_TIMEOUT_MS = 60_000

/** Runs sandbox/start.ts with a free port and an info file of its own, and waits until it is ready. */
export async function startSandboxProcess(
  scope: Scope,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<SandboxProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'sandbox-process-'))
  const infoFile = join(folder, 'info.json')
  // Removed with this folder: files that it leaves when it is killed.
  const running = runStart([...(args.includes('--port') ? [] : ['--port', '0']), '--info', infoFile, ...args], {
    TMPDIR: folder,
    ...env,
  })
  scope.after(async () => {
    running.child.kill('SIGTERM')
    await running.exit
    await rm(folder, { recursive: true, force: true })
  })
  const info = await Promise.race([
    waitForInfo(infoFile, running.stdout),
    running.exit.then((code) => {
      throw new Error(`the sandbox ended with exit code ${code}: ${running.stderr()}`)
    }),
  ])
  return {
    pid: running.child.pid as number,
    info,
    infoFile,
    stdout: running.stdout,
    stderr: running.stderr,
    end(signal = 'SIGINT') {
      running.child.kill(signal)
      return running.exit
    },
  }
}

export interface StartRun {
  readonly child: ChildProcess
  readonly exit: Promise<number | null>
  stdout(): string
  stderr(): string
}

/** Runs sandbox/start.ts and collects its output. */
export function runStart(args: readonly string[], env: NodeJS.ProcessEnv = {}): StartRun {
  const child = spawn(process.execPath, [join(PROJECT_ROOT, 'sandbox/start.ts'), ...args], {
    cwd: PROJECT_ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const exit = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)))
  return { child, exit, stdout: () => stdout, stderr: () => stderr }
}

/** The info file is written before the banner; with the banner, everything is said. */
async function waitForInfo(file: string, stdout: () => string): Promise<LocalInfo> {
  for (let waitedMs = 0; waitedMs < START_TIMEOUT_MS; waitedMs += 20) {
    if (stdout().includes('/openapi.json')) return findSandbox(file)
    await delay(20)
  }
  throw new Error('the sandbox did not come up')
}
