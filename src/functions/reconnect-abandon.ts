import { abandon } from '../reconnect/deliver.ts'
import { judgeEffect } from '../reconnect/judge-effect.ts'
import { auditEffectTo, auditTo, queueFunction } from './invocation.ts'
import { readMessage } from './read-message.ts'

/** Queue `reconnects-poison`: what the host gave up. An accepted alert is delivered or reported (contract, section 5). */
export const reconnectAbandon = queueFunction(async (message, app, deadline, context) => {
  const alert = await readMessage(message, app, context)
  if (alert === undefined) return
  const auditEffect = auditEffectTo(context)
  if (alert.judges === true) await judgeEffect(alert, { ...app.judgePorts, auditEffect })
  else await abandon(alert, deadline, { ...app.deliveryPorts, audit: auditTo(context), auditEffect })
})
