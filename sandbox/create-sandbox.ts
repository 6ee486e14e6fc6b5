import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { simulatedEnvironment, type Environment } from './app-environment.ts'
import { startAppProcess, type AppProcess, type AppProcessOptions } from './app-process.ts'
import { API_AUDIENCE, TENANT_ID, USER_ASSIGNED_IDENTITY } from './azure/directory.ts'
import { RECONNECTABLE_BACKENDS } from './azure/resources.ts'
import { startStorage, type Storage } from './azure/storage.ts'
import { startSimulatedAzure, type SimulatedAzure, type SimulatedAzureOptions } from './azure/simulated-azure.ts'
import type { LogRecord } from './host/core-types.ts'
import { WEBHOOK_SECRETS } from './webhooks.ts'

export const PROJECT_ROOT = fileURLToPath(new URL('..', import.meta.url))
/** What `npm run build` writes and what is deployed: the app runs from this folder alone. */
export const APP_ROOT = join(PROJECT_ROOT, 'deploy')
/** The tokens of the info file last for a day's work. */
const INFO_TOKEN_LIFETIME_SECONDS = 12 * 3_600

export interface SandboxOptions {
  /** Folder with package.json, host.json and the built app; the one that is deployed by default. */
  readonly appRoot?: string
  /** All free ones by default. */
  readonly ports?: SimulatedAzureOptions['ports'] & { readonly app?: number; readonly appTls?: number }
  /** Where `ports.app` is taken, take a free one instead. */
  readonly orFreeAppPort?: boolean
  /** An account of a storage emulator that runs already; one is started when this is left out. */
  readonly storage?: string
  /**
   * The app, and its host, reach storage with the managed identity instead of a connection string; an emulator is then started in any case. `key`: the
   * host alone goes on with the account's key, so that it reads its queues while the identity endpoint is away.
   */
  readonly identityStorage?: 'system-assigned' | 'user-assigned'
  readonly hostStorage?: 'key'
  /** Replaces the sandbox's policy document. */
  readonly policy?: unknown
  /** What the user's environment adds (`RECONNECT_MODE`, …); by default PATH and SystemRoot, so that tests do not depend on the machine. */
  readonly environment?: Environment
  /** Settings on top of everything; undefined removes one. */
  readonly env?: Environment
  readonly now?: () => number
  readonly queueHiddenMs?: number
  readonly bodyGraceMs?: number
  /** Starts the app; under the sandbox's own host by default. */
  readonly startApp?: (options: AppProcessOptions) => Promise<AppProcess>
  /** Called for each log line. `false` sends none, for measurements. */
  readonly onLog?: ((record: LogRecord) => void) | false
  readonly onOutput?: (text: string) => void
}

/** What `--info FILE` writes: addresses and credentials (contract, section 10). */
export interface SandboxInfo {
  readonly proxy: string
  readonly proxyTls: string
  /** Address of the page. */
  readonly console: string
  readonly arm: string
  readonly armCa: string
  readonly issuer: string
  readonly tenantId: string
  readonly audience: string
  readonly identityEndpoint: string
  readonly identityHeader: string
  /** Connection string of the storage account. Over TLS, by the authority of `armCa`, where the app reaches it with its identity. */
  readonly storage: string
  readonly backends: readonly string[]
  readonly tokens: { readonly operator: string; readonly tool: string; readonly stranger: string }
}

/** What the sandbox's own commands need beside that. */
export interface LocalInfo extends SandboxInfo {
  /** Origin of the switchboard. */
  readonly control: string
  /** Of the sandbox's own webhooks, by the app settings that contain them. */
  readonly webhookSecrets: typeof WEBHOOK_SECRETS
}

export interface Sandbox {
  readonly info: LocalInfo
  /** The simulated Azure, in this process: faults, journal, keys, tokens. */
  readonly azure: SimulatedAzure
  readonly app: AppProcess
  /** One more process of the app, on free ports, in the same surroundings; its log is in `logs` too. */
  startAnother(env?: Environment): Promise<AppProcess>
  /** What the app has logged so far, oldest first. */
  readonly logs: readonly LogRecord[]
  /** What the app printed instead of logging it. */
  output(): string
  /** Everything that was started has ended when this resolves. */
  stop(): Promise<void>
}

/** A whole Azure for one function app: the simulation in this process, the app in a child that has the environment it would have on Azure. */
export async function createSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const { app: appPort = 0, appTls: appTlsPort = 0, ...azurePorts } = options.ports ?? {}
  const logs: LogRecord[] = []
  let output = ''
  const { identityStorage } = options
  const starting = startSimulatedAzure({ ports: azurePorts, ...(options.now !== undefined && { now: options.now }) })
  const [azure, emulator] = await startTogether(
    starting,
    identityStorage !== undefined
      ? starting.then(({ storageServer }) => startStorage({ tls: storageServer }))
      : options.storage === undefined
        ? startStorage()
        : Promise.resolve(undefined),
  )
  const [connectionString = options.storage ?? ''] = emulator?.connectionStrings ?? []
  const services = identityStorage === undefined ? undefined : emulator?.services[0]
  const storage =
    services === undefined
      ? connectionString
      : { ...services, ...(identityStorage === 'user-assigned' && { clientId: USER_ASSIGNED_IDENTITY.clientId }) }
  const folder = await mkdtemp(join(tmpdir(), 'apim-reconnect-'))

  async function tearDown(app?: AppProcess): Promise<void> {
    await app?.stop()
    await Promise.all([azure.stop(), emulator?.stop()])
    await rm(folder, { recursive: true, force: true })
  }

  try {
    const caFile = join(folder, 'ca.pem')
    await writeFile(caFile, azure.caCertificate)
    // Windows opens no socket without SystemRoot.
    const user = options.environment ?? { PATH: process.env['PATH'], SystemRoot: process.env['SystemRoot'] }
    const others: AppProcess[] = []
    const start = (port: number, tlsPort: number, env: Environment): Promise<AppProcess> =>
      (options.startApp ?? startAppProcess)({
        appRoot: options.appRoot ?? APP_ROOT,
        environment: {
          ...simulatedEnvironment(user, { azure, caFile, storage, policy: options.policy }),
          ...options.env,
          ...env,
        },
        port,
        orFreePort: options.orFreeAppPort ?? false,
        tls: { port: tlsPort, ...azure.frontEnd },
        ...(options.queueHiddenMs !== undefined && { queueHiddenMs: options.queueHiddenMs }),
        ...(options.hostStorage === 'key' && { queueConnection: connectionString }),
        ...(options.bodyGraceMs !== undefined && { bodyGraceMs: options.bodyGraceMs }),
        ...(options.onLog !== false && {
          onLog(record: LogRecord) {
            logs.push(record)
            if (typeof options.onLog === 'function') options.onLog(record)
          },
        }),
        onOutput(text) {
          output += text
          options.onOutput?.(text)
        },
      })
    const app = await start(appPort, appTlsPort, {})
    return {
      info: await toInfo(azure, app, caFile, connectionString),
      azure,
      app,
      logs,
      output: () => output,
      async startAnother(env = {}) {
        const another = await start(0, 0, env)
        others.push(another)
        return another
      },
      async stop() {
        await Promise.all(others.map((another) => another.stop()))
        await tearDown(app)
      },
    }
  } catch (error) {
    await tearDown()
    throw error
  }
}

async function toInfo(azure: SimulatedAzure, app: AppProcess, caFile: string, storage: string): Promise<LocalInfo> {
  const [operator, tool, stranger] = await Promise.all(
    (['operator', 'tool', 'stranger'] as const).map((kind) =>
      azure.mint({ kind, expiresInSeconds: INFO_TOKEN_LIFETIME_SECONDS }),
    ),
  )
  return {
    proxy: `http://127.0.0.1:${app.port}`,
    proxyTls: `https://127.0.0.1:${app.tlsPort}`,
    console: `http://127.0.0.1:${app.port}/console`,
    arm: azure.arm,
    armCa: caFile,
    issuer: azure.issuer,
    tenantId: TENANT_ID,
    audience: API_AUDIENCE,
    identityEndpoint: azure.identityEndpoint,
    identityHeader: azure.identityHeader,
    control: azure.control,
    storage,
    backends: RECONNECTABLE_BACKENDS,
    tokens: { operator: operator as string, tool: tool as string, stranger: stranger as string },
    webhookSecrets: WEBHOOK_SECRETS,
  }
}

/** Both, or neither: when one cannot start, the other is stopped. */
async function startTogether(
  azure: Promise<SimulatedAzure>,
  storage: Promise<Storage | undefined>,
): Promise<[SimulatedAzure, Storage | undefined]> {
  const results = await Promise.allSettled([azure, storage])
  const [simulated, emulator] = results
  if (simulated.status === 'fulfilled' && emulator.status === 'fulfilled') return [simulated.value, emulator.value]
  for (const result of results) if (result.status === 'fulfilled') await result.value?.stop()
  throw results.find((result) => result.status === 'rejected')?.reason
}
