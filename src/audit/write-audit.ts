import type { InvocationContext } from '@azure/functions'
import type { Outcome } from '../domain/decision.ts'
import type { AuditEvent, EffectEvent, PauseEvent } from './event.ts'
import { printable } from './redact.ts'

/** An operator must look at the backend, or at the rule. */
const ERRORS: ReadonlySet<Outcome> = new Set(['exhausted', 'abandoned'])
const WARNINGS: ReadonlySet<Outcome> = new Set(['failed', 'deferred'])
/** Decisions of the operator: no fault. */
const INTENDED: ReadonlySet<string | undefined> = new Set(['switched_off', 'paused'])

/**
 * Writes the event as one line of JSON to the function's log, where Application Insights finds it as a trace. Only members of
 * {@link AuditEvent} and {@link PauseEvent} exist, so no token, key or payload can get in. Every text in it is made printable here, whatever
 * its source.
 */
export function writeAudit(context: Levels, event: AuditEvent | PauseEvent): void {
  const line = toLine(event)
  if (event.event === 'reconnect.pause') context.info(line)
  else if (ERRORS.has(event.outcome) || (event.fault === 'us' && !INTENDED.has(event.reason))) context.error(line)
  else if (WARNINGS.has(event.outcome)) context.warn(line)
  else context.info(line)
}

/** The same for a verdict. A reconnect that did not help is an error: an operator must look at the backend. */
export function writeEffect(context: Levels, event: EffectEvent): void {
  if (event.verdict === 'not-recovered') context.error(toLine(event))
  else context.info(toLine(event))
}

type Levels = Pick<InvocationContext, 'info' | 'warn' | 'error'>

function toLine(event: AuditEvent | EffectEvent | PauseEvent): string {
  return JSON.stringify(event, (_, value: unknown) => (typeof value === 'string' ? printable(value) : value))
}
