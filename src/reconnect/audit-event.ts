import type { AuditEvent } from '../audit/event.ts'
import type { Mode } from '../config/config.ts'
import { faultOf, type Failure, type RecordedFailure } from '../domain/failure.ts'
import type { Result } from '../shared/result.ts'
import type { RequestIds } from './ports.ts'
import type { Settled, Trail } from './decision.ts'

interface Ended {
  readonly ids: RequestIds
  /** Absent while the configuration that would say it is invalid. */
  readonly mode?: Mode
  readonly trail: Trail
  readonly result: Result<Settled, Failure>
  readonly durationMs: number
}

/** The exact record of a decision (contract, section 9): pure. */
export function toAuditEvent({ ids, mode, trail, result, durationMs }: Ended): AuditEvent {
  const { caller, command, arm, noted } = trail
  return {
    event: 'reconnect.decision',
    ...(noted === undefined ? {} : { operationId: noted.operation.id }),
    ...(noted?.operation.joined === undefined ? {} : { joined: noted.operation.joined }),
    ...(noted?.recorded === false ? { notRecorded: true } : {}),
    correlationId: ids.correlationId,
    ...(ids.clientRequestId === undefined ? {} : { clientRequestId: ids.clientRequestId }),
    ...(caller === undefined
      ? {}
      : { caller: { kind: caller.kind, id: caller.id, ...(caller.name === undefined ? {} : { name: caller.name }) } }),
    trigger: { kind: 'http' },
    ...(command === undefined ? {} : { backend: command.backend.resourceId }),
    ...(command?.after === undefined ? {} : { after: command.after.text }),
    ...(mode === undefined ? {} : { mode }),
    ...ending(result),
    ...(trail.attempts === undefined ? {} : { attempts: trail.attempts }),
    ...(trail.ambiguous === true ? { ambiguous: true } : {}),
    ...(arm === undefined ? {} : { armStatus: arm.status }),
    ...(arm?.requestId === undefined ? {} : { armRequestId: arm.requestId }),
    ...(arm?.correlationId === undefined ? {} : { armCorrelationId: arm.correlationId }),
    durationMs: Math.round(durationMs),
  }
}

function ending(result: Ended['result']): Pick<AuditEvent, 'outcome' | 'reason' | 'detail' | 'fault' | 'due'> {
  if (result.ok) return { outcome: result.value.outcome, due: new Date(result.value.dueEpochMs).toISOString() }
  const failure = result.error
  const fault = faultOf(failure)
  const detail = detailOf(failure)
  return {
    outcome: fault === 'caller' ? 'refused' : 'failed',
    reason: failure.reason,
    ...(detail === undefined ? {} : { detail }),
    fault,
  }
}

/** The fact behind the reason that an operator would ask for. */
export function detailOf(failure: RecordedFailure): string | undefined {
  switch (failure.reason) {
    case 'not_granted':
      return `action ${failure.action}`
    case 'segment_invalid':
      return failure.segment
    case 'header_invalid':
      return failure.header
    case 'duration_invalid':
      return failure.fault
    case 'arm_rejected':
    case 'arm_throttled':
      return `${failure.error.code}: ${failure.error.message}`
    default:
      return 'detail' in failure ? failure.detail : undefined
  }
}
