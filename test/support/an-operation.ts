import type { Backend } from '../../src/domain/backend-id.ts'
import type { StoredOperation } from '../../src/domain/operation.ts'
import type { OperationId } from '../../src/domain/operation-id.ts'
import type { AlertTrigger } from '../../src/domain/trigger.ts'
import { toRfc3339 } from '../../src/shared/rfc3339.ts'
import { createOperationId } from '../../src/storage/keys.ts'
import { aBackend, TOOL_ID } from './builders.ts'
import { START_EPOCH_MS } from './fake-clock.ts'

/** The trigger of an alert from the webhook `w`. */
export const ALERT_TRIGGER: AlertTrigger = { kind: 'webhook', webhook: 'w' }

export function anOperationId(backend: Backend = aBackend(), atEpochMs = START_EPOCH_MS): OperationId {
  return createOperationId(backend.key, atEpochMs)
}

/** A forwarded operation of a backend at a time, with the id that belongs to them. */
export function anOperation(
  change: Partial<StoredOperation> = {},
  { backend = aBackend(), atEpochMs = START_EPOCH_MS } = {},
): StoredOperation {
  const at = toRfc3339(atEpochMs)
  return {
    id: anOperationId(backend, atEpochMs),
    backend: backend.resourceId,
    state: 'forwarded',
    requestedAt: at,
    updatedAt: at,
    caller: { kind: 'app', id: TOOL_ID },
    trigger: { kind: 'http' },
    attempts: 1,
    ...change,
  }
}

/** An alert that was accepted and is not sent yet. */
export function anAcceptedAlert(
  change: Partial<StoredOperation> = {},
  where: { readonly backend?: Backend; readonly atEpochMs?: number } = {},
): StoredOperation {
  return anOperation(
    {
      state: 'accepted',
      caller: { kind: 'webhook', id: ALERT_TRIGGER.webhook },
      trigger: ALERT_TRIGGER,
      attempts: 0,
      ...change,
    },
    where,
  )
}
