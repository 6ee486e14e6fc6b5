import { deliver } from '../reconnect/deliver.ts'
import { judgeEffect } from '../reconnect/judge-effect.ts'
import { auditEffectTo, auditTo, queueFunction } from './invocation.ts'
import { readMessage } from './read-message.ts'

/** Queue `reconnects`: one accepted alert, or the question whether its reconnect helped. */
export const reconnectDeliver = queueFunction(async (message, app, deadline, context) => {
  const alert = await readMessage(message, app, context)
  if (alert === undefined) return
  const auditEffect = auditEffectTo(context)
  if (alert.judges === true) await judgeEffect(alert, { ...app.judgePorts, auditEffect })
  else await deliver(alert, deadline, { ...app.deliveryPorts, audit: auditTo(context), auditEffect })
})
