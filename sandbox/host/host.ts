import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { LogSink } from './core-types.ts'
import { executeHooks, readOnly } from './hooks.ts'
import { readHostJson } from './host-json.ts'
import { createHttpRoutes } from './http-routes.ts'
import { createHttpTrigger, MAX_HEADER_BYTES } from './http-trigger.ts'
import { isLogged } from './log-levels.ts'
import { AppLoadError, loadApp } from './load-app.ts'
import { HIDDEN_MS, queueNameOf, startQueueTrigger, type QueueTrigger } from './queue-trigger.ts'
import { BODY_GRACE_MS } from './read-body.ts'
import { serveUnparsedRequests } from './unparsed-requests.ts'
import { createWorker, type RegisteredFunction } from './worker.ts'

const LOOPBACK = '127.0.0.1'
const DEFAULT_MAX_BODY_BYTES = 104_857_600
/** Kestrel's keep-alive timeout and time for headers. */
const KEEP_ALIVE_MS = 130_000
const HEADERS_TIMEOUT_MS = 30_000
/** How long requests under way may still take when the host is told to stop. */
const DRAIN_MS = 5_000

export interface HostOptions {
  readonly appRoot: string
  /** 0 for a free one. */
  readonly port: number
  /** Where the port is taken, take a free one instead. */
  readonly orFreePort: boolean
  readonly tls?: { readonly port: number; readonly key: string; readonly cert: string }
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly log: LogSink
  /** How long a queue message is hidden while it runs; the host's ten minutes by default. */
  readonly queueHiddenMs?: number
  /** Connection string for the queues, where that is not what the environment says. */
  readonly queueConnection?: string
  /** How long a body may come too slowly; Kestrel's five seconds by default. */
  readonly bodyGraceMs?: number
}

export interface Host {
  readonly port: number
  readonly tlsPort: number | undefined
  readonly functions: readonly { readonly name: string; readonly trigger: string }[]
  /** Takes no more requests, lets the running ones end, runs the appTerminate hooks. */
  stop(): Promise<void>
  /**
   * Resolves after `functionTimeout`, when every running invocation has failed and been answered: the process, which is the worker too, has
   * to be replaced by a new one. No hooks are run.
   */
  readonly workerLost: Promise<void>
}

/** The Functions host for one app in this process: load, index, listen. One per process, since the worker's module is process-wide. */
export async function startHost(options: HostOptions): Promise<Host> {
  const { http, queues, logLevels, functionTimeoutMs } = await readHostJson(options.appRoot)
  const log: LogSink = (record) => {
    if (isLogged(logLevels, record)) options.log(record)
  }
  const worker = createWorker(log, functionTimeoutMs)
  await loadApp(worker, options.appRoot)
  const functions = [...worker.functions.values()].filter(
    ({ metadata }) => !isDisabled(metadata.name, options.environment),
  )
  const routes = createHttpRoutes(functions, http.routePrefix)
  const listeners = functions.flatMap((registered) => {
    const queueName = queueNameOf(registered)
    return queueName === undefined ? [] : [{ registered, queueName }]
  })
  refuseOtherTriggers(functions, [
    ...routes.map((route) => route.function),
    ...listeners.map(({ registered }) => registered),
  ])
  const limit = options.environment['FUNCTIONS_REQUEST_BODY_SIZE_LIMIT']
  const trigger = createHttpTrigger(worker, routes, {
    routePrefix: http.routePrefix,
    customHeaders: { ...http.customHeaders, ...requestContext(options.environment) },
    bodyGraceMs: options.bodyGraceMs ?? BODY_GRACE_MS,
    maxBodyBytes: limit !== undefined && /^[0-9]+$/.test(limit) ? Number(limit) : DEFAULT_MAX_BODY_BYTES,
    homepage: options.environment['AzureWebJobsDisableHomepage']?.toLowerCase() !== 'true',
  })

  const servers = [listenPlain(trigger.listener)]
  if (options.tls !== undefined)
    servers.push(
      createHttpsServer({ ...SERVER_OPTIONS, key: options.tls.key, cert: options.tls.cert }, trigger.listener),
    )
  for (const server of servers) {
    serveUnparsedRequests(server)
    // Kestrel hands every expectation but 100-continue on.
    server.on('checkExpectation', trigger.listener)
  }
  const [plain, secure] = servers as [Server, Server?]
  const port = await listen(plain, options.port, options.orFreePort)
  const tlsPort = secure === undefined ? undefined : await listen(secure, options.tls?.port ?? 0, false)
  const triggers = listeners.length === 0 ? [] : await listenToQueues()

  /** Loads the SDK only for apps that have a queue trigger. */
  async function listenToQueues(): Promise<readonly QueueTrigger[]> {
    const { connectQueues } = await import('./connect-queues.ts')
    const service = connectQueues(
      options.queueConnection === undefined ? options.environment : { AzureWebJobsStorage: options.queueConnection },
    )
    if (service === undefined) return []
    return listeners.map(({ registered, queueName }) =>
      startQueueTrigger(worker, registered, queueName, service, {
        ...queues,
        hiddenMs: options.queueHiddenMs ?? HIDDEN_MS,
      }),
    )
  }

  const isBusy = (): boolean => trigger.inFlight() > 0 || triggers.some((queue) => queue.inFlight() > 0)
  async function drain(): Promise<void> {
    for (let waitedMs = 0; isBusy() && waitedMs < DRAIN_MS; waitedMs += 20) await delay(20)
  }

  return {
    port,
    tlsPort,
    workerLost: worker.life.lost.then(({ message }) => {
      log({ level: 'error', category: 'system', message })
      servers.forEach((server) => server.close())
      return drain()
    }),
    functions: [
      ...routes.map((route) => ({
        name: route.function.metadata.name,
        trigger: `${route.methods.join(',')} /${route.template.text}`,
      })),
      ...listeners.map(({ registered, queueName }) => ({
        name: registered.metadata.name,
        trigger: `queue ${queueName}`,
      })),
    ],
    async stop() {
      const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)))
      servers.forEach((server) => server.closeIdleConnections())
      await Promise.all(triggers.map((queue) => queue.stop()))
      await drain()
      servers.forEach((server) => server.closeAllConnections())
      await Promise.all(closed)
      await executeHooks(
        worker,
        'appTerminate',
        readOnly({ hookData: worker.appLevelOnlyHookData, appHookData: worker.appHookData }),
      )
    },
  }
}

const SERVER_OPTIONS = {
  maxHeaderSize: MAX_HEADER_BYTES,
  keepAliveTimeout: KEEP_ALIVE_MS,
  headersTimeout: HEADERS_TIMEOUT_MS,
}

function listenPlain(listener: RequestListener): Server {
  return createHttpServer(SERVER_OPTIONS, listener)
}

async function listen(server: Server, port: number, orFreePort: boolean): Promise<number> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, LOOPBACK, () => {
        server.off('error', reject)
        resolve()
      })
    })
  } catch (error) {
    if (orFreePort && (error as NodeJS.ErrnoException).code === 'EADDRINUSE') return listen(server, 0, false)
    throw error
  }
  return (server.address() as AddressInfo).port
}

function refuseOtherTriggers(functions: readonly RegisteredFunction[], served: readonly RegisteredFunction[]): void {
  const other = functions.find((registered) => !served.includes(registered))
  if (other !== undefined)
    throw new AppLoadError(`Function "${other.metadata.name}" has a trigger that this host does not serve.`)
}

/** Application Insights adds its application's id to every answer. */
function requestContext(environment: HostOptions['environment']): Readonly<Record<string, string>> {
  const connectionString = environment['APPLICATIONINSIGHTS_CONNECTION_STRING']
  if (connectionString === undefined || connectionString === '') return {}
  const [, id = ''] = /(?:^|;)ApplicationId=([^;]+)/i.exec(connectionString) ?? []
  return { 'Request-Context': `appId=cid-v1:${id}` }
}

/** The host's own setting for it, in the spelling of Linux too. */
function isDisabled(name: string, environment: HostOptions['environment']): boolean {
  const value = environment[`AzureWebJobs.${name}.Disabled`] ?? environment[`AzureWebJobs__${name}__Disabled`]
  return value === '1' || value?.toLowerCase() === 'true'
}
