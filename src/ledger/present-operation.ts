import type { Operation } from '../domain/operation.ts'

/** Whoever sends for a request has recorded its outcome long before this, or never will: it has outlived every lease. */
const LOST_AFTER_MS = 300_000

/**
 * An operation as it is shown. One that was begun for a request over HTTP and never ended belonged to an instance that died: it is
 * shown as failed, with its outcome unknown, so that whoever polls it comes to an end.
 */
export function presentOperation(operation: Operation, nowEpochMs: number): Operation {
  if (operation.state !== 'accepted' || nowEpochMs - Date.parse(operation.updatedAt) < LOST_AFTER_MS) return operation
  return {
    ...operation,
    state: 'failed',
    ambiguous: true,
    error: { code: 'OutcomeUnknown', message: 'The instance that handled this request ended before it recorded an outcome. The reconnect may or may not have been accepted.' },
  }
}
