import type { Operation } from '../../../src/domain/operation.ts'
import { createOperationId, partitionKeyOf } from '../../../src/ledger/keys.ts'
import { toRfc3339 } from '../../../src/ledger/operations.ts'
import { aBackend, TOOL_ID } from '../../support/builders.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'

/** An operation of a backend at a time, with the id that belongs to them. */
export function anOperation(
  change: Partial<Operation> = {},
  { backend = aBackend(), atEpochMs = START_EPOCH_MS } = {},
): Operation {
  const at = toRfc3339(atEpochMs)
  return {
    id: createOperationId(partitionKeyOf(backend.key), atEpochMs),
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
