/** `npm start`: everything up → info file → banner → wait for the end. */
import { AppStartError, type AppProcess } from './app-process.ts'
import { toBanner } from './banner.ts'
import { UsageError } from './command.ts'
import { createSandbox, type SandboxOptions } from './create-sandbox.ts'
import { createEnding } from './ending.ts'
import type { LogRecord } from './host/core-types.ts'
import { startFuncProcess } from './func-process.ts'
import { claimInfoFile, isFirst, shown, writeInfoFile, type InfoFile } from './info-file.ts'
import { toJsonLine, toJsonOutput, toLogLine } from './log-line.ts'
import { startAgainstAzure } from './start-azure.ts'
import { parseStartOptions, USAGE, type StartOptions } from './start-options.ts'

const DEFAULT_PORT = 7071

const ending = createEnding()
// Log lines go to stderr and the banner to stdout: text for a person at a terminal, JSON for a program that reads them.
const isTerminal = process.stderr.isTTY
const onLog = (record: LogRecord): void =>
  void process.stderr.write((isTerminal ? toLogLine : toJsonLine)(record, Date.now()) ?? '')
const onOutput = (text: string): void => void process.stderr.write(isTerminal ? text : toJsonOutput(text, Date.now()))

try {
  const options = parseStartOptions(process.argv.slice(2))
  if (options.help) {
    process.stdout.write(`${USAGE}\n`)
    await ending.end(0)
  }
  const app = options.azure ? await runAgainstAzure(options) : await runSimulated(options)
  const { code, signal } = await app.ended
  if (!ending.begun())
    process.stderr.write(`The function app's process has ended (${signal ?? `exit code ${code}`}).\n`)
  await ending.end(1)
} catch (error) {
  process.stderr.write(`${explain(error)}\n`)
  await ending.end(1)
}

async function runSimulated(options: StartOptions): Promise<AppProcess> {
  const starting = createSandbox(toSandboxOptions(options))
  // Registered before it is up: Ctrl-C in the first second leaves as little behind as later.
  ending.onEnd(async () => (await starting.catch(() => undefined))?.stop())
  const sandbox = await starting
  if (ending.begun()) return sandbox.app
  const own = await publish(claimInfoFile(sandbox.info))
  if (options.info !== undefined) await publish(writeInfoFile(options.info, sandbox.info))
  process.stdout.write(
    toBanner(sandbox, {
      shell: process.platform === 'win32' ? 'powershell' : 'posix',
      ...(!isFirst(own) && { infoFile: shown(own.path) }),
    }),
  )
  return sandbox.app
}

async function publish(writing: Promise<InfoFile>): Promise<InfoFile> {
  const file = await writing
  ending.onEnd(() => file.remove())
  return file
}

async function runAgainstAzure(options: StartOptions): Promise<AppProcess> {
  const starting = startAgainstAzure({
    port: options.port ?? DEFAULT_PORT,
    orFreePort: options.port === undefined,
    onLog,
    onOutput,
  })
  ending.onEnd(async () => (await starting.catch(() => undefined))?.stop())
  const app = await starting
  process.stdout.write(
    `\nAPIM Reconnect is running on http://127.0.0.1:${app.port} against the real Azure, as local.settings.json says. Ctrl-C ends it.\n\n`,
  )
  return app
}

function toSandboxOptions(options: StartOptions): SandboxOptions {
  return {
    ports: {
      app: options.port ?? DEFAULT_PORT,
      appTls: options.tlsPort ?? 0,
      arm: options.armPort ?? 0,
      identity: options.identityPort ?? 0,
      issuer: options.issuerPort ?? 0,
      control: options.controlPort ?? 0,
    },
    orFreeAppPort: options.port === undefined,
    environment: process.env,
    ...(options.identityStorage && { identityStorage: 'system-assigned' }),
    ...(options.func && { startApp: startFuncProcess }),
    onLog,
    onOutput,
  }
}

function explain(error: unknown): string {
  if (error instanceof UsageError) return error.message
  const { code, port } = error as { code?: string; port?: number }
  const takenPort = error instanceof AppStartError ? error.takenPort : code === 'EADDRINUSE' ? port : undefined
  if (takenPort !== undefined)
    return `Port ${takenPort} is already in use: choose another one, or leave the option out to get a free one.`
  if (error instanceof AppStartError) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
