import { writeAudit } from '../audit/write-audit.ts'
import { composition } from '../composition.ts'
import { abandon } from '../reconnect/deliver.ts'
import { readMessage } from './read-message.ts'
import { reportUnreadable } from './unreadable-message.ts'
import type { HandleMessage } from './routes.ts'

/** Queue `reconnects-poison`: what the host has given up. An accepted alert is delivered or reported (contract, section 5). */
export const reconnectAbandon: HandleMessage = async (message, context) => {
  const app = composition()
  if (!app.ok) throw new Error('the configuration of this app is invalid: the message stays in the queue')
  const alert = readMessage(message)
  if (!alert.ok) return reportUnreadable(alert.error, context, app.value)
  await abandon(alert.value, { ...app.value.deliveries, record: (event) => writeAudit(context, event) })
}
