import type { Operation, OperationId } from '../domain/operation.ts'
import type { Trigger } from '../domain/trigger.ts'
import type { AuthorizedReconnect } from '../policy/authorize.ts'
import type { Forwarded } from '../reconnect/ports.ts'
import type { Scheduled } from './slot.ts'

/** How an operation ended. */
export type Ending =
  | { readonly kind: 'joined'; readonly scheduled: Scheduled }
  | { readonly kind: 'forwarded'; readonly dueEpochMs: number; readonly forwarded: Forwarded }
  | { readonly kind: 'failed'; readonly error: OperationError; readonly forwarded?: Forwarded }
  | { readonly kind: 'dry-run'; readonly dueEpochMs: number }
  | { readonly kind: 'exhausted' | 'abandoned'; readonly error: OperationError }
  /** Not ended at all: ARM has not accepted, and the delivery will be tried again. */
  | {
      readonly kind: 'accepted'
      readonly error: OperationError
      readonly forwarded?: Forwarded
      readonly delivery: number
    }

type OperationError = NonNullable<Operation['error']>

/** An operation as it begins: authorized, and nothing known of what will become of it. */
export function startOperation(
  { command, caller }: AuthorizedReconnect,
  id: OperationId,
  nowEpochMs: number,
  trigger: Trigger = { kind: 'http' },
): Operation {
  const now = toRfc3339(nowEpochMs)
  return {
    id,
    backend: command.backend.resourceId,
    state: 'accepted',
    ...(command.after === undefined ? {} : { after: command.after.text }),
    requestedAt: now,
    updatedAt: now,
    caller: { kind: caller.kind, id: caller.id, ...(caller.name === undefined ? {} : { name: caller.name }) },
    trigger,
    attempts: 0,
  }
}

export function endOperation(started: Operation, ending: Ending, nowEpochMs: number): Operation {
  const { error: _, delivery: __, ...unmarked } = started
  const ended = { ...unmarked, state: ending.kind, updatedAt: toRfc3339(nowEpochMs) }
  switch (ending.kind) {
    case 'joined':
      return { ...ended, joined: ending.scheduled.operationId, due: toRfc3339(ending.scheduled.dueEpochMs) }
    case 'dry-run':
      return { ...ended, due: toRfc3339(ending.dueEpochMs) }
    case 'forwarded':
      return { ...ended, due: toRfc3339(ending.dueEpochMs), ...sent(started, ending.forwarded) }
    case 'failed':
    case 'accepted':
      return {
        ...ended,
        error: ending.error,
        ...(ending.forwarded === undefined ? {} : sent(started, ending.forwarded)),
        ...(ending.kind === 'accepted' ? { delivery: ending.delivery } : {}),
      }
    case 'exhausted':
    case 'abandoned':
      return { ...ended, error: ending.error }
  }
}

/** A delivery that is tried again adds to what its earlier tries have cost. */
function sent(
  started: Operation,
  { attempts, ambiguous, arm }: Forwarded,
): Pick<Operation, 'attempts' | 'ambiguous' | 'arm'> {
  return {
    attempts: started.attempts + attempts,
    ...(ambiguous || started.ambiguous === true ? { ambiguous: true } : {}),
    ...(arm === undefined
      ? {}
      : {
          arm: {
            status: arm.status,
            ...(arm.requestId === undefined ? {} : { requestId: arm.requestId }),
            ...(arm.correlationId === undefined ? {} : { correlationId: arm.correlationId }),
          },
        }),
  }
}

export function toRfc3339(epochMs: number): string {
  return new Date(epochMs).toISOString()
}
