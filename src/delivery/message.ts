import { parseBackendResourceId } from '../domain/backend-id.ts'
import { parseAfter, type Duration } from '../domain/duration.ts'
import type { Operation, StoredOperation } from '../domain/operation.ts'
import type { OperationId } from '../domain/operation-id.ts'
import type { QueuedAlert, SentOutcome } from '../domain/queued-alert.ts'
import { isGuid } from '../domain/segments.ts'
import { parseTraceparent } from '../domain/traceparent.ts'
import type { AlertTrigger } from '../domain/trigger.ts'
import { asObject, member, parseJson } from '../shared/json.ts'
import { err, ok, type Result } from '../shared/result.ts'
import { toRfc3339 } from '../shared/rfc3339.ts'

/**
 * A message of the queue, as stored (`docs/storage.md`). Members are added, never renamed: messages live as long as `deliverWithin` and pass
 * from one version of the app to the next. No member is named like one of the host's trigger metadata (`id`, `dequeueCount`, …), which it
 * would replace there.
 */
interface Message {
  readonly version: 1
  readonly operation: string
  readonly backend: string
  readonly after?: string
  readonly webhook: string
  readonly alert?: string
  readonly rule?: string
  readonly acceptedAt: string
  readonly tries: number
  readonly generation: number
  readonly correlation: string
  readonly sent?: StoredOutcome
  /** Key of the alert (`alerts/alert-key.ts`), and when it started to fire. */
  readonly alertKey?: string
  readonly alertStart?: string
  readonly traceparent?: string
  /** An earlier version of the app takes this message for a copy of one that is done, and drops it. */
  readonly judges?: true
}

interface StoredOutcome {
  readonly owner: string
  readonly due: string
  readonly attempts: number
  readonly ambiguous?: true
  readonly armStatus?: number
  readonly armRequest?: string
  readonly armCorrelation?: string
}

/** Texts from outside, as they were cut when the alert was read: a longer one would make a row that storage refuses. */
const MAX_ID_CHARS = 256
const OPERATION_ID = /^[A-Za-z0-9_-]{51}$/
/** No reconnect was due before it, so it is evidence about none. */
const NEVER_EPOCH_MS = 0
const ALERT_KEY = /^[A-Za-z0-9_-]{22}$/
const WEBHOOK = /^[a-z0-9-]{1,63}$/
const TIMESTAMP = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/

export function toMessage(alert: QueuedAlert): string {
  const { operation, backend, after, trigger, acceptedAtEpochMs, tries, generation, correlationId, sent } = alert
  const known = operation.firing?.alert
  const message: Message = {
    version: 1,
    operation: operation.id,
    backend: backend.resourceId,
    ...(after === undefined ? {} : { after: after.text }),
    webhook: trigger.webhook,
    ...(trigger.alertId === undefined ? {} : { alert: trigger.alertId }),
    ...(trigger.alertRule === undefined ? {} : { rule: trigger.alertRule }),
    acceptedAt: toRfc3339(acceptedAtEpochMs),
    tries,
    generation,
    correlation: correlationId,
    ...(sent === undefined ? {} : { sent: toStoredOutcome(sent) }),
    ...(known === undefined ? {} : { alertKey: known.key, alertStart: toRfc3339(known.startedAtEpochMs) }),
    ...(alert.traceparent === undefined ? {} : { traceparent: alert.traceparent }),
    ...(alert.judges === undefined ? {} : { judges: true }),
  }
  return Buffer.from(JSON.stringify(message)).toString('base64')
}

/** What is wrong with a message, and the operation that it is about where that much can be read. */
export interface MessageFault {
  readonly member: string
  readonly operationId?: OperationId
}

/**
 * Reads what the trigger hands over: the message's JSON, as an object or as its text. Its target passes the same grammar as everything from
 * outside, because a writer of the queue can ask for what the webhooks are granted. Members of later versions are ignored.
 */
export function parseMessage(value: unknown): Result<QueuedAlert, MessageFault> {
  const read = asObject(typeof value === 'string' ? parseJson(value) : value)
  if (read === undefined) return err({ member: 'message' })
  const id = text(read, 'operation', (given) => OPERATION_ID.test(given)) as OperationId | undefined
  const fault = (name: string): Result<never, MessageFault> =>
    err({ member: name, ...(id === undefined ? {} : { operationId: id }) })
  if (id === undefined) return fault('operation')
  const backend = parseBackendResourceId(text(read, 'backend') ?? '')
  if (!backend.ok) return fault('backend')
  const webhook = text(read, 'webhook', (given) => WEBHOOK.test(given))
  if (webhook === undefined) return fault('webhook')
  const after = member(read, 'after') === undefined ? undefined : parseAfter(member(read, 'after'))
  if (after?.ok === false) return fault('after')
  const acceptedAt = text(read, 'acceptedAt', isTimestamp)
  if (acceptedAt === undefined) return fault('acceptedAt')
  const tries = count(member(read, 'tries'))
  if (tries === undefined) return fault('tries')
  // Messages of the first release have no generation; there the tries told one message of an operation from the next.
  const generation = member(read, 'generation') === undefined ? tries : count(member(read, 'generation'))
  if (generation === undefined) return fault('generation')
  const correlationId = text(read, 'correlation', isGuid)
  if (correlationId === undefined) return fault('correlation')
  const outcome = member(read, 'sent')
  const sent = outcome === undefined ? undefined : parseOutcome(outcome)
  if (outcome !== undefined && sent === undefined) return fault('sent')
  const isJudging = member(read, 'judges')
  if (isJudging !== undefined && isJudging !== true) return fault('judges')
  // For the record only: what is no trace is left out.
  const traceparent = parseTraceparent(member(read, 'traceparent'))
  const alertId = text(read, 'alert')?.slice(0, MAX_ID_CHARS)
  const alertRule = text(read, 'rule')?.slice(0, MAX_ID_CHARS)
  const trigger: AlertTrigger = {
    kind: 'webhook',
    webhook,
    ...(alertId === undefined ? {} : { alertId }),
    ...(alertRule === undefined ? {} : { alertRule }),
  }
  return ok({
    operation: { ...asAccepted(id, backend.value.resourceId, after?.value, acceptedAt, trigger), ...firingOf(read) },
    trigger,
    backend: backend.value,
    ...(after === undefined ? {} : { after: after.value }),
    acceptedAtEpochMs: Date.parse(acceptedAt),
    tries,
    generation,
    correlationId,
    ...(sent === undefined ? {} : { sent }),
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(isJudging === true ? { judges: true } : {}),
  })
}

/** The alert behind the operation, where no row could be written. It is evidence about no earlier reconnect: only a row is. */
function firingOf(read: Readonly<Record<string, unknown>>): Pick<StoredOperation, 'firing'> {
  const key = text(read, 'alertKey', (given) => ALERT_KEY.test(given))
  const start = text(read, 'alertStart', isTimestamp)
  if (key === undefined || start === undefined) return {}
  return { firing: { atEpochMs: NEVER_EPOCH_MS, alert: { key, startedAtEpochMs: Date.parse(start) } } }
}

/** The row as it was written when the alert was accepted. */
function asAccepted(
  id: OperationId,
  backend: string,
  after: Duration | undefined,
  requestedAt: string,
  trigger: AlertTrigger,
): Operation {
  return {
    id,
    backend,
    state: 'accepted',
    ...(after === undefined ? {} : { after: after.text }),
    requestedAt,
    updatedAt: requestedAt,
    caller: { kind: 'webhook', id: trigger.webhook },
    trigger,
    attempts: 0,
  }
}

function toStoredOutcome({ ownerToken, dueEpochMs, attempts, ambiguous, arm }: SentOutcome): StoredOutcome {
  return {
    owner: ownerToken,
    due: toRfc3339(dueEpochMs),
    attempts,
    ...(ambiguous ? { ambiguous: true } : {}),
    ...(arm === undefined ? {} : { armStatus: arm.status }),
    ...(arm?.requestId === undefined ? {} : { armRequest: arm.requestId }),
    ...(arm?.correlationId === undefined ? {} : { armCorrelation: arm.correlationId }),
  }
}

function parseOutcome(value: unknown): SentOutcome | undefined {
  const read = asObject(value)
  if (read === undefined) return undefined
  const ownerToken = text(read, 'owner', isGuid)
  const due = text(read, 'due', isTimestamp)
  const attempts = count(member(read, 'attempts'))
  const status = count(member(read, 'armStatus'))
  if (ownerToken === undefined || due === undefined || attempts === undefined) return undefined
  const requestId = text(read, 'armRequest')?.slice(0, MAX_ID_CHARS)
  const correlationId = text(read, 'armCorrelation')?.slice(0, MAX_ID_CHARS)
  const ids = {
    ...(requestId === undefined ? {} : { requestId }),
    ...(correlationId === undefined ? {} : { correlationId }),
  }
  return {
    ownerToken,
    dueEpochMs: Date.parse(due),
    attempts,
    ambiguous: member(read, 'ambiguous') === true,
    ...(status === undefined ? {} : { arm: { status, ...ids } }),
  }
}

function isTimestamp(given: string): boolean {
  return TIMESTAMP.test(given) && !Number.isNaN(Date.parse(given))
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

function text(
  read: Readonly<Record<string, unknown>>,
  name: string,
  isValid: (text: string) => boolean = () => true,
): string | undefined {
  const value = member(read, name)
  return typeof value === 'string' && isValid(value) ? value : undefined
}
