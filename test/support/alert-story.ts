import type { AuditEvent } from '../../src/audit/event.ts'
import { toAuditEvent } from '../../src/audit/to-audit-event.ts'
import type { WebhookConfig } from '../../src/config/config.ts'
import { webhookCaller } from '../../src/domain/caller.ts'
import type { AuthenticationFailure, Failure, RequestFailure } from '../../src/domain/failure.ts'
import type { QueuedAlert } from '../../src/domain/queued-alert.ts'
import { parseScope } from '../../src/domain/scope.ts'
import { describeFailure } from '../../src/http/failure-reply.ts'
import { createGrantIndex } from '../../src/policy/grant-index.ts'
import type { AlertPorts, VerifiedPost } from '../../src/reconnect/alert-ports.ts'
import { receiveAlerts, type Received } from '../../src/reconnect/receive-alerts.ts'
import { err, ok, type Result } from '../../src/shared/result.ts'
import { createOperationId } from '../../src/storage/keys.ts'
import { NO_DELIVERIES, NO_PAUSES } from './no-pauses.ts'
import { NO_EFFECTS } from './no-effects.ts'
import { aBackend, aPrincipal, IDS } from './builders.ts'
import { createCore, type Core } from './core.ts'

export const GROUP = aBackend().resourceId.slice(0, aBackend().resourceId.indexOf('/providers/'))

export interface AlertStory {
  /** By default an instance on empty rows. */
  readonly core?: Core
  readonly framing?: Result<void, RequestFailure>
  readonly refused?: AuthenticationFailure | RequestFailure
  readonly mediaType?: Result<void, RequestFailure>
  readonly webhook?: Partial<WebhookConfig>
  /** Objects are sent as JSON. */
  readonly body?: unknown
  readonly scope?: string
  readonly mode?: AlertPorts['mode']
  /** The queue's answer to the message of this backend; by default it stores every message. */
  readonly queueFails?: (backend: string) => boolean
  readonly breaks?: 'verify' | 'accept'
}

export interface AlertTold {
  readonly core: Core
  readonly received: Result<Received, Failure>
  readonly steps: readonly string[]
  readonly events: readonly AuditEvent[]
  readonly queued: readonly QueuedAlert[]
  /** Alerts that were being stored at the same time, at most. */
  readonly atOnce: number
}

/** One request of a sender, over the real alert batches and operation log. */
export async function tellAlerts(story: AlertStory = {}): Promise<AlertTold> {
  const { core = createCore() } = story
  const { clock } = core
  const steps: string[] = []
  const events: AuditEvent[] = []
  const queued: QueuedAlert[] = []
  const webhook = {
    name: 'w',
    format: 'generic',
    authentication: { type: 'bearer', secret: 'S' },
    secrets: ['x'],
    ...story.webhook,
  } as WebhookConfig
  const scope = parseScope(story.scope ?? GROUP)
  if (!scope.ok) throw new TypeError('the scope of the story is none')
  let storing = 0
  let atOnce = 0
  const ports: AlertPorts = {
    grants: createGrantIndex([
      { index: 0, principal: aPrincipal('webhook:w'), scope: scope.value, actions: ['reconnect'] },
    ]),
    mode: story.mode ?? 'on',
    pauses: NO_PAUSES,
    effects: NO_EFFECTS,
    auditEffect: () => undefined,
    deliveries: NO_DELIVERIES,
    operations: {
      ...core.operations,
      async record(operation) {
        steps.push('record')
        return core.operations.record(operation)
      },
    },
    batches: {
      async accept(...args) {
        steps.push('accept')
        if (story.breaks === 'accept') throw new TypeError('accept is broken')
        return core.batches.accept(...args)
      },
    },
    createOperationId,
    async enqueue(alert) {
      steps.push('enqueue')
      storing += 1
      atOnce = Math.max(atOnce, storing)
      await clock.sleep(10)
      storing -= 1
      if (story.queueFails?.(alert.backend.resourceId) === true) return err('queue: busy')
      queued.push(alert)
      return ok(undefined)
    },
    describe: describeFailure,
    apiVersion: '2024-05-01',
    audit: (facts) => void events.push(toAuditEvent(facts)),
    clock,
  }
  const verified: VerifiedPost = {
    webhook,
    caller: webhookCaller('w'),
    body: Buffer.from(
      typeof story.body === 'string' ? story.body : JSON.stringify(story.body ?? { backends: [aBackend().resourceId] }),
    ),
  }
  const post = {
    ids: IDS,
    webhookName: 'w',
    checkFraming() {
      steps.push('framing')
      return story.framing ?? ok(undefined)
    },
    async verify() {
      steps.push('verify')
      if (story.breaks === 'verify') throw new TypeError('verify is broken')
      return story.refused === undefined ? ok(verified) : err(story.refused)
    },
    checkMediaType(format: string) {
      steps.push(`type of ${format}`)
      return story.mediaType ?? ok(undefined)
    },
  }
  const received = await clock.finish(receiveAlerts(post, ports))
  return { core, received, steps, events, queued, atOnce }
}
