import type { Effect } from '../domain/effect.ts'
import { toShown, type Operation, type StoredOperation } from '../domain/operation.ts'

/** A request over HTTP has recorded its outcome long before this, or never will: every lease has ended. */
const LOST_AFTER_MS = 300_000
/** `deliverWithin` is a week at most, and a delivery reports at the latest a day after it. */
const UNDELIVERED_AFTER_MS = 8 * 86_400_000 + 3_600_000

/**
 * An operation as it is shown. One that never ended belonged to an instance that died, or to a message that was taken out of the queue: it is
 * shown as ended with an unknown outcome, so that a client which polls it comes to an end.
 */
export function presentOperation(stored: StoredOperation, nowEpochMs: number): Operation {
  const operation = presentEffect(toShown(stored), nowEpochMs)
  const isAlert = operation.trigger.kind === 'webhook'
  const ageMs = nowEpochMs - Date.parse(operation.updatedAt)
  if (operation.state !== 'accepted' || ageMs < (isAlert ? UNDELIVERED_AFTER_MS : LOST_AFTER_MS)) return operation
  const message = isAlert
    ? 'The delivery of this alert never ended: its message is no longer in the queue. Check the backend.'
    : 'The instance that handled this request ended before it recorded an outcome. The reconnect may or may not have been accepted.'
  const state = isAlert ? 'abandoned' : 'failed'
  return { ...operation, state, ambiguous: true, error: { code: 'OutcomeUnknown', message } }
}

/** The message of a verdict comes at `decideBy`, and again for so long while storage is away. */
const VERDICT_LOST_MS = 8 * 86_400_000

/** Nothing will decide it any more: its message was lost. */
export function isVerdictLost({ decideBy }: Effect, nowEpochMs: number): boolean {
  return nowEpochMs > Date.parse(decideBy) + VERDICT_LOST_MS
}

function presentEffect(operation: Operation, nowEpochMs: number): Operation {
  const { effect } = operation
  if (effect?.verdict !== 'pending' || !isVerdictLost(effect, nowEpochMs)) return operation
  return { ...operation, effect: { ...effect, verdict: 'unknown' } }
}
