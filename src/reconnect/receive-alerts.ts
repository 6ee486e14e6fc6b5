import type { Alert, PayloadFault } from '../alerts/alert.ts'
import { parsePayload } from '../alerts/parse-payload.ts'
import { readAlerts, type AlertFormat } from '../alerts/read-alerts.ts'
import type { DecisionFacts } from '../domain/decision.ts'
import { DEFAULT_AFTER_MS } from '../domain/duration.ts'
import type { EffectFacts, Firing } from '../domain/effect.ts'
import type { AuthenticationFailure, Failure, RequestFailure } from '../domain/failure.ts'
import type { Mode } from '../domain/mode.ts'
import { advance, startOperation, type Operation, type StoredOperation } from '../domain/operation.ts'
import type { OperationId } from '../domain/operation-id.ts'
import type { AlertTrigger } from '../domain/trigger.ts'
import type { AuthorizedReconnect } from '../policy/authorize.ts'
import type { GrantIndex } from '../policy/grant-index.ts'
import { modeOfWebhook } from '../policy/webhook-mode.ts'
import type { Clock } from '../shared/clock.ts'
import { describeError } from '../shared/describe-error.ts'
import { err, ok, type Result } from '../shared/result.ts'
import { toFiring } from './alert-evidence.ts'
import { areAllDenied, judgeAlert } from './judge-alert.ts'
import { noteRefused, noteUnacted } from './note-deliveries.ts'
import type { AlertAnswer } from './alert-answer.ts'
import { notice, NOTICES_WAIT_MS } from './notice.ts'
import { toPauseFacts } from './pause-facts.ts'
import type {
  AlertBatches,
  DeliveryLog,
  DescribeFailure,
  Effects,
  Enqueue,
  OperationLog,
  Pauses,
  RequestIds,
  VerifiedPost,
} from './ports.ts'
import { outcomeOf } from './reconnect.ts'

/** A sender's request as plain facts. What must not be looked at before the sender has proved itself comes as a function. */
export interface AlertPost {
  readonly ids: RequestIds
  /** As in the path: an unknown sender has not shown that there is a webhook of this name. */
  readonly webhookName: string
  readonly checkFraming: () => Result<void, RequestFailure>
  readonly verify: () => Promise<Result<VerifiedPost, AuthenticationFailure | RequestFailure>>
  readonly checkMediaType: (format: AlertFormat) => Result<void, RequestFailure>
}

export interface AlertPorts {
  readonly grants: GrantIndex
  readonly mode: Mode
  readonly operations: OperationLog
  readonly batches: AlertBatches
  readonly pauses: Pick<Pauses, 'find'>
  readonly deliveries: Pick<DeliveryLog, 'note'>
  readonly effects: Effects
  readonly createOperationId: (backendKey: string, epochMs: number) => OperationId
  readonly enqueue: Enqueue
  readonly describe: DescribeFailure
  /** Of ARM's API, for what alerts cause. */
  readonly apiVersion: string
  readonly audit: (facts: DecisionFacts) => void
  readonly auditEffect: (facts: EffectFacts) => void
  readonly clock: Clock
}

export type Received =
  | { readonly kind: 'alerts'; readonly alerts: readonly AlertAnswer[]; readonly refused?: Failure }
  | { readonly kind: 'validation'; readonly code: string }

/** Alerts of one payload that are accepted at the same time: storage answers in parallel, and no other request waits behind 500 of them. */
const AT_ONCE = 64

/** Everything of an event but what is the same for the whole request. */
type Facts = Omit<DecisionFacts, 'correlationId' | 'clientRequestId' | 'traceparent' | 'durationMs'>

/**
 * Accepts what a sender posts. A payload that is refused, empty or a handshake ends in one audit event; otherwise each alert ends in one of its
 * own.
 */
export async function receiveAlerts(post: AlertPost, ports: AlertPorts): Promise<Result<Received, Failure>> {
  const startedAtEpochMs = ports.clock.now()
  const audit = (facts: Facts): void =>
    ports.audit({ ...post.ids, mode: ports.mode, ...facts, durationMs: ports.clock.now() - startedAtEpochMs })
  const trigger = { kind: 'webhook', webhook: post.webhookName } as const

  const read = await readPost(post).catch((error: unknown) => err(defect(error)))
  if (!read.ok) {
    audit({ trigger, outcome: outcomeOf(read.error), failure: read.error })
    noteRefused(post.webhookName, read.error, ports.deliveries)
    return read
  }
  const { reading, verified } = read.value
  if (reading.kind === 'validation') {
    audit({ caller: verified.caller, trigger, outcome: 'handshake' })
    return ok(reading)
  }
  if (reading.alerts.length === 0) audit({ caller: verified.caller, trigger, outcome: 'empty' })

  const noticesUntilEpochMs = ports.clock.now() + NOTICES_WAIT_MS
  const taken = await mapAtOnce(AT_ONCE, reading.alerts, async (alert) => {
    const one = await accept(alert, verified, post.ids, noticesUntilEpochMs, ports).catch((error: unknown): Taken => ({
      facts: { outcome: 'failed', failure: defect(error) },
    }))
    const mode = modeOfWebhook(ports.mode, verified.webhook)
    const ofAlert = toTrigger(alert, verified)
    audit({ caller: verified.caller, trigger: ofAlert, mode, ...one.facts })
    noteUnacted(ofAlert, one.answer, ports.deliveries)
    return one
  })
  const lost = taken.find(({ answer }) => answer === undefined)
  // Some may be stored: the sender's next attempt finds them, and joins.
  if (lost?.facts.failure !== undefined) return err(lost.facts.failure as Failure)
  return ok(summarize(taken))
}

/** check framing → verify the sender → media type → parse → the format's alerts. */
async function readPost(post: AlertPost) {
  const framing = post.checkFraming()
  if (!framing.ok) return framing
  const verified = await post.verify()
  if (!verified.ok) return verified
  const { webhook, body } = verified.value
  const type = post.checkMediaType(webhook.format)
  if (!type.ok) return type
  const payload = parsePayload(body)
  if (!payload.ok) return err(toFailure(payload.error))
  const reading = readAlerts(webhook.format, payload.value)
  if (!reading.ok) return err(toFailure(reading.error))
  return ok({ reading: reading.value, verified: verified.value })
}

interface Taken {
  /** Undefined: it could not be stored, or a defect of this app: the sender is to try again. */
  readonly answer?: AlertAnswer
  readonly facts: Omit<Facts, 'trigger' | 'caller'>
}

/** firing, matched, granted → mode → stored durably. */
async function accept(
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

/** 403 when every firing alert was denied; everything else is said alert by alert. */
function summarize(taken: readonly Taken[]): Received {
  const alerts = taken.map(({ answer }) => answer).filter((answer) => answer !== undefined)
  const denied = taken.find(({ answer }) => answer?.outcome === 'denied')?.facts.failure as Failure | undefined
  const isRefused = denied !== undefined && areAllDenied(alerts.map(({ outcome }) => outcome))
  return { kind: 'alerts', alerts, ...(isRefused ? { refused: denied } : {}) }
}

function toTrigger({ alertId, alertRule }: Alert, { webhook }: Pick<VerifiedPost, 'webhook'>): AlertTrigger {
  return {
    kind: 'webhook',
    webhook: webhook.name,
    ...(alertId === undefined ? {} : { alertId }),
    ...(alertRule === undefined ? {} : { alertRule }),
  }
}

function toFailure(fault: PayloadFault): RequestFailure {
  switch (fault.kind) {
    case 'too_many':
      return { reason: 'too_many_alerts', limit: fault.limit }
    case 'malformed':
      return { reason: 'payload_invalid', expectation: fault.expectation }
  }
}

function defect(error: unknown): Failure {
  return { reason: 'defect', detail: describeError(error) }
}

/** At most `atOnce` at a time; the results in the order of the items. */
async function mapAtOnce<T, R>(atOnce: number, items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  const entries = items.entries()
  const worker = async (): Promise<void> => {
    for (const [index, item] of entries) results[index] = await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker))
  return results
}
