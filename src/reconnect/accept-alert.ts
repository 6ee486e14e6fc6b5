import type { Alert } from '../alerts/alert.ts'
import type { DecisionFacts } from '../domain/decision.ts'
import { DEFAULT_AFTER_MS } from '../domain/duration.ts'
import type { Firing } from '../domain/effect.ts'
import { advance, startOperation, type Operation, type StoredOperation } from '../domain/operation.ts'
import type { AlertTrigger } from '../domain/trigger.ts'
import type { AuthorizedReconnect } from '../policy/authorize.ts'
import { modeOfWebhook } from '../policy/webhook-mode.ts'
import type { AlertAnswer } from './alert-answer.ts'
import { toFiring } from './alert-evidence.ts'
import { judgeAlert } from './judge-alert.ts'
import { notice } from './notice.ts'
import { toPauseFacts } from './pause-facts.ts'
import type { AlertPorts, VerifiedPost } from './alert-ports.ts'
import type { RequestIds } from './ports.ts'

/** Everything of an event but what is the same for the whole request. */
export type Facts = Omit<DecisionFacts, 'correlationId' | 'clientRequestId' | 'traceparent' | 'durationMs'>

export interface Taken {
  /** Undefined: it could not be stored, or a defect of this app: the sender is to try again. */
  readonly answer?: AlertAnswer
  readonly facts: Omit<Facts, 'trigger' | 'caller'>
}

/** firing, matched, granted → mode → stored durably. */
export async function acceptAlert(
  alert: Alert,
  { webhook, caller }: Pick<VerifiedPost, 'webhook' | 'caller'>,
  ids: RequestIds,
  noticesUntilEpochMs: number,
  ports: AlertPorts,
): Promise<Taken> {
  const judged = judgeAlert(alert, webhook, caller, ports.grants, ports.apiVersion)
  switch (judged.kind) {
    case 'resolved': {
      const backend = judged.backend?.resourceId
      // The answer is the same, also where storage is in trouble.
      const detail =
        judged.backend && (await notice(alert, judged.backend, { webhook, caller }, noticesUntilEpochMs, ports))
      return {
        answer: { backend: backend ?? null, outcome: 'resolved' },
        facts: {
          outcome: 'resolved',
          ...(backend === undefined ? {} : { backend }),
          ...(detail === undefined ? {} : { detail }),
        },
      }
    }
    case 'unmatched': {
      const { detail } = judged
      return {
        answer: { backend: null, outcome: 'unmatched', reason: detail },
        facts: { outcome: 'unmatched', detail },
      }
    }
    case 'invalid': {
      const { detail } = judged
      return {
        answer: { backend: null, outcome: 'invalid', reason: detail },
        facts: { outcome: 'invalid', failure: { reason: 'target_invalid', detail } },
      }
    }
    case 'denied': {
      const backend = judged.backend.resourceId
      const reason = `webhook:${caller.id} has no grant for this backend`
      return {
        answer: { backend, outcome: 'denied', reason },
        facts: { outcome: 'denied', backend, failure: judged.failure },
      }
    }
    case 'permitted':
      break
  }
  const { permit } = judged
  const trigger = toTrigger(alert, { webhook })
  const mode = modeOfWebhook(ports.mode, webhook)
  // Nothing acts while it is off: a pause decides nothing then.
  if (mode === 'off') return note(permit, trigger, mode, ports)
  const { backend } = permit.command
  const found = await ports.pauses.find(backend, webhook.name)
  const heeded = toPauseFacts(found)
  if (found.kind === 'paused') {
    const reason = `Automation is paused for this backend until ${found.pause.until}.`
    return {
      answer: { backend: backend.resourceId, outcome: 'paused', reason },
      facts: { outcome: 'paused', backend: backend.resourceId, ...heeded },
    }
  }
  const taken = await (mode === 'on'
    ? store(permit, trigger, toFiring(alert, webhook, ports.clock.now()), ids, ports)
    : note(permit, trigger, mode, ports))
  return { ...taken, facts: { ...taken.facts, ...heeded } }
}

/** Joins an operation that covers the alert too, or stores one. */
async function store(
  permit: AuthorizedReconnect,
  trigger: AlertTrigger,
  firing: Firing | undefined,
  ids: RequestIds,
  { batches, enqueue }: AlertPorts,
): Promise<Taken> {
  const { backend, after } = permit.command
  const { resourceId } = backend
  const put = (operation: StoredOperation) =>
    enqueue({
      operation,
      trigger,
      backend,
      ...(after === undefined ? {} : { after }),
      acceptedAtEpochMs: Date.parse(operation.requestedAt),
      generation: 0,
      tries: 0,
      correlationId: ids.correlationId,
      ...(ids.traceparent === undefined ? {} : { traceparent: ids.traceparent }),
    })
  const acceptance = await batches.accept(permit, trigger, put, firing)
  switch (acceptance.kind) {
    case 'unavailable': {
      const failure = { reason: 'storage_unavailable', detail: acceptance.detail } as const
      return { facts: { outcome: 'failed', backend: resourceId, failure } }
    }
    case 'accepted': {
      const { operation, recorded } = acceptance
      return {
        answer: { backend: resourceId, outcome: 'accepted', operation: operation.id },
        facts: { outcome: 'accepted', backend: resourceId, operation, recorded },
      }
    }
    case 'joined': {
      const { operation } = acceptance
      const isExhausted = operation.state === 'exhausted'
      return {
        answer: {
          backend: resourceId,
          outcome: isExhausted ? 'exhausted' : 'accepted',
          operation: operation.id,
          reason: isExhausted
            ? (operation.error?.message ??
              'The limit for alert-triggered reconnects of this backend was reached a moment ago; nothing is sent.')
            : 'covered by the operation of an earlier alert',
        },
        facts: { outcome: isExhausted ? 'exhausted' : 'joined', backend: resourceId, operation, joined: operation.id },
      }
    }
  }
}

/** Nothing is sent: the alert is written down as what it would have come to. */
async function note(
  permit: AuthorizedReconnect,
  trigger: AlertTrigger,
  mode: 'dry-run' | 'off',
  { operations, createOperationId, describe, clock }: AlertPorts,
): Promise<Taken> {
  const { backend, after } = permit.command
  const now = clock.now()
  const begun = startOperation(permit, createOperationId(backend.key, now), now, trigger)
  const failure = { reason: 'switched_off' } as const
  const operation: Operation = advance(
    begun,
    mode === 'off'
      ? { to: 'failed', error: describe(failure) }
      : { to: 'dry-run', dueEpochMs: now + (after?.ms ?? DEFAULT_AFTER_MS) },
    now,
  )
  const outcome = mode === 'off' ? 'switched-off' : 'dry-run'
  const facts = {
    outcome,
    backend: backend.resourceId,
    operation,
    recorded: await operations.record(operation),
  } as const
  return {
    answer: { backend: backend.resourceId, outcome, operation: operation.id },
    facts: mode === 'off' ? { ...facts, failure } : facts,
  }
}

export function toTrigger({ alertId, alertRule }: Alert, { webhook }: Pick<VerifiedPost, 'webhook'>): AlertTrigger {
  return {
    kind: 'webhook',
    webhook: webhook.name,
    ...(alertId === undefined ? {} : { alertId }),
    ...(alertRule === undefined ? {} : { alertRule }),
  }
}
