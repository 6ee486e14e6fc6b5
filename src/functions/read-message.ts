import { parseMessage, type MessageFault } from '../delivery/message.ts'
import type { AcceptedAlert } from '../domain/accepted-alert.ts'
import { isOperationOf } from '../ledger/keys.ts'
import { err, type Result } from '../shared/result.ts'

/**
 * A message whose operation is of its backend. With another's it would plant a reconnect there that nobody has asked ARM for, and pass by the loop
 * guard here.
 */
export function readMessage(message: unknown): Result<AcceptedAlert, MessageFault> {
  const alert = parseMessage(message)
  if (!alert.ok || isOperationOf(alert.value.operation.id, alert.value.backend.key)) return alert
  return err({ member: 'operation' })
}
