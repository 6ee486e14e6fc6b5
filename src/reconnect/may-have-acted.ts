import type { ArmFailure } from '../domain/failure.ts'
import type { Forwarded } from './ports.ts'

/**
 * Whether ARM may have accepted the last POST although no answer says so: it was lost, timed out or failed behind ARM. Such a send counts for
 * the loop guard (contract, section 6). With a 503 or a 429 ARM itself says that it did nothing.
 */
export function mayHaveActed({ result }: Forwarded): boolean {
  return !result.ok && UNKNOWN[result.error.reason]
}

const UNKNOWN: Readonly<Record<ArmFailure['reason'], boolean>> = {
  identity_unavailable: false,
  arm_refused_identity: false,
  arm_rejected: false,
  arm_throttled: false,
  arm_unreachable: false,
  arm_answer_invalid: true,
  arm_unavailable: false,
  arm_failed: true,
  arm_connection_lost: true,
  outcome_unknown: true,
  deadline_exceeded: false,
}
