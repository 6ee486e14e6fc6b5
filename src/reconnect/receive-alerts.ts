import type { Alert, PayloadFault } from '../alerts/alert.ts'
import { parsePayload } from '../alerts/parse-payload.ts'
import { readAlerts, type AlertFormat } from '../alerts/read-alerts.ts'
import type { AuditEvent } from '../audit/event.ts'
import type { Mode } from '../config/config.ts'
import type { AuthenticationFailure, Failure, RequestFailure } from '../domain/failure.ts'
import type { Operation, OperationId } from '../domain/operation.ts'
import type { AlertTrigger } from '../domain/trigger.ts'
import type { AuthorizedReconnect } from '../policy/authorize.ts'
import type { GrantIndex } from '../policy/grant-index.ts'
import type { Clock } from '../shared/clock.ts'
import { err, ok, type Result } from '../shared/result.ts'
import { toAlertEvent, type AlertEnd } from './alert-event.ts'
import { areAllDenied, judgeAlert } from './judge-alert.ts'
import type { Acceptances, Enqueue, Ledger, RequestIds, VerifiedPost } from './ports.ts'

/** A sender's knock. What must not be looked at before it is believed comes as a function. */
export interface AlertPost {
  readonly ids: RequestIds
  /** As it stands in the path: who is not believed has not proven that there is one of this name. */
  readonly webhookName: string
  readonly checkFraming: () => Result<void, RequestFailure>
  readonly verify: () => Promise<Result<VerifiedPost, AuthenticationFailure | RequestFailure>>
  readonly checkMediaType: (format: AlertFormat) => Result<void, RequestFailure>
}

export interface AlertPorts {
  readonly grants: GrantIndex
  readonly mode: Mode
  readonly ledger: Pick<Ledger, 'note'>
  readonly acceptances: Acceptances
  readonly enqueue: Enqueue
  /** Of ARM's API, for what alerts cause. */
  readonly apiVersion: string
  readonly record: (event: AuditEvent) => void
  readonly clock: Clock
}

/** What the sender is told of one alert (contract, section 5). */
export interface AlertAnswer {
  readonly backend: string | null
  readonly outcome: 'accepted' | 'resolved' | 'unmatched' | 'denied' | 'invalid' | 'dry-run' | 'switched-off'
  readonly operation?: OperationId
  readonly reason?: string
}

export type Received =
  | { readonly kind: 'alerts'; readonly alerts: readonly AlertAnswer[]; readonly refused?: Failure }
  | { readonly kind: 'validation'; readonly code: string }

/** Alerts of one payload that are taken in at the same time: storage answers in parallel, and nobody else waits behind 500 of them. */
const AT_ONCE = 64

/** Takes in what a sender posts. A payload that is refused ends in one audit event, and every alert of one that is not in one of its own. */
export async function receiveAlerts(post: AlertPost, ports: AlertPorts): Promise<Result<Received, Failure>> {
  const startedAtEpochMs = ports.clock.now()
  const record = (end: Omit<AlertEnd, 'correlationId' | 'durationMs' | 'mode'>): void =>
    ports.record(
      toAlertEvent({ ...post.ids, mode: ports.mode, durationMs: ports.clock.now() - startedAtEpochMs, ...end }),
    )
  const read = await readPost(post).catch((error: unknown) =>
    err({ reason: 'defect', detail: describe(error) } as const),
  )
  if (!read.ok) {
    record({
      trigger: { kind: 'webhook', webhook: post.webhookName },
      outcome: read.error.reason === 'defect' ? 'failed' : outcomeOf(read.error),
      failure: read.error,
    })
    return read
  }
  const { reading, verified } = read.value
  if (reading.kind === 'validation') return ok(reading)

  const taken = await mapAtOnce(AT_ONCE, reading.alerts, async (alert) => {
    const end = await takeIn(alert, verified, post.ids, ports).catch((error: unknown): TakenIn => ({
      answer: undefined,
      end: { outcome: 'failed', failure: { reason: 'defect', detail: describe(error) } },
    }))
    record({ caller: verified.caller, trigger: toTrigger(alert, verified), ...end.end })
    return end
  })
  const lost = taken.find(({ answer }) => answer === undefined)
  // Some may be stored: the sender's next try finds them, and joins.
  if (lost?.end.failure !== undefined) return err(lost.end.failure)
  return ok(summarize(taken))
}

/** check framing → believe the sender → media type → parse → the format's alerts. */
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

interface TakenIn {
  /** Undefined: it could not be stored, or it is a defect of ours; the sender is to try again. */
  readonly answer: AlertAnswer | undefined
  readonly end: Pick<AlertEnd, 'outcome' | 'backend' | 'detail' | 'operation' | 'joined' | 'recorded'> & {
    readonly failure?: Failure
  }
}

/** firing, matched, granted → (mode) → held durably. */
async function takeIn(
  alert: Alert,
  { webhook, caller }: VerifiedPost,
  ids: RequestIds,
  ports: AlertPorts,
): Promise<TakenIn> {
  const judged = judgeAlert(alert, webhook, caller, ports.grants, ports.apiVersion)
  switch (judged.kind) {
    case 'resolved': {
      const backend = judged.backend?.resourceId
      return {
        answer: { backend: backend ?? null, outcome: 'resolved' },
        end: { outcome: 'resolved', ...(backend === undefined ? {} : { backend }) },
      }
    }
    case 'unmatched':
      return {
        answer: { backend: null, outcome: 'unmatched', reason: judged.detail },
        end: { outcome: 'unmatched', detail: judged.detail },
      }
    case 'invalid': {
      const { detail } = judged
      return {
        answer: { backend: null, outcome: 'invalid', reason: detail },
        end: { outcome: 'refused', failure: { reason: 'target_invalid', detail } },
      }
    }
    case 'denied': {
      const backend = judged.backend.resourceId
      return {
        answer: { backend, outcome: 'denied', reason: `webhook:${caller.id} has no grant for this backend` },
        end: { outcome: 'refused', backend, failure: judged.failure },
      }
    }
    case 'permitted':
  }
  const { permit } = judged
  const backend = permit.command.backend.resourceId
  const trigger = toTrigger(alert, { webhook })
  if (ports.mode === 'on') return hold(permit, trigger, ids, ports)
  const [outcome, failure] =
    ports.mode === 'off' ? (['switched-off', { reason: 'switched_off' }] as const) : (['dry-run', undefined] as const)
  const { operation, recorded } = await ports.ledger.note(permit, failure, trigger)
  return { answer: { backend, outcome, operation: operation.id }, end: { outcome, backend, operation, recorded } }
}

/** Joins an operation that covers the alert too, or stores one. */
async function hold(
  permit: AuthorizedReconnect,
  trigger: AlertTrigger,
  ids: RequestIds,
  { acceptances, enqueue }: AlertPorts,
): Promise<TakenIn> {
  const { backend, after } = permit.command
  const { resourceId } = backend
  const acceptance = await acceptances.accept(permit, trigger, (operation) =>
    enqueue({
      operation,
      trigger,
      backend,
      ...(after === undefined ? {} : { after }),
      acceptedAtEpochMs: Date.parse(operation.requestedAt),
      tries: 0,
      correlationId: ids.correlationId,
    }),
  )
  if (acceptance.kind === 'unavailable') {
    return {
      answer: undefined,
      end: {
        outcome: 'failed',
        backend: resourceId,
        failure: { reason: 'storage_unavailable', detail: acceptance.detail },
      },
    }
  }
  const { operation } = acceptance
  const answer: AlertAnswer = { backend: resourceId, outcome: 'accepted', operation: operation.id }
  if (acceptance.kind === 'accepted')
    return { answer, end: { outcome: 'accepted', backend: resourceId, operation, recorded: acceptance.recorded } }
  return {
    answer: { ...answer, reason: reasonToJoin(operation) },
    end: {
      outcome: operation.state === 'exhausted' ? 'exhausted' : 'joined',
      backend: resourceId,
      operation,
      joined: true,
    },
  }
}

function reasonToJoin({ state }: Operation): string {
  return state === 'exhausted'
    ? 'covered by an operation that the loop guard has ended'
    : 'covered by the operation of an earlier alert'
}

/** 403 when every firing alert was denied; the rest is said alert by alert. */
function summarize(taken: readonly TakenIn[]): Received {
  const alerts = taken.map(({ answer }) => answer).filter((answer) => answer !== undefined)
  const denied = taken.find(({ answer }) => answer?.outcome === 'denied')?.end.failure
  return {
    kind: 'alerts',
    alerts,
    ...(denied !== undefined && areAllDenied(alerts.map(({ outcome }) => outcome)) ? { refused: denied } : {}),
  }
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
  return fault.kind === 'too_many'
    ? { reason: 'too_many_alerts', limit: fault.limit }
    : { reason: 'payload_invalid', expectation: fault.expectation }
}

/** As many at once as that, in order. */
async function mapAtOnce<T, R>(atOnce: number, items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  const entries = items.entries()
  const worker = async (): Promise<void> => {
    for (const [index, item] of entries) results[index] = await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker))
  return results
}

function outcomeOf(failure: Failure): 'refused' | 'failed' {
  return failure.reason === 'keys_unavailable' ? 'failed' : 'refused'
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
