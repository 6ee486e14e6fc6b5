import { writeAudit } from '../audit/write-audit.ts'
import { composition } from '../composition.ts'
import { deliver } from '../reconnect/deliver.ts'
import { createDeadline } from '../shared/deadline.ts'
import { readMessage } from './read-message.ts'
import { reportUnreadable } from './unreadable-message.ts'
import type { HandleMessage } from './routes.ts'

/** Queue `reconnects`: one accepted alert. */
export const reconnectDeliver: HandleMessage = async (message, context) => {
  const app = composition()
  // The message waits, hidden, until the configuration is mended, or until the host gives it up.
  if (!app.ok) throw new Error('the configuration of this app is invalid: the message stays in the queue')
  const { deliveries, deadlineMs } = app.value
  const alert = readMessage(message)
  // It will not become readable by trying again: whoever runs this app has to hear of it now.
  if (!alert.ok) return reportUnreadable(alert.error, context, app.value)
  const deadline = createDeadline(deliveries.clock, deadlineMs)
  try {
    await deliver(alert.value, deadline, { ...deliveries, record: (event) => writeAudit(context, event) })
  } finally {
    deadline.dispose()
  }
}
