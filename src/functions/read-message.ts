import type { InvocationContext } from '@azure/functions'
import type { App } from '../composition.ts'
import { parseMessage } from '../delivery/message.ts'
import { advance } from '../domain/operation.ts'
import type { QueuedAlert } from '../domain/queued-alert.ts'

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
  const { member, operationId } = alert.ok ? { member: 'operation', operationId: undefined } : alert.error
  context.error(
    JSON.stringify({ event: 'reconnect.message', outcome: 'unreadable', member, operationId, invocationId: context.invocationId }),
  )
  const operation = operationId === undefined ? undefined : await operations.find(operationId)
  if (operation?.state !== 'accepted') return undefined
  const error = describe({ reason: 'delivery_poisoned', detail: `the message has no valid '${member}'` })
  const end = await operations.finish(operation.id, operation, (current) =>
    advance(current, { to: 'abandoned', error }, clock.now()),
  )
  if (end.kind === 'not_recorded') throw new Error('the end of the operation could not be written down')
  return undefined
}
