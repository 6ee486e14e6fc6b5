import type { Backend } from './backend-id.ts'
import type { Duration } from './duration.ts'
import type { Operation } from './operation.ts'
import type { AlertTrigger } from './trigger.ts'

/** An alert that was answered 2xx: everything that is needed to deliver it, also where no row of it was written. */
export interface AcceptedAlert {
  readonly operation: Operation
  readonly trigger: AlertTrigger
  readonly backend: Backend
  readonly after?: Duration
  readonly acceptedAtEpochMs: number
  /** Deliveries that were tried before this one. */
  readonly tries: number
  /** Of the request that brought it: ARM's activity log and our record are read together by it. */
  readonly correlationId: string
}
