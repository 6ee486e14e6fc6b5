import { randomBytes } from 'node:crypto'
import { armScope, createArm } from './arm/arm.ts'
import type { TokenCredential } from '@azure/identity'
import type { ArmCredential, Config, ConfigProblem } from './config/config.ts'
import { loadConfig } from './config/load-config.ts'
import { createAlertBatches } from './coordination/alert-batch.ts'
import { createEffects } from './coordination/effects.ts'
import { createCoordinator, createSlotBreaker } from './coordination/coordinator.ts'
import { createDeliveryQueue } from './delivery/delivery-queue.ts'
import { createRateLimiter } from './delivery/rate-limiter.ts'
import { parseIsoDuration, type Duration } from './domain/duration.ts'
import { isGuid } from './domain/segments.ts'
import { describeFailure, type Challenge } from './http/failure-reply.ts'
import type { ConsoleSettings } from './http/console-reply.ts'
import { createAuthenticator, type Authenticator } from './identity/authenticator.ts'
import { createWebhookAuthenticator, type WebhookAuthenticator } from './identity/webhook-authenticator.ts'
import { createOwnTokens } from './managed-identity/own-tokens.ts'
import { createBackendDirectory } from './operations/backend-directory.ts'
import { createBackendIndex } from './operations/backend-index.ts'
import { createDeliveryLog } from './operations/delivery-log.ts'
import { createExpiry } from './operations/expire.ts'
import { createHistory } from './operations/history.ts'
import { createCopyAgain, createHistoryCopies } from './operations/history-copies.ts'
import { createJoinCounter } from './operations/join-counter.ts'
import { createOperationLog } from './operations/operation-log.ts'
import { createRequestJoins } from './operations/request-joins.ts'
import { createPageTokens } from './operations/page-token.ts'
import { createPauses } from './operations/pauses.ts'
import { createTidy } from './operations/tidy.ts'
import { effectSettingsOf, isConfirmWithinShort } from './policy/effect-settings.ts'
import { createGrantIndex } from './policy/grant-index.ts'
import type { AlertPorts } from './reconnect/alert-ports.ts'
import type { JudgePorts } from './reconnect/judge-effect.ts'
import type { DeliveryPorts } from './reconnect/delivery-ports.ts'
import type { ApiVersions } from './reconnect/parse-command.ts'
import type { BackendPorts } from './reconnect/list-backends.ts'
import type { DeliveryListPorts } from './reconnect/list-deliveries.ts'
import type { PausePorts } from './reconnect/manage-pauses.ts'
import type { ReadPorts } from './reconnect/read-operations.ts'
import type { ReconnectPorts } from './reconnect/reconnect.ts'
import { systemClock, type Clock } from './shared/clock.ts'
import { createDeadline } from './shared/deadline.ts'
import { consoleLog } from './shared/log.ts'
import { once } from './shared/once.ts'
import { err, ok, type Result } from './shared/result.ts'
import { createOperationId, createPauseId, isOperationOf, parseOperationId, parsePauseId } from './storage/keys.ts'
import { queueNames } from './storage/names.ts'
import { createOperatorTableStore } from './storage/operator-table-store.ts'
import { createStorageProbe } from './storage/readiness.ts'
import { createTableStore } from './storage/table-store.ts'

/** The rooms, wired to each other. Each function adds the audit of its own invocation. */
export interface App {
  readonly clock: Clock
  readonly reconnectPorts: Omit<ReconnectPorts, 'audit' | 'auditEffect'>
  readonly alertPorts: Omit<AlertPorts, 'audit' | 'auditEffect'>
  readonly deliveryPorts: Omit<DeliveryPorts, 'audit' | 'auditEffect'>
  readonly judgePorts: Omit<JudgePorts, 'auditEffect'>
  readonly readPorts: ReadPorts
  readonly backendPorts: BackendPorts
  readonly deliveryListPorts: DeliveryListPorts
  readonly pausePorts: PausePorts
  readonly webhooks: WebhookAuthenticator
  readonly authenticator: Authenticator
  readonly apiVersions: ApiVersions
  readonly challenge: Challenge
  readonly publicUrl: string | undefined
  readonly consoleSettings: ConsoleSettings
  readonly deadlineMs: number
  readonly parseOperationId: typeof parseOperationId
  readonly parsePauseId: typeof parsePauseId
  readonly isOperationOf: typeof isOperationOf
  /** For /health/ready: whether tables and queues take writes. */
  readonly storageAnswers: () => Promise<boolean>
  /** Reads what the first request needs: the SDK and the issuer's keys. */
  warm(): Promise<void>
  /** Creates the queues that the host polls. Never rejects. */
  createQueues(): Promise<void>
}

let composed: Result<App, readonly ConfigProblem[]> | undefined

/** The one place where rooms meet, once per process. With a bad configuration there is no app, only the list of what is wrong. */
export function composition(): Result<App, readonly ConfigProblem[]> {
  return (composed ??= compose())
}

function compose(): Result<App, readonly ConfigProblem[]> {
  const config = loadConfig()
  if (!config.ok) {
    for (const problem of config.error)
      consoleLog.error(JSON.stringify({ event: 'reconnect.configuration', ...problem }))
    return err(config.error)
  }
  const { entra, appServiceAuthentication, policy, mode, deadlineMs, publicUrl, storage, webhooks } = config.value
  const { storagePrefix } = config.value
  const clock = systemClock
  const log = consoleLog
  const ownTokens = createOwnTokens(createCredential, clock)
  const armTokens = ownTokens.source(config.value.arm.credential, armScope(config.value.arm))
  const arm = createArm(config.value.arm, armTokens, clock, loadSdk)

  const openTables = once(async () => {
    const sdk = await loadSdk()
    await ownTokens.storageReady(storage)
    return sdk.openTables(storage, storagePrefix, ownTokens.storageCredential)
  })
  const openQueues = once(async () => {
    const sdk = await import('./azure-queue.ts')
    await ownTokens.storageReady(storage)
    return sdk.openQueues(storage, queueNames(storagePrefix), ownTokens.storageCredential)
  })
  const store = createTableStore({ open: openTables, clock, log })
  const lists = createOperatorTableStore({ open: openTables, clock, log })
  const queue = createDeliveryQueue({ open: openQueues, clock })
  const breaker = createSlotBreaker(clock)
  const copies = createHistoryCopies(store, clock, log)
  const expire = createExpiry(store, clock, log)
  const tidy = createTidy(lists, clock, log)
  const noteBackend = createBackendIndex(lists, clock, log)
  const copyWith =
    (write: typeof copies.write): typeof copies.write =>
    (operation) => {
      expire()
      tidy()
      noteBackend(operation)
      write(operation)
    }
  const copy = copyWith(copies.write)
  const copyLater = copyWith(copies.writeLater)

  const copyAgain = createCopyAgain(store, copies, clock)

  const { count, window } = policy.limits.perBackend
  const deliverWithin = durationOf(policy.deliverWithin)
  const limit = { count, windowMs: durationOf(window).ms }
  const notHelpingLimit = policy.limits.notHelping.count
  const copying = { copy, copyLater, copyAgain }
  const coordinator = createCoordinator({ store, breaker, clock, deadlineMs, limit, notHelpingLimit, ...copying })
  const effects = createEffects({ store, breaker, clock, deliverWithinMs: deliverWithin.ms, copyAgain })
  const effectSettings = new Map(webhooks.map((webhook) => [webhook.name, effectSettingsOf(webhook)]))
  for (const [name, settings] of effectSettings)
    if (isConfirmWithinShort(settings)) log.warn(describeShortConfirmation(name))
  const operations = createOperationLog({ store, breaker, clock, copy })
  const countJoined = createJoinCounter(store, clock, log, randomBytes(4).toString('hex'))
  const recordJoin = createRequestJoins({ record: operations.record, countJoined })
  const batches = createAlertBatches({ store, breaker, clock, deliverWithinMs: deliverWithin.ms, copy, countJoined })

  const byName = new Map(policy.webhooks.map((webhook) => [webhook.name, webhook]))
  const pauses = createPauses(lists, clock)
  const deliveries = createDeliveryLog({ store: lists, webhooks: byName, clock, log })
  const tokens = createPageTokens(store)
  const grants = createGrantIndex(policy.grants)
  const authenticator = createAuthenticator({ entra, appServiceAuthentication, clock, log })
  const { authenticate } = authenticator
  const { forward, prepareForward } = arm
  const apiVersion = config.value.arm.defaultApiVersion
  const shared = { grants, mode, clock, operations, describe: describeFailure }
  const callerPorts = { authenticate, grants, clock }
  return ok({
    clock,
    reconnectPorts: {
      ...shared,
      authenticate,
      coordinator,
      recordJoin,
      createOperationId,
      forward,
      prepareForward,
    },
    alertPorts: {
      ...shared,
      pauses,
      deliveries,
      batches,
      effects,
      createOperationId,
      enqueue: queue.accept,
      apiVersion,
    },
    deliveryPorts: {
      ...shared,
      pauses,
      webhooks: byName,
      coordinator,
      enqueue: queue.retry,
      forward,
      rateLimiter: createRateLimiter(clock),
      deliverWithin,
      limit: { count, window },
      notHelping: policy.limits.notHelping,
      effectSettings,
      apiVersion,
      random: Math.random,
    },
    judgePorts: { effects, enqueue: queue.retry, clock },
    readPorts: { ...callerPorts, history: createHistory(store, tokens, clock.now) },
    backendPorts: {
      ...callerPorts,
      pauses,
      directory: createBackendDirectory({ store, list: lists, tokens, now: clock.now }),
    },
    deliveryListPorts: { ...callerPorts, deliveries, webhooks: byName },
    pausePorts: { ...callerPorts, pauses, webhooks: byName, createPauseId },
    webhooks: createWebhookAuthenticator({ webhooks, authenticate, clock }),
    authenticator,
    apiVersions: { supported: config.value.arm.apiVersions, fallback: apiVersion },
    challenge: { authorizationUri: `${entra.authority}/${entra.tenantId}` },
    publicUrl,
    consoleSettings: readConsoleSettings(config.value),
    deadlineMs,
    parseOperationId,
    parsePauseId,
    isOperationOf,
    // An app without webhooks needs no queue service.
    storageAnswers: createStorageProbe(webhooks.length === 0 ? [store.probe] : [store.probe, queue.create], clock),
    async warm() {
      void ownTokens.storageReady(storage)
      await arm.preload()
      const deadline = createDeadline(clock, deadlineMs)
      await authenticator.keysKnown(deadline).finally(deadline.dispose)
    },
    createQueues: () => queue.create().catch((fault: unknown) => log.warn(describeWarmUp(fault))),
  })
}

function loadSdk(): Promise<typeof import('./azure-sdk.ts')> {
  return import('./azure-sdk.ts')
}

async function createCredential(choice: ArmCredential): Promise<TokenCredential> {
  switch (choice.kind) {
    case 'managed-identity':
      return (await loadSdk()).createManagedIdentity(choice)
    case 'developer':
      return (await import('./developer-sign-in.ts')).createDeveloperCredential()
  }
}

/**
 * An application that asks Entra for a token for itself has to name itself by its GUID (AADSTS90009), so the audience that is a GUID is preferred.
 */
function readConsoleSettings({ entra, consoleClientId }: Config): ConsoleSettings {
  const { authority, tenantId, audiences, scopes } = entra
  const resource = audiences.find(isGuid) ?? audiences[0]
  return {
    authority,
    issuer: `${authority}/${tenantId}/v2.0`,
    ...(consoleClientId === undefined ? {} : { clientId: consoleClientId, scope: `${resource}/${scopes[0]}` }),
  }
}

function describeWarmUp(fault: unknown): string {
  return JSON.stringify({ event: 'reconnect.storage', detail: `the queues could not be created yet: ${String(fault)}` })
}

function describeShortConfirmation(webhook: string): string {
  return JSON.stringify({
    event: 'reconnect.configuration',
    name: `webhooks.${webhook}.effect.confirmWithin`,
    detail:
      'shorter than resolveLag and settle together: a reconnect that helps may be judged before this sender can say so',
  })
}

/** The policy's durations were checked when it was read. */
function durationOf(text: string): Duration {
  const duration = parseIsoDuration(text)
  if (!duration.ok) throw new TypeError(`'${text}' is no duration`)
  return duration.value
}
