import type { Operation } from '../domain/operation.ts'

/** Whoever sends for a request over HTTP has recorded its outcome long before this, or never will: it has outlived every lease. */
const LOST_AFTER_MS = 300_000

/** No alert is delivered for longer than `deliverWithin` can be (a week), and nobody waits for a message longer than a day more. */
const UNDELIVERED_AFTER_MS = 8 * 86_400_000

/**
 * An operation as it is shown. One that was begun and never ended belonged to an instance that died, or to a message that somebody has taken
 * out of the queue: it is shown as ended, with its outcome unknown, so that whoever polls it comes to an end.
 */
export function presentOperation(stored: Operation, nowEpochMs: number): Operation {
  const { delivery: _, ...operation } = stored
  const isAlert = operation.trigger.kind === 'webhook'
  if (
    operation.state !== 'accepted' ||
    nowEpochMs - Date.parse(operation.updatedAt) < (isAlert ? UNDELIVERED_AFTER_MS : LOST_AFTER_MS)
  )
    return operation
  const message = isAlert
    ? 'The delivery of this alert has never come to an end: its message is not in the queue any more.'
    : 'The instance that handled this request ended before it recorded an outcome. The reconnect may or may not have been accepted.'
  return {
    ...operation,
    state: isAlert ? 'abandoned' : 'failed',
    ambiguous: true,
    error: { code: 'OutcomeUnknown', message },
  }
}
