import type { InvocationContext } from '@azure/functions'
import { printable } from '../audit/redact.ts'
import type { App } from '../composition.ts'
import type { MessageFault } from '../delivery/message.ts'

/**
 * A message that is none of ours, or of a later version: trying again would not make it readable. What can be told of it without repeating it
 * goes to the log as an error, and the operation that it is about, where that much can be read, is given up.
 */
export async function reportUnreadable(
  { member, operationId }: MessageFault,
  context: InvocationContext,
  { history, deliveries }: App,
): Promise<void> {
  const operation = operationId === undefined ? undefined : await history.find(operationId)
  const told = (name: string): string | undefined => {
    const value = context.triggerMetadata?.[name]
    return typeof value === 'string' || typeof value === 'number' ? printable(String(value), 64) : undefined
  }
  context.error(
    JSON.stringify({
      event: 'reconnect.message',
      outcome: 'unreadable',
      member,
      operationId,
      messageId: told('id'),
      insertionTime: told('insertionTime'),
      dequeueCount: told('dequeueCount'),
    }),
  )
  if (operation?.state !== 'accepted') return
  const { recorded } = await deliveries.deliveries.end(operation, {
    state: 'abandoned',
    failure: { reason: 'delivery_poisoned', detail: `the message has no good '${member}'` },
  })
  if (!recorded) throw new Error('the end of the operation could not be written down')
}
