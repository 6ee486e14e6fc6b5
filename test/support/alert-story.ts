import assert from 'node:assert/strict'
import type { AuditEvent } from '../../src/audit/event.ts'
import type { WebhookConfig } from '../../src/config/config.ts'
import type { AcceptedAlert } from '../../src/domain/accepted-alert.ts'
import { webhookCaller } from '../../src/domain/caller.ts'
import type { AuthenticationFailure, RequestFailure } from '../../src/domain/failure.ts'
import type { Operation } from '../../src/domain/operation.ts'
import { parseScope } from '../../src/domain/scope.ts'
import { createOperationId, partitionKeyOf } from '../../src/ledger/keys.ts'
import { startOperation } from '../../src/ledger/operations.ts'
import { createGrantIndex } from '../../src/policy/grant-index.ts'
import type { Acceptance, VerifiedPost } from '../../src/reconnect/ports.ts'
import { receiveAlerts, type AlertPorts, type Received } from '../../src/reconnect/receive-alerts.ts'
import { err, ok, type Result } from '../../src/shared/result.ts'
import type { Failure } from '../../src/domain/failure.ts'
import { aBackend, aPrincipal, IDS } from './builders.ts'
import { createFakeClock, START_EPOCH_MS } from './fake-clock.ts'
import { createFakeLedger } from './fake-ledger.ts'

export const GROUP = aBackend().resourceId.slice(0, aBackend().resourceId.indexOf('/providers/'))

export interface AlertStory {
  readonly framing?: Result<void, RequestFailure>
  readonly refused?: AuthenticationFailure | RequestFailure
  readonly mediaType?: Result<void, RequestFailure>
  readonly webhook?: Partial<WebhookConfig>
  /** Objects are sent as JSON. */
  readonly body?: unknown
  readonly scope?: string
  readonly mode?: AlertPorts['mode']
  /** What becomes of an alert that is to be held; by default the message is stored. */
  readonly accept?: (operation: Operation, nth: number) => Acceptance | Promise<Acceptance>
  readonly breaks?: 'verify' | 'accept'
}

export interface AlertTold {
  readonly received: Result<Received, Failure>
  readonly steps: readonly string[]
  readonly events: readonly AuditEvent[]
  readonly queued: readonly AcceptedAlert[]
  /** Alerts that were held at the same time, at most. */
  readonly atOnce: number
}

export async function tellAlerts(story: AlertStory = {}): Promise<AlertTold> {
  const clock = createFakeClock()
  const steps: string[] = []
  const events: AuditEvent[] = []
  const queued: AcceptedAlert[] = []
  const webhook = {
    name: 'w',
    format: 'generic',
    authentication: { type: 'bearer', secret: 'S' },
    secrets: ['x'],
    ...story.webhook,
  } as WebhookConfig
  const scope = parseScope(story.scope ?? GROUP)
  assert.ok(scope.ok)
  const grants = createGrantIndex([
    { index: 0, principal: aPrincipal('webhook:w'), scope: scope.value, actions: ['reconnect'] },
  ])
  let held = 0
  let holding = 0
  let atOnce = 0
  const ports: AlertPorts = {
    grants,
    mode: story.mode ?? 'on',
    ledger: {
      note: (permit, failure, trigger) => {
        steps.push('note')
        return createFakeLedger({ clock, passage: 'sent', recorded: true, called: () => undefined }).note(
          permit,
          failure,
          trigger,
        )
      },
    },
    acceptances: {
      async accept(permit, trigger, enqueue) {
        steps.push('accept')
        holding += 1
        atOnce = Math.max(atOnce, holding)
        if (story.breaks === 'accept') throw new TypeError('accept is broken')
        const operation = startOperation(
          permit,
          createOperationId(partitionKeyOf(permit.command.backend.key), START_EPOCH_MS),
          START_EPOCH_MS,
          trigger,
        )
        await new Promise(setImmediate)
        const acceptance = await (story.accept?.(operation, held++) ??
          enqueue(operation).then((): Acceptance => ({ kind: 'accepted', operation, recorded: true })))
        holding -= 1
        return acceptance
      },
    },
    enqueue: (alert) => {
      steps.push('enqueue')
      queued.push(alert)
      return Promise.resolve(ok(undefined))
    },
    apiVersion: '2024-05-01',
    record: (event) => events.push(event),
    clock,
  }
  const verified: VerifiedPost = {
    webhook,
    caller: webhookCaller('w'),
    body: Buffer.from(
      typeof story.body === 'string' ? story.body : JSON.stringify(story.body ?? { backends: [aBackend().resourceId] }),
    ),
  }
  const received = await receiveAlerts(
    {
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
      checkMediaType(format) {
        steps.push(`type of ${format}`)
        return story.mediaType ?? ok(undefined)
      },
    },
    ports,
  )
  return { received, steps, events, queued, atOnce }
}
