import type { InvocationContext } from '@azure/functions'
import type { AuditEvent } from './event.ts'
import { printable } from './redact.ts'

/**
 * Writes the event as one line of JSON to the function's log, where Application Insights finds it as a trace. Only members of
 * {@link AuditEvent} exist, so no token, key or payload can get in; every text in it is made printable here, whoever supplied it.
 */
export function writeAudit(context: Pick<InvocationContext, 'info' | 'warn' | 'error'>, event: AuditEvent): void {
  const line = JSON.stringify(event, (_, value: unknown) => (typeof value === 'string' ? printable(value) : value))
  // Switched off is a decision of ours, not a fault to be woken for.
  if (event.fault === 'us' && event.reason !== 'switched_off') context.error(line)
  else if (event.outcome === 'failed' || event.outcome === 'deferred') context.warn(line)
  else context.info(line)
}
