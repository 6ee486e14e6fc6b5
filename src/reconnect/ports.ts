import type { Backend } from '../domain/backend-id.ts'
import type { Caller } from '../domain/caller.ts'
import type { DecisionFacts } from '../domain/decision.ts'
import type { Decided, EffectFacts, Watch } from '../domain/effect.ts'
import type { ArmFailure, AuthenticationFailure, RecordedFailure } from '../domain/failure.ts'
import type { Mode } from '../domain/mode.ts'
import type { OperationId } from '../domain/operation-id.ts'
import type { Operation, OperationError, Scheduled, StoredOperation } from '../domain/operation.ts'
import type { SentOutcome } from '../domain/queued-alert.ts'
import type { Credentials } from '../identity/credentials.ts'
import type { AuthorizedReconnect } from '../policy/authorize.ts'
import type { GrantIndex } from '../policy/grant-index.ts'
import type { Clock } from '../shared/clock.ts'
import type { Deadline } from '../shared/deadline.ts'
import type { Result } from '../shared/result.ts'

/** What the story of a reconnect needs from others, and what all stories share: types only. `composition.ts` alone knows what fills them in. */

/** What each story needs that decides on reconnects. */
export interface StoryPorts {
  readonly grants: GrantIndex
  readonly mode: Mode
  readonly operations: OperationLog
  readonly describe: DescribeFailure
  readonly audit: (facts: DecisionFacts) => void
  readonly auditEffect: (facts: EffectFacts) => void
  readonly clock: Clock
}

export type Authenticate = (
  credentials: Credentials,
  deadline: Deadline,
) => Promise<Result<Caller, AuthenticationFailure>>

/** Sends one reconnect to ARM, with the retries that fit in the deadline, and never more than `maxAttempts` POSTs. */
export type Forward = (
  permit: AuthorizedReconnect,
  ids: RequestIds,
  deadline: Deadline,
  maxAttempts?: number,
) => Promise<Forwarded>

/**
 * For a permitted reconnect that is about to be forwarded, or joined: an instance without any token requests its first one now, so that it does
 * not wait for it later. Does nothing else, and reports nothing: `forward` does.
 */
export type PrepareForward = (permit: AuthorizedReconnect, deadline: Deadline) => void

/** One reconnect per backend at a time, among all instances (contract, section 6; docs/coordination.md). */
export interface Coordinator {
  /** For people and tools. Without storage the lease is of this process alone. Ends within the deadline and one call to storage. */
  acquireForRequest(permit: AuthorizedReconnect, operation: Operation, deadline: Deadline): Promise<RequestTurn>
  /** For a message of the queue: its operation exists already, may be over, and alerts are limited. Sends nothing without storage. */
  acquireForDelivery(
    permit: AuthorizedReconnect,
    message: { readonly operation: Operation; readonly generation: number },
    deadline: Deadline,
  ): Promise<DeliveryTurn>
  /**
   * Writes down ARM's acceptance that its sender could not write down; sends nothing. `already_done`: the operation has ended, is sent by
   * another holder, or the message does not come from the holder of its lease.
   */
  recordSent(
    backend: Backend,
    begun: Operation,
    sent: SentOutcome,
    change: (operation: StoredOperation) => StoredOperation,
    watch?: Watch,
  ): Promise<RowEnd & WithVerdicts>
  /** For a dry run: what `acquireForRequest` would do now. Changes nothing. */
  look(permit: AuthorizedReconnect, sinceEpochMs: number, deadline: Deadline): Promise<LookedAt>
}

/** Verdicts on earlier reconnects of the backend that exist now; each is told once, here. */
export interface WithVerdicts {
  readonly decided?: readonly Decided[]
}

export type RequestTurn = WithVerdicts & RequestTurnKind

type RequestTurnKind =
  | { readonly kind: 'lease'; readonly lease: Lease }
  /** A reconnect that ARM accepted covers this request. */
  | { readonly kind: 'joined'; readonly scheduled: Scheduled }
  /** Another request for the backend was in flight until the time ran out. */
  | { readonly kind: 'busy' }

export type DeliveryTurn = WithVerdicts & DeliveryTurnKind

type DeliveryTurnKind =
  | RequestTurnKind
  /** Alerts have had this backend reconnected as often as they may. */
  | { readonly kind: 'limit_reached' }
  /** So many reconnects in a row did not help that alerts have no further one. */
  | { readonly kind: 'not_helping' }
  /** The operation has ended, or a later message stands for it. */
  | { readonly kind: 'already_done'; readonly operation: StoredOperation | undefined }
  | { readonly kind: 'storage_unavailable'; readonly detail: string }

/** The right to send one reconnect for a backend. Its holder ends it by one of the two, and calls `leave` in a `finally`. */
export interface Lease {
  /** Proves to a later message of the queue that this holder sent. Empty: the lease is of this process alone. */
  readonly ownerToken: string
  /** The operation as it was written with the lease. */
  readonly operation: StoredOperation
  /** ARM accepted. `watch`: how its verdict is found; absent where none can be. */
  complete(operation: StoredOperation, dueEpochMs: number, watch?: Watch): Promise<LeaseEnd>
  /** ARM refused, or nothing was sent, or the outcome is unknown (`mayHaveActed`): the previous schedule stays. */
  release(operation: StoredOperation, facts: { readonly mayHaveActed: boolean }): Promise<LeaseEnd>
  /** Verdicts on earlier reconnects that exist since `complete` was recorded. Called once. */
  decided(): readonly Decided[]
  /** Lets the next request of this process go ahead. Does nothing after `complete` or `release`. */
  leave(): void
}

/**
 * `not_recorded`: storage did not take it. `lost`: the lease was over and another delivery may be sending, so an end without ARM's word was
 * not written.
 */
export type LeaseEnd = 'recorded' | 'not_recorded' | 'lost'

export type LookedAt =
  | { readonly kind: 'forward' }
  | { readonly kind: 'join'; readonly dueEpochMs: number }
  /** Storage cannot be read: a request would be forwarded without it. */
  | { readonly kind: 'unknown' }

/** Rows of operations that change no lease. */
export interface OperationLog {
  /** Writes an operation under an id that only this process writes. False: storage did not take it. */
  record(operation: Operation): Promise<boolean>
  /** Rejects with a StorageFault while storage is away. */
  find(id: OperationId): Promise<StoredOperation | undefined>
  /** Ends an operation by compare-and-set; `begun` stands in for a missing row. A final state stays. */
  finish(
    id: OperationId,
    begun: StoredOperation,
    change: (current: StoredOperation) => StoredOperation,
  ): Promise<RowEnd>
}

/** Writes down that a person or a tool joined. In a storm an earlier operation of the same caller may stand for the request. */
export type RecordJoin = (operation: Operation) => Promise<Noted>

/** The operation that the caller is told, and whether storage took it. */
export interface Noted {
  readonly operation: Operation
  readonly recorded: boolean
}

export type RowEnd =
  | { readonly kind: 'recorded'; readonly operation: StoredOperation }
  | { readonly kind: 'already_done'; readonly operation: StoredOperation }
  | { readonly kind: 'not_recorded' }

/** A failure in the words of the wire, as the operation keeps it. */
export type DescribeFailure = (failure: RecordedFailure) => OperationError

/** GUIDs that travel to ARM, so that its activity log and the audit can be read together. */
export interface RequestIds {
  readonly correlationId: string
  readonly clientRequestId?: string
  /** W3C Trace Context, of the request that was accepted. It travels to ARM and with the alert (`domain/traceparent.ts`). */
  readonly traceparent?: string
}

/** What came of asking ARM, and how often it was asked. */
export interface Forwarded {
  readonly result: Result<ArmAcceptance, ArmFailure>
  /** POSTs begun, including those that never left. */
  readonly attempts: number
  /** An attempt before the last one had an unknown outcome: ARM may have accepted more than once. */
  readonly ambiguous: boolean
  /** What ARM asked to wait, with its last answer. */
  readonly retryAfterMs?: number
  readonly arm?: ArmTrace
}

export interface ArmAcceptance {
  /** When the POST began that ARM accepted: due times count from here (invariant 10). */
  readonly sentAtEpochMs: number
}

/** The ids that ARM gave an answer, for support cases. */
export interface ArmTrace {
  readonly status: number
  readonly requestId?: string
  readonly correlationId?: string
  readonly routingRequestId?: string
}
