import { abandon } from '../reconnect/deliver.ts'
import { auditTo, queueFunction } from './invocation.ts'
import { readMessage } from './read-message.ts'

/** Queue `reconnects-poison`: what the host gave up. An accepted alert is delivered or reported (contract, section 5). */
export const reconnectAbandon = queueFunction(async (message, app, deadline, context) => {
  const alert = await readMessage(message, app, context)
  if (alert !== undefined) await abandon(alert, deadline, { ...app.deliveryPorts, audit: auditTo(context) })
})
