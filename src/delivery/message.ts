import type { AcceptedAlert } from '../domain/accepted-alert.ts'
import { parseBackendResourceId } from '../domain/backend-id.ts'
import { parseAfter, type Duration } from '../domain/duration.ts'
import type { Operation, OperationId } from '../domain/operation.ts'
import { isGuid } from '../domain/segments.ts'
import type { AlertTrigger } from '../domain/trigger.ts'
import { err, ok, type Result } from '../shared/result.ts'

/**
 * One message per operation (docs/storage.md): JSON in Base64, because queue storage hands back control characters as nothing and lone surrogates
 * changed. No member is called as one of the host's own (`id`, `dequeueCount`, …), which the trigger's metadata would then show instead.
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
  readonly correlation: string
}

/** As cut when the alert was read: a row that is too large would look like storage that is away. */
const MAX_ID_CHARS = 256
const OPERATION_ID = /^[A-Za-z0-9_-]{51}$/
const WEBHOOK = /^[a-z0-9-]{1,63}$/
const TIMESTAMP = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/

export function toMessage({
  operation,
  backend,
  after,
  trigger,
  acceptedAtEpochMs,
  tries,
  correlationId,
}: AcceptedAlert): string {
  const message: Message = {
    version: 1,
    operation: operation.id,
    backend: backend.resourceId,
    ...(after === undefined ? {} : { after: after.text }),
    webhook: trigger.webhook,
    ...(trigger.alertId === undefined ? {} : { alert: trigger.alertId }),
    ...(trigger.alertRule === undefined ? {} : { rule: trigger.alertRule }),
    acceptedAt: new Date(acceptedAtEpochMs).toISOString(),
    tries,
    correlation: correlationId,
  }
  return Buffer.from(JSON.stringify(message)).toString('base64')
}

/** What is wrong with a message, and the operation that it is about where that much can be read. */
export interface MessageFault {
  readonly member: string
  readonly operationId?: OperationId
}

/**
 * Reads what the trigger hands over: the message's JSON, as an object or as its text. Whoever can write to the queue can ask for what the
 * webhooks are granted, so the target passes the same grammar as everything from outside; members of later versions are ignored.
 */
export function parseMessage(value: unknown): Result<AcceptedAlert, MessageFault> {
  const read = members(value)
  if (read === undefined) return err({ member: 'message' })
  const id = text(read, 'operation', (given) => OPERATION_ID.test(given)) as OperationId | undefined
  const fault = (member: string): Result<never, MessageFault> =>
    err({ member, ...(id === undefined ? {} : { operationId: id }) })
  if (id === undefined) return fault('operation')
  const backend = parseBackendResourceId(text(read, 'backend') ?? '')
  if (!backend.ok) return fault('backend')
  const webhook = text(read, 'webhook', (given) => WEBHOOK.test(given))
  if (webhook === undefined) return fault('webhook')
  const after = read['after'] === undefined ? undefined : parseAfter(read['after'])
  if (after?.ok === false) return fault('after')
  const acceptedAt = text(read, 'acceptedAt', (given) => TIMESTAMP.test(given) && !Number.isNaN(Date.parse(given)))
  if (acceptedAt === undefined) return fault('acceptedAt')
  const { tries } = read
  if (typeof tries !== 'number' || !Number.isSafeInteger(tries) || tries < 0) return fault('tries')
  const correlationId = text(read, 'correlation', isGuid)
  if (correlationId === undefined) return fault('correlation')
  const alertId = text(read, 'alert')?.slice(0, MAX_ID_CHARS)
  const alertRule = text(read, 'rule')?.slice(0, MAX_ID_CHARS)
  const trigger: AlertTrigger = {
    kind: 'webhook',
    webhook,
    ...(alertId === undefined ? {} : { alertId }),
    ...(alertRule === undefined ? {} : { alertRule }),
  }
  const operation = accepted(id, backend.value.resourceId, after?.value, acceptedAt, trigger)
  return ok({
    operation,
    trigger,
    backend: backend.value,
    ...(after === undefined ? {} : { after: after.value }),
    acceptedAtEpochMs: Date.parse(acceptedAt),
    tries,
    correlationId,
  })
}

/** The row as it was written when the alert was accepted. */
function accepted(
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

function members(value: unknown): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = typeof value === 'string' ? JSON.parse(value) : value
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

function text(
  read: Readonly<Record<string, unknown>>,
  name: string,
  isValid: (text: string) => boolean = () => true,
): string | undefined {
  const value = Object.hasOwn(read, name) ? read[name] : undefined
  return typeof value === 'string' && isValid(value) ? value : undefined
}
