import { deliver } from '../reconnect/deliver.ts'
import { auditTo, queueFunction } from './invocation.ts'
import { readMessage } from './read-message.ts'

/** Queue `reconnects`: one accepted alert. */
export const reconnectDeliver = queueFunction(async (message, app, deadline, context) => {
  const alert = await readMessage(message, app, context)
  if (alert !== undefined) await deliver(alert, deadline, { ...app.deliveryPorts, audit: auditTo(context) })
})
