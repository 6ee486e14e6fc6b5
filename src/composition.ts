import { randomBytes } from 'node:crypto'
import { armScope, createArm } from './arm/arm.ts'
import type { ConfigProblem } from './config/config.ts'
import { loadConfig } from './config/load-config.ts'
import { createDeliveryQueue } from './delivery/delivery-queue.ts'
import { createOwnTokens } from './managed-identity/own-tokens.ts'
import { createPace } from './delivery/pace.ts'
import { parseIsoDuration, type Duration } from './domain/duration.ts'
import { describeFailure, type Challenge } from './http/failure-reply.ts'
import { createAuthenticator, type Authenticator } from './identity/authenticator.ts'
import { createWebhookAuthenticator, type WebhookAuthenticator } from './identity/webhook-authenticator.ts'
import { createAcceptances } from './ledger/acceptances.ts'
import { createJoinCounter } from './ledger/join-counter.ts'
import { createLedger } from './ledger/ledger.ts'
import { createHistory, type History } from './ledger/history.ts'
import { createRecords } from './ledger/records.ts'
import { createStorageProbe } from './ledger/storage-probe.ts'
import { createStorageClock } from './ledger/storage-clock.ts'
import { createSweep } from './ledger/sweep.ts'
import { createTableStore } from './ledger/table-store.ts'
import { createGrantIndex } from './policy/grant-index.ts'
import type { ApiVersions } from './reconnect/parse-command.ts'
import type { DeliveryPorts } from './reconnect/deliver.ts'
import type { AlertPorts } from './reconnect/receive-alerts.ts'
import type { ReconnectPorts } from './reconnect/reconnect.ts'
import { systemClock } from './shared/clock.ts'
import { createDeadline } from './shared/deadline.ts'
import { consoleLog } from './shared/log.ts'
import { err, ok, type Result } from './shared/result.ts'

/** The rooms, wired to each other. */
export interface App {
  readonly ports: Omit<ReconnectPorts, 'record'>
  readonly alerts: Omit<AlertPorts, 'record'>
  readonly deliveries: Omit<DeliveryPorts, 'record'>
  readonly webhooks: WebhookAuthenticator
  readonly authenticator: Authenticator
  readonly apiVersions: ApiVersions
  readonly challenge: Challenge
  readonly publicUrl: string | undefined
  readonly deadlineMs: number
  readonly history: History
  /** For /health/ready. */
  readonly storageAnswers: () => Promise<boolean>
  /** Reads what the first request needs: the SDK and the issuer's keys. */
  warm(): Promise<void>
}

let composed: Result<App, readonly ConfigProblem[]> | undefined

/** The one place where rooms meet, once per process. With a bad configuration there is no app, only the list of what is wrong. */
export function composition(): Result<App, readonly ConfigProblem[]> {
  return (composed ??= compose())
}

function compose(): Result<App, readonly ConfigProblem[]> {
  const config = loadConfig()
  if (!config.ok) {
    for (const problem of config.error) {
      consoleLog.error(JSON.stringify({ event: 'reconnect.configuration', ...problem }))
    }
    return err(config.error)
  }
  const { entra, appServiceAuthentication, policy, mode, deadlineMs, publicUrl, storage, webhooks } = config.value
  const loadSdk = (): Promise<typeof import('./azure-sdk.ts')> => import('./azure-sdk.ts')
  const ownTokens = createOwnTokens(async () => (await loadSdk()).createCredential, systemClock)
  const armTokens = ownTokens.source(config.value.arm.credential, armScope(config.value.arm))
  const arm = createArm(config.value.arm, armTokens, systemClock, loadSdk)
  const storageClock = createStorageClock(systemClock)
  const store = createTableStore({
    clock: systemClock,
    storageClock,
    open: async () => {
      const { openTables } = await loadSdk()
      await ownTokens.storageReady(storage)
      return openTables(storage, ownTokens.storageCredential)
    },
  })
  const records = createRecords(store, systemClock, consoleLog, createSweep(store, systemClock, consoleLog))
  const { count, window } = policy.limits.perBackend
  const limit = { count, window, windowMs: durationOf(window).ms }
  const ledger = createLedger({
    store,
    records,
    storageClock,
    clock: systemClock,
    deadlineMs,
    describe: describeFailure,
    limit,
  })
  const deliverWithin = durationOf(policy.deliverWithin)
  const joins = createJoinCounter(store, systemClock, consoleLog, randomBytes(4).toString('hex'))
  const acceptances = createAcceptances({
    store,
    records,
    joins,
    storageClock,
    clock: systemClock,
    deliverWithinMs: deliverWithin.ms,
  })
  const enqueue = createDeliveryQueue({
    clock: systemClock,
    open: async () => {
      const { openQueue } = await loadSdk()
      await ownTokens.storageReady(storage)
      return openQueue(storage, ownTokens.storageCredential)
    },
  })
  const grants = createGrantIndex(policy.grants)
  const authenticator = createAuthenticator({ entra, appServiceAuthentication, clock: systemClock, log: consoleLog })
  const shared = { grants, mode, clock: systemClock }
  const apiVersion = config.value.arm.defaultApiVersion
  return ok({
    ports: { ...shared, authenticate: authenticator.authenticate, ledger, forward: arm.forward },
    alerts: { ...shared, ledger, acceptances, enqueue, apiVersion },
    deliveries: {
      ...shared,
      deliveries: ledger,
      enqueue,
      forward: arm.forward,
      pace: createPace(systemClock),
      deliverWithin,
      apiVersion,
      random: Math.random,
    },
    webhooks: createWebhookAuthenticator({ webhooks, authenticate: authenticator.authenticate, clock: systemClock }),
    authenticator,
    apiVersions: { supported: config.value.arm.apiVersions, fallback: config.value.arm.defaultApiVersion },
    challenge: { authorizationUri: `${entra.authority}/${entra.tenantId}` },
    publicUrl,
    deadlineMs,
    history: createHistory(store, storageClock.now),
    storageAnswers: createStorageProbe(store, systemClock),
    async warm() {
      void ownTokens.storageReady(storage)
      await arm.preload()
      const deadline = createDeadline(systemClock, deadlineMs)
      await authenticator.keysKnown(deadline).finally(deadline.dispose)
    },
  })
}

/** The policy's durations have been checked when it was read. */
function durationOf(text: string): Duration {
  const duration = parseIsoDuration(text)
  if (!duration.ok) throw new TypeError(`'${text}' is no duration`)
  return duration.value
}
