import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { ServerIdentity } from './certificates.ts'

const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 10_000
const SERVICES = ['Blob', 'Queue', 'Table'] as const

/** A storage emulator (Azurite) in a process of its own, everything in memory. */
export interface Storage {
  /** One connection string per account; accounts know nothing of each other. */
  readonly connectionStrings: readonly string[]
  /** The same accounts, for callers with a token: addresses of their services. */
  readonly services: readonly StorageServices[]
  readonly pid: number
  stop(): Promise<void>
}

export interface StorageServices {
  readonly tableUri: string
  readonly queueUri: string
}

export interface StorageOptions {
  readonly accounts?: number
  /** Speak TLS, and take tokens beside keys. Azurite checks audience, issuer and lifetime of a token, and no signature (`--oauth basic`). */
  readonly tls?: ServerIdentity
}

/** Starts Azurite on free loopback ports and resolves once all its services listen. */
export async function startStorage({ accounts = 1, tls }: StorageOptions = {}): Promise<Storage> {
  const named = Array.from({ length: accounts }, (_, index) => ({
    name: `sandbox${index}`,
    key: randomBytes(32).toString('base64'),
  }))
  // Azurite writes a few files of its own even when the data stays in memory.
  const folder = await mkdtemp(join(tmpdir(), 'apim-reconnect-storage-'))
  const hosts = SERVICES.flatMap((service) => [
    `--${service.toLowerCase()}Host`,
    '127.0.0.1',
    `--${service.toLowerCase()}Port`,
    '0',
  ])
  const secure = tls === undefined ? [] : ['--oauth', 'basic', '--cert', 'cert.pem', '--key', 'key.pem']
  if (tls !== undefined) {
    await writeFile(join(folder, 'cert.pem'), tls.cert)
    await writeFile(join(folder, 'key.pem'), tls.key, { mode: 0o600 })
  }
  const child = fork(
    fileURLToPath(new URL('storage-main.ts', import.meta.url)),
    ['--inMemoryPersistence', '--silent', '--disableTelemetry', ...secure, ...hosts],
    {
      cwd: folder,
      // Windows opens no socket without SystemRoot.
      env: {
        PATH: process.env['PATH'],
        SystemRoot: process.env['SystemRoot'],
        AZURITE_ACCOUNTS: named.map(({ name, key }) => `${name}:${key}`).join(';'),
      },
      execArgv: ['--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // Ctrl-C reaches the whole process group; the supervisor decides what ends when.
      detached: true,
      windowsHide: true,
    },
  )
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))

  async function stop(): Promise<void> {
    // Nothing in it has to be saved.
    if (child.connected) child.disconnect()
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await ended
    clearTimeout(timer)
    await rm(folder, { recursive: true, force: true })
  }

  const endpoints = new Map<string, string>()
  let complaint = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (complaint += text))
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>()
  createInterface({ input: child.stdout as Readable }).on('line', (line) => {
    const [, service, endpoint] = /^Azurite (\w+) service is successfully listening at (https?:\S+)/.exec(line) ?? []
    if (service !== undefined && endpoint !== undefined) endpoints.set(service, endpoint)
    if (endpoints.size === SERVICES.length) resolve()
  })
  child.once('error', reject)
  void ended.then(() => reject(new Error(`The storage emulator ended while starting: ${complaint}`)))
  const timer = setTimeout(() => reject(new Error('The storage emulator did not start in time.')), START_TIMEOUT_MS)
  try {
    await listening
  } catch (error) {
    await stop()
    throw error
  } finally {
    clearTimeout(timer)
  }

  return {
    connectionStrings: named.map(({ name, key }) =>
      [
        `DefaultEndpointsProtocol=${tls === undefined ? 'http' : 'https'}`,
        `AccountName=${name}`,
        `AccountKey=${key}`,
        ...SERVICES.map((service) => `${service}Endpoint=${endpoints.get(service)}/${name}`),
      ].join(';'),
    ),
    services: named.map(({ name }) => ({
      tableUri: `${endpoints.get('Table')}/${name}`,
      queueUri: `${endpoints.get('Queue')}/${name}`,
    })),
    pid: child.pid as number,
    stop,
  }
}
