import type { InvocationContext } from '@azure/functions'
import { printable } from '../audit/redact.ts'
import type { App } from '../composition.ts'
import { parseMessage } from '../delivery/message.ts'
import { advance } from '../domain/operation.ts'
import type { QueuedAlert } from '../domain/queued-alert.ts'
import { member } from '../shared/json.ts'

/**
 * Undefined for a message that this app did not write. Trying again would not make it readable: it is reported as an error, and the operation
 * that it is about, where that much can be read, ends as abandoned.
 */
export async function readMessage(
  message: unknown,
  { isOperationOf, deliveryPorts: { operations, describe, clock } }: App,
  context: InvocationContext,
): Promise<QueuedAlert | undefined> {
  const alert = parseMessage(message)
  // With the id of another backend's operation the message would plant a reconnect there that ARM was never asked for.
  if (alert.ok && isOperationOf(alert.value.operation.id, alert.value.backend.key)) return alert.value
  const fault = alert.ok ? { member: 'operation', operationId: undefined } : alert.error
  const { operationId } = fault
  context.error(
    JSON.stringify({
      event: 'reconnect.message',
      outcome: 'unreadable',
      member: fault.member,
      operationId,
      messageId: metadataOf(context, message, 'id'),
      insertionTime: metadataOf(context, message, 'insertionTime'),
      dequeueCount: metadataOf(context, message, 'dequeueCount'),
    }),
  )
  const operation = operationId === undefined ? undefined : await operations.find(operationId)
  if (operation?.state !== 'accepted') return undefined
  const error = describe({ reason: 'delivery_poisoned', detail: `the message has no valid '${fault.member}'` })
  const end = await operations.finish(operation.id, operation, (current) =>
    advance(current, { to: 'abandoned', error }, clock.now()),
  )
  if (end.kind === 'not_recorded') throw new Error('the end of the operation could not be written down')
  return undefined
}

/** The host's word on a message, for finding it. A member of the same name in the message would stand in its place: then nothing is told. */
function metadataOf(context: InvocationContext, message: unknown, name: string): string | undefined {
  if (member(message, name) !== undefined) return undefined
  const value = context.triggerMetadata?.[name]
  return typeof value === 'string' || typeof value === 'number' ? printable(String(value), 64) : undefined
}
