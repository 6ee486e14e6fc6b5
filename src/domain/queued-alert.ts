import type { Backend } from './backend-id.ts'
import type { Duration } from './duration.ts'
import type { Operation } from './operation.ts'
import type { AlertTrigger } from './trigger.ts'

/** An alert that was answered 2xx: everything that its delivery needs, also where no row of it was written. */
export interface QueuedAlert {
  /** As it was accepted. */
  readonly operation: Operation
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
