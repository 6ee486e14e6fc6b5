import type { AuditEvent } from '../../src/audit/event.ts'
import { toAuditEvent } from '../../src/audit/to-audit-event.ts'
import { createRateLimiter } from '../../src/delivery/rate-limiter.ts'
import type { Action } from '../../src/domain/failure.ts'
import type { QueuedAlert } from '../../src/domain/queued-alert.ts'
import { parseScope } from '../../src/domain/scope.ts'
import { describeFailure } from '../../src/http/failure-reply.ts'
import { createGrantIndex } from '../../src/policy/grant-index.ts'
import { abandon, deliver } from '../../src/reconnect/deliver.ts'
import type { DeliveryPorts } from '../../src/reconnect/delivery-ports.ts'
import { err, ok } from '../../src/shared/result.ts'
import { ALERT_TRIGGER, anAcceptedAlert } from './an-operation.ts'
import { NO_PAUSES } from './no-pauses.ts'
import { A_LIMIT, aBackend, aDuration, aPrincipal, IDS } from './builders.ts'
import { createCore, DEADLINE_MS, type Core } from './core.ts'
import { createFakeArm, type FakeArm } from './fake-arm.ts'

export const API_VERSION = '2024-05-01'

export interface DeliveryOptions {
  readonly core?: Core
  readonly arm?: FakeArm
  readonly limitCount?: number
  readonly mode?: DeliveryPorts['mode']
  readonly granted?: readonly Action[]
  readonly webhooks?: readonly string[]
}

/** How one delivery ended. */
export interface Told {
  /** What it threw: the message comes back. */
  readonly thrown: unknown
  readonly events: readonly AuditEvent[]
}

/** The delivery story over the real coordinator, operation log and rate limiter; ARM and the queue are simulated. */
export function createDeliveryRoom(options: DeliveryOptions = {}) {
  const { limitCount = A_LIMIT.count, mode = 'on', granted = ['reconnect'], webhooks = ['w'] } = options
  const core = options.core ?? createCore({ limitCount })
  const { clock } = core
  const arm = options.arm ?? createFakeArm(clock)
  const rateLimiter = createRateLimiter(clock)
  const queued: { readonly alert: QueuedAlert; readonly delayMs: number }[] = []
  let queueFails = false
  let beforeEnqueue: () => void = () => undefined
  const scope = parseScope(aBackend().resourceId)
  if (!scope.ok) throw new TypeError('a backend is a scope')
  const grants = createGrantIndex(
    granted.length === 0
      ? []
      : [{ index: 0, principal: aPrincipal('webhook:w'), scope: scope.value, actions: granted }],
  )

  function portsFor(events: AuditEvent[]): DeliveryPorts {
    return {
      grants,
      webhooks: new Map(webhooks.map((name) => [name, {}])),
      pauses: NO_PAUSES,
      mode,
      coordinator: core.coordinator,
      operations: core.operations,
      async enqueue(alert, delayMs = 0) {
        beforeEnqueue()
        if (queueFails) return err('queue: busy')
        queued.push({ alert, delayMs })
        return ok(undefined)
      },
      forward: arm.forward,
      rateLimiter,
      deliverWithin: aDuration('PT6H'),
      limit: { count: limitCount, window: A_LIMIT.window },
      notHelping: { count: 3 },
      effectSettings: new Map(),
      apiVersion: API_VERSION,
      describe: describeFailure,
      audit: (facts) => void events.push(toAuditEvent(facts)),
      auditEffect: () => undefined,
      clock,
      random: () => 0,
    }
  }

  async function tell(story: typeof deliver, alert: QueuedAlert): Promise<Told> {
    const events: AuditEvent[] = []
    const work = story(alert, core.deadline(DEADLINE_MS), portsFor(events)).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    return { thrown: await clock.finish(work), events }
  }

  return {
    ...core,
    core,
    arm,
    rateLimiter,
    queued,
    failQueue: (fails = true) => void (queueFails = fails),
    /** Runs when a later message is to be stored. */
    onEnqueue: (look: () => void) => void (beforeEnqueue = look),
    /** A message about an alert that was accepted now, with its row. */
    accept(change: Partial<QueuedAlert> = {}): QueuedAlert {
      const operation = change.operation ?? anAcceptedAlert({}, { atEpochMs: clock.now() })
      core.putRow(operation)
      return {
        operation,
        trigger: ALERT_TRIGGER,
        backend: aBackend(),
        acceptedAtEpochMs: clock.now(),
        generation: 0,
        tries: 0,
        correlationId: IDS.correlationId,
        ...change,
      }
    },
    deliver: (alert: QueuedAlert) => tell(deliver, alert),
    abandon: (alert: QueuedAlert) => tell(abandon, alert),
    /** Another instance on the same rows, queue of its own, and the same ARM. */
    beside: (more: DeliveryOptions = {}) => createDeliveryRoom({ ...options, ...more, core: core.beside(), arm }),
  }
}

export type DeliveryRoom = ReturnType<typeof createDeliveryRoom>
