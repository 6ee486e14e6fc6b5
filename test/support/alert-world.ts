import { createAlertBatches } from '../../src/coordination/alert-batch.ts'
import { createEffects } from '../../src/coordination/effects.ts'
import { createCoordinator, createSlotBreaker } from '../../src/coordination/coordinator.ts'
import type { WebhookConfig } from '../../src/config/config.ts'
import { createDeliveryQueue } from '../../src/delivery/delivery-queue.ts'
import { parseMessage } from '../../src/delivery/message.ts'
import { createRateLimiter } from '../../src/delivery/rate-limiter.ts'
import { webhookCaller } from '../../src/domain/caller.ts'
import type { EffectFacts } from '../../src/domain/effect.ts'
import type { DecisionFacts } from '../../src/domain/decision.ts'
import { DEFAULT_AFTER_MS } from '../../src/domain/duration.ts'
import type { ArmFailure } from '../../src/domain/failure.ts'
import type { OperationId } from '../../src/domain/operation-id.ts'
import type { QueuedAlert } from '../../src/domain/queued-alert.ts'
import { parseScope } from '../../src/domain/scope.ts'
import { createJoinCounter } from '../../src/operations/join-counter.ts'
import { createCopyAgain, createHistoryCopies } from '../../src/operations/history-copies.ts'
import { createOperationLog } from '../../src/operations/operation-log.ts'
import { createRequestJoins } from '../../src/operations/request-joins.ts'
import { effectSettingsOf } from '../../src/policy/effect-settings.ts'
import { createGrantIndex } from '../../src/policy/grant-index.ts'
import type { AlertPorts } from '../../src/reconnect/alert-ports.ts'
import { abandon, deliver } from '../../src/reconnect/deliver.ts'
import type { DeliveryPorts } from '../../src/reconnect/delivery-ports.ts'
import { MessageComesBack } from '../../src/reconnect/message-comes-back.ts'
import { judgeEffect } from '../../src/reconnect/judge-effect.ts'
import { reconnect } from '../../src/reconnect/reconnect.ts'
import type { Forward, Forwarded } from '../../src/reconnect/ports.ts'
import type { AlertAnswer } from '../../src/reconnect/alert-answer.ts'
import { receiveAlerts } from '../../src/reconnect/receive-alerts.ts'
import type { Clock } from '../../src/shared/clock.ts'
import { err, ok } from '../../src/shared/result.ts'
import { createOperationId } from '../../src/storage/keys.ts'
import type { Store } from '../../src/storage/store.ts'
import { A_LIMIT, aBackend, aCaller, aCommand, aDuration, aPrincipal, IDS, PARTS, someGrants } from './builders.ts'
import { START_EPOCH_MS } from './fake-clock.ts'
import { NO_DELIVERIES, NO_PAUSES } from './no-pauses.ts'
import { createSimulatedQueue, type QueueWeather, type SimulatedQueue } from './simulated-queue.ts'
import { createSimulatedStore, FAIR, type SimulatedStore, type StoreWeather } from './simulated-store.ts'
import { createSimulation, type Simulation } from './simulation.ts'

/**
 * What ARM does with a POST: takes it, cannot be reached, never answers (having acted or not), has had enough, or refuses at length. `frozen`: it
 * refuses, and the process that asked stands still until its lease is over.
 */
export type ArmMood = 'up' | 'away' | 'hanging' | 'throttling' | 'wordy' | 'frozen'

export interface AlertClimate {
  readonly instances: number
  /** How far an instance's clock is off, at most, either way. */
  readonly skewMs: number
  readonly store: (call: keyof Store, sinceStartMs: number) => StoreWeather
  /** How long a call to storage takes, one way. */
  readonly storeLatencyMs: number
  readonly queue: (sinceStartMs: number) => QueueWeather
  readonly arm: (sinceStartMs: number) => ArmMood
  /** An instance dies now and then, at any moment, and another takes its place. */
  readonly livesMs: number
  readonly limit: number
  readonly deliverWithin: string
  /** What alerts ask for; absent: the default of two minutes. */
  readonly after?: string
  /** Webhooks besides `w`, which is a generic one: their format, `effect` and so on. */
  readonly webhooks?: Readonly<Record<string, Partial<WebhookConfig>>>
  readonly notHelping?: number
}

export const CALM_QUEUE: QueueWeather = { refused: 0, lost: 0, again: 0, twice: 0, latencyMs: 30 }

export const CALM: AlertClimate = {
  instances: 1,
  skewMs: 0,
  store: () => FAIR,
  storeLatencyMs: 30,
  queue: () => CALM_QUEUE,
  arm: () => 'up',
  livesMs: Number.POSITIVE_INFINITY,
  limit: A_LIMIT.count,
  deliverWithin: 'PT6H',
}

/** A POST as ARM sees it, and whether its sender heard of it: one that died or gave up did not. */
export interface Post {
  readonly backend: string
  readonly atEpochMs: number
  readonly accepted: boolean
  heard: boolean
}

/** An alert whose sender was told that it is accepted. */
export interface Held {
  readonly backend: string
  readonly operation: OperationId
  /** When the sender asked, by the true time. */
  readonly askedAtEpochMs: number
}

/** Alerts from the sender to ARM: everything of ours is real, everything of Azure's is simulated, and time is virtual. */
export interface AlertWorld {
  readonly simulation: Simulation
  readonly store: SimulatedStore
  readonly queue: SimulatedQueue
  readonly posts: readonly Post[]
  readonly events: readonly DecisionFacts[]
  /** Every audit event of a verdict. */
  readonly verdicts: readonly EffectFacts[]
  readonly held: readonly Held[]
  /** Alerts that a sender has given up, having heard nothing good of them. */
  readonly givenUp: readonly string[]
  readonly defects: readonly unknown[]
  readonly deaths: () => number
  /** A sender's alert, repeated as an action group does until it is answered 2xx. */
  post(backendId: string, afterMs: number, subscriptionId?: string): void
  /** What any sender posts, made when it is sent. It is repeated as well, and nothing is recorded as held. */
  tell(webhook: string, afterMs: number, body: (nowEpochMs: number) => unknown): void
  /** A reconnect by a person, through any instance. */
  reconnect(backendId: string, afterMs: number, change?: { readonly force?: boolean }): void
}

const DEADLINE_MS = 30_000
/** Azure Monitor's gaps between its tries (FACTS: action groups). */
const RETRY_GAPS_MS = [5_000, 20_000, 5_000, 40_000, 5_000]
const SENDER_PATIENCE_MS = 10_000
/** Longer than a lease: the deadline and 15 s. */
const FROZEN_MS = 60_000
const RESTART_MS = 8_000
const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined }
/** Has a budget of its own at ARM. */
/** Of examples/policy.json. */
export const EXAMPLE_SUBSCRIPTION = '11111111-2222-3333-4444-555555555555'
export const OTHER_SUBSCRIPTION = '99999999-0000-4000-8000-000000000000'

interface Instance {
  dead: boolean
  readonly receive: (webhook: string, body: unknown) => Promise<readonly AlertAnswer[] | undefined>
  readonly reconnect: (backendId: string, force: boolean) => Promise<unknown>
}

export function createAlertWorld(seed: number, climate: AlertClimate): AlertWorld {
  const simulation = createSimulation(seed, START_EPOCH_MS)
  const sinceStartMs = (): number => simulation.now() - START_EPOCH_MS
  const shared = createSimulatedStore(
    simulation,
    (call) => climate.store(call, sinceStartMs()),
    () => simulation.random() * climate.storeLatencyMs,
  )
  const queue = createSimulatedQueue(simulation, () => climate.queue(sinceStartMs()))
  const posts: Post[] = []
  const events: DecisionFacts[] = []
  const verdicts: EffectFacts[] = []
  const held: Held[] = []
  const givenUp: string[] = []
  const defects: unknown[] = []
  const instances: Instance[] = []
  const after = climate.after === undefined ? {} : { after: climate.after }
  const webhooks = new Map<string, WebhookConfig>(
    Object.entries<Partial<WebhookConfig>>({ w: { format: 'generic' }, ...climate.webhooks }).map(([name, webhook]) => {
      const shared = { name, authentication: { type: 'bearer', secret: 'S' }, secrets: ['x'] }
      return [name, { ...shared, ...after, ...webhook } as unknown as WebhookConfig]
    }),
  )
  let started = 0
  let deaths = 0
  let lastPostMs = 0

  function createForward(clock: Clock): Forward {
    return async (permit, _ids, deadline) => {
      const backend = permit.command.backend.key
      const mood = climate.arm(sinceStartMs())
      const began = clock.now()
      const fail = (error: ArmFailure, more: Partial<Forwarded> = {}): Forwarded => ({
        result: err(error),
        attempts: 1,
        ambiguous: false,
        ...more,
      })
      // What has left arrives, whatever becomes of its sender; one that has died waits for ever for the answer.
      await simulation.sleep(simulation.random() * 500)
      const post: Post = {
        backend,
        atEpochMs: simulation.now(),
        accepted: mood === 'up' || (mood === 'hanging' && simulation.random() < 0.5),
        heard: false,
      }
      posts.push(post)
      await clock.sleep(mood === 'hanging' ? deadline.remainingMs() - 1_000 : simulation.random() * 500)
      if (mood === 'hanging') return fail({ reason: 'outcome_unknown', detail: 'no answer' }, { ambiguous: true })
      post.heard = true
      if (mood === 'frozen') await clock.sleep(FROZEN_MS)
      if (mood === 'away') return fail({ reason: 'arm_unreachable', detail: 'refused' })
      const isRefusal = mood === 'wordy' || mood === 'frozen'
      const code = isRefusal ? 'Conflict' : 'SubscriptionRequestsThrottled'
      const error = { code, message: mood === 'wordy' ? 'word '.repeat(50_000) : 'slow down' }
      if (isRefusal) return fail({ reason: 'arm_rejected', status: 409, error })
      if (mood === 'throttling') return fail({ reason: 'arm_throttled', status: 429, error }, { retryAfterMs: 7_000 })
      return { result: ok({ sentAtEpochMs: began }), attempts: 1, ambiguous: false }
    }
  }

  function startInstance(): Instance {
    const number = started++
    const instance: Instance = { dead: false, receive, reconnect: reconnectAs }
    const dead = (): boolean => instance.dead
    const clock = simulation.clock((simulation.random() - 0.5) * 2 * climate.skewMs, dead)
    const store = shared.connect(number, dead)
    const breaker = createSlotBreaker(clock)
    const copies = createHistoryCopies(store, clock, SILENT)
    const copy = copies.write
    const limit = { ...A_LIMIT, count: climate.limit }
    const { random } = simulation
    const copyAgain = createCopyAgain(store, copies, clock)
    const notHelping = { count: climate.notHelping ?? 3 }
    const coordinator = createCoordinator({
      store,
      breaker,
      clock,
      deadlineMs: DEADLINE_MS,
      limit,
      notHelpingLimit: notHelping.count,
      copy,
      copyLater: copies.writeLater,
      copyAgain,
      random,
    })
    const deliverWithin = aDuration(climate.deliverWithin)
    const effects = createEffects({ store, breaker, clock, deliverWithinMs: deliverWithin.ms, copyAgain, random })
    const operations = createOperationLog({ store, breaker, clock, copy })
    const countJoined = createJoinCounter(store, clock, SILENT, String(number))
    const client = queue.connect(dead)
    const grants = createGrantIndex(
      [PARTS.subscriptionId, OTHER_SUBSCRIPTION, EXAMPLE_SUBSCRIPTION].flatMap((subscriptionId, index) => {
        const scope = parseScope(`/subscriptions/${subscriptionId}`)
        if (!scope.ok) throw new TypeError('the scope of the world is none')
        return [...webhooks.keys()].map((name) => ({
          index,
          principal: aPrincipal(`webhook:${name}`),
          scope: scope.value,
          actions: ['reconnect' as const],
        }))
      }),
    )
    const messages = createDeliveryQueue({ open: () => Promise.resolve(client), clock })
    const describe = ({ reason, ...more }: { reason: string; error?: { message: string } }) => ({
      code: reason,
      message: more.error?.message ?? reason,
    })
    const audit = (facts: DecisionFacts): void => void (dead() || events.push(facts))
    const auditEffect = (facts: EffectFacts): void => void (dead() || verdicts.push(facts))
    const common = {
      grants,
      mode: 'on',
      operations,
      pauses: NO_PAUSES,
      describe,
      clock,
      audit,
      auditEffect,
      apiVersion: '2024-05-01',
    } as const
    const alertPorts: AlertPorts = {
      ...common,
      deliveries: NO_DELIVERIES,
      createOperationId,
      enqueue: messages.accept,
      effects,
      batches: createAlertBatches({ store, breaker, clock, deliverWithinMs: deliverWithin.ms, copy, countJoined }),
    }
    const deliveryPorts: DeliveryPorts = {
      ...common,
      webhooks,
      notHelping,
      effectSettings: new Map([...webhooks].map(([name, webhook]) => [name, effectSettingsOf(webhook)])),
      coordinator,
      enqueue: messages.retry,
      forward: createForward(clock),
      rateLimiter: createRateLimiter(clock),
      deliverWithin,
      limit,
      random,
    }
    async function receive(name: string, body: unknown): Promise<readonly AlertAnswer[] | undefined> {
      const webhook = webhooks.get(name)
      if (webhook === undefined) throw new TypeError(`there is no webhook '${name}'`)
      const verified = { webhook, caller: webhookCaller(name), body: Buffer.from(JSON.stringify(body)) }
      const received = await receiveAlerts(
        {
          ids: IDS,
          webhookName: name,
          checkFraming: () => ok(undefined),
          verify: () => Promise.resolve(ok(verified)),
          checkMediaType: () => ok(undefined),
        },
        alertPorts,
      )
      return received.ok && received.value.kind === 'alerts' ? received.value.alerts : undefined
    }

    function reconnectAs(backendId: string, force: boolean): Promise<unknown> {
      const { authenticated, grants: granted } = aPerson()
      return reconnect(
        {
          ids: IDS,
          checkFraming: () => ok(undefined),
          credentials: {} as never,
          readCommand: () => Promise.resolve(ok(aCommand({ backend: aBackend({ backendId }), force }))),
          deadline: simulation.deadline(DEADLINE_MS),
          recordWithinMs: 1_000,
        },
        {
          ...common,
          grants: granted,
          authenticate: () => Promise.resolve(ok(authenticated)),
          coordinator,
          recordJoin: createRequestJoins({ record: operations.record, countJoined }),
          createOperationId,
          forward: createForward(clock),
          prepareForward: () => undefined,
        },
      )
    }

    async function handle(message: unknown, story: typeof deliver): Promise<void> {
      const deadline = simulation.deadline(DEADLINE_MS)
      try {
        const alert = read(message)
        if (alert?.judges === true) await judgeEffect(alert, { effects, enqueue: messages.retry, auditEffect, clock })
        else if (alert !== undefined) await story(alert, deadline, deliveryPorts)
      } catch (error) {
        if (!(error instanceof MessageComesBack)) defects.push(error)
        throw error
      } finally {
        deadline.dispose()
      }
    }

    queue.listen({ run: (message) => handle(message, deliver), giveUp: (message) => handle(message, abandon), dead })
    if (Number.isFinite(climate.livesMs)) simulation.after(climate.livesMs * (0.5 + simulation.random()), die)
    function die(): void {
      // What has nothing left to do is left in peace, or the simulation would not end.
      if (queue.waiting() === 0 && sinceStartMs() > lastPostMs) return
      instance.dead = true
      deaths += 1
      instances.splice(instances.indexOf(instance), 1)
      simulation.after(RESTART_MS, () => void instances.push(startInstance()))
    }
    return instance
  }

  /** Until a sender is answered 2xx, or its patience ends. */
  async function insist(webhook: string, body: unknown): Promise<readonly AlertAnswer[] | undefined> {
    for (let tries = 0; ; tries += 1) {
      const instance = instances[Math.floor(simulation.random() * instances.length)]
      const answers = await Promise.race([instance?.receive(webhook, body), simulation.sleep(SENDER_PATIENCE_MS)])
      if (Array.isArray(answers)) return answers as readonly AlertAnswer[]
      const gapMs = RETRY_GAPS_MS[tries]
      if (gapMs === undefined) return undefined
      await simulation.sleep(gapMs)
    }
  }

  async function send(backend: string): Promise<void> {
    const askedAtEpochMs = simulation.now()
    for (let tries = 0; ; tries += 1) {
      const instance = instances[Math.floor(simulation.random() * instances.length)]
      const answers =
        instance === undefined
          ? undefined
          : await Promise.race([instance.receive('w', { backends: [backend] }), simulation.sleep(SENDER_PATIENCE_MS)])
      const operation = Array.isArray(answers) ? (answers as readonly AlertAnswer[])[0]?.operation : undefined
      if (operation !== undefined) return void held.push({ backend, operation, askedAtEpochMs })
      const gapMs = RETRY_GAPS_MS[tries]
      if (gapMs === undefined) return void givenUp.push(backend)
      await simulation.sleep(gapMs)
    }
  }

  for (let index = 0; index < climate.instances; index += 1) instances.push(startInstance())
  return {
    simulation,
    store: shared,
    queue,
    posts,
    events,
    verdicts,
    held,
    givenUp,
    defects,
    deaths: () => deaths,
    post(backendId, afterMs, subscriptionId = PARTS.subscriptionId) {
      lastPostMs = Math.max(lastPostMs, afterMs)
      simulation.after(afterMs, () => void send(aBackend({ backendId, subscriptionId }).resourceId))
    },
    tell(webhook, afterMs, body) {
      lastPostMs = Math.max(lastPostMs, afterMs)
      simulation.after(afterMs, () => void insist(webhook, body(simulation.now())))
    },
    reconnect(backendId, afterMs, { force = false } = {}) {
      lastPostMs = Math.max(lastPostMs, afterMs)
      simulation.after(afterMs, () => {
        const instance = instances[Math.floor(simulation.random() * instances.length)]
        void instance?.reconnect(backendId, force)
      })
    },
  }
}

/** How long after its POST a reconnect happens in this climate. */
export function afterMsOf({ after }: AlertClimate): number {
  return after === undefined ? DEFAULT_AFTER_MS : aDuration(after).ms
}

function aPerson() {
  const authenticated = aCaller({ kind: 'user' })
  return { authenticated, grants: someGrants(['reconnect', 'force'], `/subscriptions/${PARTS.subscriptionId}`) }
}

/** Undefined for what `read-message.ts` reports and deletes. */
function read(message: unknown): QueuedAlert | undefined {
  const alert = parseMessage(message)
  return alert.ok ? alert.value : undefined
}
