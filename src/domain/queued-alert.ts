import type { Backend } from './backend-id.ts'
import type { Duration } from './duration.ts'
import type { StoredOperation } from './operation.ts'
import type { AlertTrigger } from './trigger.ts'

/** An alert that was answered 2xx: everything that its delivery needs, also where no row of it was written. */
export interface QueuedAlert {
  /** As it was accepted. */
  readonly operation: StoredOperation
  readonly trigger: AlertTrigger
  readonly backend: Backend
  readonly after?: Duration
  readonly acceptedAtEpochMs: number
  /** The number of this message among the messages of its operation. */
  readonly generation: number
  /** Attempts before this one that ARM did not accept: the back-off grows with them. */
  readonly tries: number
  /** Of the request that brought the alert: ARM's activity log and the audit are read together by it. */
  readonly correlationId: string
  /** ARM accepted, and the outcome could not be written down: nothing is to be sent again. */
  readonly sent?: SentOutcome
  /** Of the request that brought the alert: W3C Trace Context, because a storage queue carries none. */
  readonly traceparent?: string
  /** It asks for the verdict on the operation, and for nothing else. It has no times and no evidence: storage has them. */
  readonly judges?: true
}

/** What is known of a reconnect that ARM accepted. */
export interface SentOutcome {
  /** Of the lease under which it was sent; the row names it too, so that no other writer of the queue can make such a message. */
  readonly ownerToken: string
  readonly dueEpochMs: number
  readonly attempts: number
  readonly ambiguous: boolean
  readonly arm?: { readonly status: number; readonly requestId?: string; readonly correlationId?: string }
}
