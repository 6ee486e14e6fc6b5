import { detailOf, faultOf, isCredentialFault, type Failure } from '../domain/failure.ts'
import { foldAscii } from '../domain/segments.ts'
import type { AlertTrigger } from '../domain/trigger.ts'
import { UNACTED_OUTCOMES } from '../domain/unacted-delivery.ts'
import type { DeliveryLog } from './operator-ports.ts'
import type { AlertAnswer } from './alert-answer.ts'

/** A request that is refused whole. Trouble of this app or of its dependencies is not the sender's, and is not listed. */
export function noteRefused(webhookInPath: string, failure: Failure, deliveries: Pick<DeliveryLog, 'note'>): void {
  if (faultOf(failure) !== 'caller') return
  const detail = detailOf(failure)
  const reason = detail === undefined ? failure.reason : `${failure.reason}: ${detail}`
  const outcome = isCredentialFault(failure) ? 'unauthenticated' : 'malformed'
  deliveries.note(foldAscii(webhookInPath), { outcome, reason })
}

/** One alert, where it did not act: what its sender is told of it, without the payload. */
export function noteUnacted(
  { webhook, alertId, alertRule }: AlertTrigger,
  answer: AlertAnswer | undefined,
  deliveries: Pick<DeliveryLog, 'note'>,
): void {
  const outcome = UNACTED_OUTCOMES.find((unacted) => unacted === answer?.outcome)
  if (answer === undefined || outcome === undefined) return
  const { backend, reason } = answer
  deliveries.note(webhook, {
    outcome,
    ...(reason === undefined ? {} : { reason }),
    ...(alertRule === undefined ? {} : { alertRule }),
    ...(alertId === undefined ? {} : { alertId }),
    ...(backend === null ? {} : { backend }),
  })
}
