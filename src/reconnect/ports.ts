import type { WebhookConfig } from '../config/config.ts'
import type { Backend } from '../domain/backend-id.ts'
import type { Caller } from '../domain/caller.ts'
import type { Decided, Firing, Notice, Watch, WatchOrigin } from '../domain/effect.ts'
import type { ArmFailure, AuthenticationFailure, RecordedFailure } from '../domain/failure.ts'
import type { Operation, OperationError, Scheduled, StoredOperation } from '../domain/operation.ts'
import type { OperationId } from '../domain/operation-id.ts'
import type { OperationQuery } from '../domain/operation-query.ts'
import type { Pause, PauseId } from '../domain/pause.ts'
import type { QueuedAlert, SentOutcome } from '../domain/queued-alert.ts'
import type { Scope } from '../domain/scope.ts'
import type { AlertTrigger } from '../domain/trigger.ts'
import type { UnactedDelivery } from '../domain/unacted-delivery.ts'
import type { Credentials } from '../identity/credentials.ts'
import type { AuthorizedReconnect } from '../policy/authorize.ts'
import type { Deadline } from '../shared/deadline.ts'
import type { Result } from '../shared/result.ts'

/** What the stories need from others: types only. `composition.ts` alone knows what fills them in. */

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

/** Operations as they are looked up afterwards. Rejects with a StorageFault while storage is away. */
export interface History {
  find(id: OperationId): Promise<Operation | undefined>
  /** Newest first. `mayRead` decides row by row what is shown; of the rest nothing is told. */
  list(query: OperationQuery, mayRead: (operation: Operation) => boolean): Promise<Listed>
}

export type Listed =
  | { readonly kind: 'page'; readonly operations: readonly Operation[]; readonly nextToken?: string }
  /** The token was not made by this app, or belongs to another query. */
  | { readonly kind: 'token_invalid' }

/** Pauses of automation (contract, section 11). What reads or changes storage rejects with a StorageFault while it is away. */
export interface Pauses {
  /** The pause that covers alerts of this webhook for this backend, as of a few seconds ago. Takes at most five seconds, and never rejects. */
  find(backend: Backend, webhook: string): Promise<PauseFound>
  /** Those that last, the newest first. */
  list(): Promise<readonly Pause[]>
  /** Undefined for one that is unknown or has ended. */
  read(id: PauseId): Promise<Pause | undefined>
  create(pause: Pause): Promise<void>
  /** False: there is none any more. */
  remove(id: PauseId): Promise<boolean>
}

export type PauseFound =
  | { readonly kind: 'none' }
  | { readonly kind: 'paused'; readonly pause: Pause }
  /** Storage cannot be read: nothing is paused, and the audit event says so. */
  | { readonly kind: 'unknown' }

/** Deliveries that did not act, for the people who ask why (contract, section 11). */
export interface DeliveryLog {
  /** Returns at once; written in the background, at most once a second. A webhook that the policy does not have is left out. */
  note(webhook: string, delivery: Omit<UnactedDelivery, 'at' | 'omitted'>): void
  /** The last ones, newest first. Rejects with a StorageFault while storage is away. */
  list(webhook: string): Promise<readonly UnactedDelivery[]>
}

/** Backends with what goes on at each (contract, section 11). Rejects with a StorageFault while storage is away. */
export interface BackendDirectory {
  list(query: BackendQuery): Promise<BackendsListed>
}

export interface BackendQuery {
  /** Listed first, in the order of their names, whether anything ever happened to them. */
  readonly named: readonly Backend[]
  /** After those the backends in these scopes that have operations. */
  readonly scopes: readonly Scope[]
  /** Whether the latest operation of a backend is wanted. */
  readonly wantsLast: (backend: Backend) => boolean
  readonly skipToken?: string
}

export type BackendsListed =
  | { readonly kind: 'page'; readonly backends: readonly BackendStatus[]; readonly nextToken?: string }
  /** The token was not made by this app, or belongs to another list. */
  | { readonly kind: 'token_invalid' }

export interface BackendStatus {
  readonly backend: Backend
  /** The reconnect that is to come. */
  readonly scheduled?: Scheduled
  /** The operation that waits for ARM. */
  readonly inFlight?: OperationId
  readonly last?: Operation
}

/** One operation and one message for many alerts of a backend (contract, sections 5 and 6). */
export interface AlertBatches {
  /** Joins an operation that covers this alert too, or begins one: `put` stores its message, and only then its row is written. */
  accept(
    permit: AuthorizedReconnect,
    trigger: AlertTrigger,
    put: (operation: StoredOperation) => Promise<Result<void, string>>,
    firing?: Firing,
  ): Promise<Acceptance>
}

/** Verdicts from later notifications and from time (contract, section 12). */
export interface Effects {
  /**
   * Keeps a notification that is about a watched reconnect of the backend, and decides where it can. One call to storage where nothing is
   * watched. `not_kept`: storage failed, and the notification is lost as evidence.
   */
  notice(backend: Backend, notice: Notice): Promise<Noticed>
  /** Decides what the slot's own times and notices allow. Rejects with a StorageFault while storage is away. */
  judge(backend: Backend, id: OperationId, origin: WatchOrigin): Promise<Judged>
}

export type Noticed =
  | { readonly kind: 'not_watched' }
  | { readonly kind: 'not_kept'; readonly detail: string }
  /** `looks`: reconnects that can be decided at these times, before their own messages come. */
  | { readonly kind: 'kept'; readonly decided: readonly Decided[]; readonly looks: readonly Look[] }

export interface Look {
  readonly watch: Watch
  readonly atEpochMs: number
}

export type Judged =
  | { readonly kind: 'decided'; readonly decided: readonly Decided[] }
  /** The slot says that it is too early. */
  | { readonly kind: 'early'; readonly lookAtEpochMs: number }
  /** There is a verdict already, or the operation was never accepted by ARM. */
  | { readonly kind: 'nothing_open' }

export type Acceptance =
  | { readonly kind: 'accepted'; readonly operation: Operation; readonly recorded: boolean }
  /** The operation as it was just read. */
  | { readonly kind: 'joined'; readonly operation: Operation }
  | { readonly kind: 'unavailable'; readonly detail: string }

/** Stores a message for `reconnect-deliver`, visible after the delay. Ok: stored. An error: unknown; it may still be stored. */
export type Enqueue = (alert: QueuedAlert, delayMs?: number) => Promise<Result<void, string>>

/** ARM's write budget per subscription, as far as this process knows it. */
export interface RateLimiter {
  /**
   * Milliseconds to wait before the call. At most `maxWaitMs`: the call was taken from the budget. More: nothing was taken, and the caller
   * comes again then.
   */
  take(subscriptionId: string, maxWaitMs: number): number
  /** ARM has throttled the subscription: the budget is spent for so long, at most five minutes. */
  throttled(subscriptionId: string, retryAfterMs: number): void
}

/** What a sender brought to prove itself. */
export interface WebhookCredentials {
  /** A header's value; repeated ones arrive joined with commas. */
  readonly header: (name: string) => string | undefined
  /** Every value of a query parameter of exactly this name. */
  readonly query: (name: string) => readonly string[]
}

/** A request whose sender has proved itself, with the body that the proof covers. */
export interface VerifiedPost {
  readonly webhook: WebhookConfig
  readonly caller: Caller
  readonly body: Uint8Array
}

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
