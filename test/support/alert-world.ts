import type { AuditEvent } from '../../src/audit/event.ts'
import type { WebhookConfig } from '../../src/config/config.ts'
import { createDeliveryQueue } from '../../src/delivery/delivery-queue.ts'
import { parseMessage } from '../../src/delivery/message.ts'
import { createPace } from '../../src/delivery/pace.ts'
import type { AcceptedAlert } from '../../src/domain/accepted-alert.ts'
import { webhookCaller } from '../../src/domain/caller.ts'
import type { ArmFailure } from '../../src/domain/failure.ts'
import type { OperationId } from '../../src/domain/operation.ts'
import { parseScope } from '../../src/domain/scope.ts'
import { describeFailure } from '../../src/http/failure-reply.ts'
import { createAcceptances } from '../../src/ledger/acceptances.ts'
import { createJoinCounter } from '../../src/ledger/join-counter.ts'
import { createLedger } from '../../src/ledger/ledger.ts'
import { createRecords } from '../../src/ledger/records.ts'
import { createStorageClock } from '../../src/ledger/storage-clock.ts'
import { createGrantIndex } from '../../src/policy/grant-index.ts'
import { abandon, deliver, type DeliveryPorts } from '../../src/reconnect/deliver.ts'
import type { Forward, Forwarded } from '../../src/reconnect/ports.ts'
import { receiveAlerts, type AlertAnswer, type AlertPorts } from '../../src/reconnect/receive-alerts.ts'
import type { Clock } from '../../src/shared/clock.ts'
import { err, ok } from '../../src/shared/result.ts'
import { A_LIMIT, aBackend, aDuration, aPrincipal, IDS, PARTS } from './builders.ts'
import { START_EPOCH_MS } from './fake-clock.ts'
import { createSimulatedQueue, type QueueWeather, type SimulatedQueue } from './simulated-queue.ts'
import { createSimulatedTable, FAIR, type SimulatedTable, type TableWeather } from './simulated-table.ts'
import { createSimulation, type Simulation } from './simulation.ts'

/** What ARM does with a POST: takes it, cannot be reached, never answers (having acted or not), or has had enough. */
export type ArmMood = 'up' | 'away' | 'hanging' | 'throttling'

export interface AlertClimate {
  readonly instances: number
  /** How far an instance's clock is off, at most, either way. */
  readonly skewMs: number
  readonly table: TableWeather
  readonly queue: QueueWeather
  readonly arm: (sinceStartMs: number) => ArmMood
  /** An instance dies now and then, at any moment, and another takes its place. */
  readonly livesMs: number
  readonly limit: number
  readonly deliverWithin: string
}

export const CALM: AlertClimate = {
  instances: 1,
  skewMs: 0,
  table: FAIR,
  queue: { refused: 0, lost: 0, again: 0 },
  arm: () => 'up',
  livesMs: Number.POSITIVE_INFINITY,
  limit: A_LIMIT.count,
  deliverWithin: 'PT6H',
}

/** A POST as ARM sees it, and whether its sender heard of it: one who died or gave up did not. */
export interface Post {
  readonly backend: string
  readonly atEpochMs: number
  readonly accepted: boolean
  heard: boolean
}

export interface Held {
  readonly backend: string
  readonly operation: OperationId
}

/** Alerts from the sender to ARM: everything of ours is real, everything of Azure's is simulated, and time is virtual. */
export interface AlertWorld {
  readonly simulation: Simulation
  readonly table: SimulatedTable
  readonly queue: SimulatedQueue
  readonly posts: readonly Post[]
  readonly events: readonly AuditEvent[]
  /** Every alert that a sender was told is held. */
  readonly held: readonly Held[]
  /** Alerts that a sender has given up, having heard nothing good of them. */
  readonly givenUp: readonly string[]
  readonly deaths: () => number
  /** A sender's alert, repeated as an action group does until it is answered 2xx. */
  post(backendId: string, afterMs: number, subscriptionId?: string): void
}

const DEADLINE_MS = 30_000
/** Azure Monitor's gaps between its tries (FACTS: action groups). */
const RETRY_GAPS_MS = [5_000, 20_000, 5_000, 40_000, 5_000]
const SENDER_PATIENCE_MS = 10_000
const RESTART_MS = 8_000
const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined }
/** Has a budget of its own at ARM. */
export const OTHER_SUBSCRIPTION = '99999999-0000-4000-8000-000000000000'

interface Instance {
  dead: boolean
  readonly receive: (backend: string) => Promise<readonly AlertAnswer[] | undefined>
}

export function createAlertWorld(seed: number, climate: AlertClimate): AlertWorld {
  const simulation = createSimulation(seed, START_EPOCH_MS)
  const table = createSimulatedTable(simulation, () => climate.table)
  const queue = createSimulatedQueue(simulation, () => climate.queue)
  const posts: Post[] = []
  const events: AuditEvent[] = []
  const held: Held[] = []
  const givenUp: string[] = []
  const instances: Instance[] = []
  let started = 0
  let deaths = 0
  let lastPostMs = 0

  function createForward(clock: Clock): Forward {
    return async (permit, _ids, deadline) => {
      const backend = permit.command.backend.key
      const mood = climate.arm(simulation.now() - START_EPOCH_MS)
      const fail = (error: ArmFailure, more: Partial<Forwarded> = {}): Forwarded => ({
        result: err(error),
        attempts: 1,
        ambiguous: false,
        ...more,
      })
      // What has left arrives, whatever becomes of its sender; who has died waits for ever for the answer.
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
      if (mood === 'away') return fail({ reason: 'arm_unreachable', detail: 'refused' })
      if (mood === 'throttling')
        return fail(
          {
            reason: 'arm_throttled',
            status: 429,
            error: { code: 'SubscriptionRequestsThrottled', message: 'slow down' },
          },
          { retryAfterMs: 7_000 },
        )
      return { result: ok({ acceptedAtEpochMs: simulation.now() }), attempts: 1, ambiguous: false }
    }
  }

  function startInstance(): Instance {
    const number = started++
    const instance: Instance = { dead: false, receive }
    const dead = (): boolean => instance.dead
    const clock = simulation.clock((simulation.random() - 0.5) * 2 * climate.skewMs, dead)
    const storageClock = createStorageClock(clock)
    const store = table.connect(number, clock, storageClock, dead)
    const records = createRecords(store, clock, SILENT, () => undefined)
    const limit = { ...A_LIMIT, count: climate.limit }
    const ledger = createLedger({
      store,
      records,
      storageClock,
      clock,
      deadlineMs: DEADLINE_MS,
      describe: describeFailure,
      limit,
      random: simulation.random,
    })
    const deliverWithin = aDuration(climate.deliverWithin)
    const joins = createJoinCounter(store, clock, SILENT, String(number))
    const client = queue.connect(dead)
    const grants = createGrantIndex(
      [PARTS.subscriptionId, OTHER_SUBSCRIPTION].map((subscriptionId, index) => {
        const scope = parseScope(`/subscriptions/${subscriptionId}`)
        if (!scope.ok) throw new TypeError('the scope of the world is none')
        return { index, principal: aPrincipal('webhook:w'), scope: scope.value, actions: ['reconnect'] }
      }),
    )
    const enqueue = createDeliveryQueue({ open: () => Promise.resolve(client), clock })
    const record = (event: AuditEvent): void => void (dead() || events.push(event))
    const shared = { grants, mode: 'on', enqueue, clock, record, apiVersion: '2024-05-01' } as const
    const alertPorts: AlertPorts = {
      ...shared,
      ledger,
      acceptances: createAcceptances({ store, records, joins, storageClock, clock, deliverWithinMs: deliverWithin.ms }),
    }
    const deliveryPorts: DeliveryPorts = {
      ...shared,
      deliveries: ledger,
      forward: createForward(clock),
      pace: createPace(clock),
      deliverWithin,
      random: simulation.random,
    }
    const webhook = {
      name: 'w',
      format: 'generic',
      authentication: { type: 'bearer', secret: 'S' },
      secrets: ['x'],
    } as unknown as WebhookConfig

    async function receive(backend: string): Promise<readonly AlertAnswer[] | undefined> {
      const verified = {
        webhook,
        caller: webhookCaller('w'),
        body: Buffer.from(JSON.stringify({ backends: [backend] })),
      }
      const received = await receiveAlerts(
        {
          ids: IDS,
          webhookName: 'w',
          checkFraming: () => ok(undefined),
          verify: () => Promise.resolve(ok(verified)),
          checkMediaType: () => ok(undefined),
        },
        alertPorts,
      )
      return received.ok && received.value.kind === 'alerts' ? received.value.alerts : undefined
    }

    async function run(message: unknown): Promise<void> {
      const deadline = simulation.deadline(DEADLINE_MS)
      try {
        await deliver(read(message), deadline, deliveryPorts)
      } finally {
        deadline.dispose()
      }
    }

    queue.listen({ run, giveUp: (message) => abandon(read(message), deliveryPorts), dead })
    if (Number.isFinite(climate.livesMs)) simulation.after(climate.livesMs * (0.5 + simulation.random()), die)
    function die(): void {
      // What has nothing left to do is left in peace, or the simulation would not end.
      if (queue.waiting() === 0 && simulation.now() - START_EPOCH_MS > lastPostMs) return
      instance.dead = true
      deaths += 1
      instances.splice(instances.indexOf(instance), 1)
      simulation.after(RESTART_MS, () => void instances.push(startInstance()))
    }
    return instance
  }

  async function send(backend: string): Promise<void> {
    for (let tries = 0; ; tries += 1) {
      const instance = instances[Math.floor(simulation.random() * instances.length)]
      const answers =
        instance === undefined
          ? undefined
          : await Promise.race([instance.receive(backend), simulation.sleep(SENDER_PATIENCE_MS)])
      const operation = Array.isArray(answers) ? (answers as readonly AlertAnswer[])[0]?.operation : undefined
      if (operation !== undefined) return void held.push({ backend, operation })
      const gapMs = RETRY_GAPS_MS[tries]
      if (gapMs === undefined) return void givenUp.push(backend)
      await simulation.sleep(gapMs)
    }
  }

  for (let index = 0; index < climate.instances; index += 1) instances.push(startInstance())
  return {
    simulation,
    table,
    queue,
    posts,
    events,
    held,
    givenUp,
    deaths: () => deaths,
    post(backendId, afterMs, subscriptionId = PARTS.subscriptionId) {
      lastPostMs = Math.max(lastPostMs, afterMs)
      simulation.after(afterMs, () => void send(aBackend({ backendId, subscriptionId }).resourceId))
    },
  }
}

function read(message: unknown): AcceptedAlert {
  const alert = parseMessage(message)
  if (!alert.ok) throw new TypeError(`a message of our own cannot be read: ${alert.error.member}`)
  return alert.value
}
