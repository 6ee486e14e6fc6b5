import type { WebhookConfig } from '../config/config.ts'
import type { AcceptedAlert } from '../domain/accepted-alert.ts'
import type { Caller } from '../domain/caller.ts'
import type { ArmFailure, AuthenticationFailure, Failure, RecordedFailure } from '../domain/failure.ts'
import type { Operation } from '../domain/operation.ts'
import type { AlertTrigger, Trigger } from '../domain/trigger.ts'
import type { Credentials } from '../identity/credentials.ts'
import type { AuthorizedReconnect } from '../policy/authorize.ts'
import type { Deadline } from '../shared/deadline.ts'
import type { Result } from '../shared/result.ts'

/** What the story needs from others. Only `composition.ts` knows who fills these in. */
export interface Authenticate {
  (credentials: Credentials, deadline: Deadline): Promise<Result<Caller, AuthenticationFailure>>
}

/** Sends one reconnect to ARM, with every retry that fits in the deadline, and no more POSTs than that. */
export interface Forward {
  (permit: AuthorizedReconnect, ids: RequestIds, deadline: Deadline, maxAttempts?: number): Promise<Forwarded>
}
/** One reconnect per backend at a time, and a record of every request (contract, sections 6 and 7). */
export interface Ledger {
  /**
   * Joins a reconnect that is on its way, or calls `send` as the only one to do so, and writes down what became of it. `send` is called
   * at most once, and never after the deadline's lease.
   */
  once(permit: AuthorizedReconnect, deadline: Deadline, send: () => Promise<Forwarded>): Promise<Passage>
  /** Writes down a request for which nothing is sent: a dry run, or, with a failure, one that is refused. */
  note(permit: AuthorizedReconnect, failure?: Failure, trigger?: Trigger): Promise<Noted>
}

/** Takes in what alerts ask for: one operation for many alerts of one backend (contract, sections 5 and 6). */
export interface Acceptances {
  /**
   * Joins an operation that covers this alert too, or begins one: `enqueue` makes it durable, and only then it is written down as accepted.
   * Nothing is stored when `enqueue` fails.
   */
  accept(
    permit: AuthorizedReconnect,
    trigger: AlertTrigger,
    enqueue: (operation: Operation) => Promise<Result<void, string>>,
  ): Promise<Acceptance>
}

export type Acceptance =
  | (Noted & { readonly kind: 'accepted' })
  /** An operation of an earlier alert covers this one; as it stands now. */
  | { readonly kind: 'joined'; readonly operation: Operation }
  | { readonly kind: 'unavailable'; readonly detail: string }

/** Brings accepted operations to their end. */
export interface Deliveries {
  /**
   * As `once` of the ledger, for an operation that exists, and with a limit. Sends nothing that could not be written down. What ARM did not
   * accept ends as `judge` says, which stores the next message first: then the row can say which message stands for the operation.
   */
  deliver(
    delivery: Delivery,
    deadline: Deadline,
    send: () => Promise<Forwarded>,
    judge: JudgeDelivery,
  ): Promise<Delivered>
  /** The operation as it is written down, else as the message tells it. Undefined: storage is away. */
  find(accepted: Operation): Promise<Operation | undefined>
  /** Ends an operation for which nothing is sent. False: it could not be written down. */
  end(operation: Operation, ending: EndedUnsent): Promise<Noted>
}

/** Failed for good; or tried again, by a message with so many tries behind it. Never throws. */
export interface JudgeDelivery {
  (failure: ArmFailure, retryAfterMs: number | undefined): Promise<'failed' | { readonly tries: number }>
}

export type EndedUnsent =
  | { readonly state: 'failed' | 'abandoned'; readonly failure: RecordedFailure }
  | { readonly state: 'dry-run'; readonly afterMs: number }

export interface Delivery {
  readonly permit: AuthorizedReconnect
  /** As it was accepted: written down anew where it is missing. */
  readonly accepted: Operation
  /** Behind the message. */
  readonly tries: number
}

export type Delivered =
  | (Noted & { readonly kind: 'joined'; readonly dueEpochMs: number })
  | (Noted & { readonly kind: 'sent'; readonly forwarded: Forwarded; readonly dueEpochMs: number })
  | (Noted & { readonly kind: 'exhausted'; readonly failure: RecordedFailure })
  /** It had come to its end before, or a later message is its: another one of the queue was faster. */
  | { readonly kind: 'over' }
  | { readonly kind: 'busy' }
  | { readonly kind: 'unavailable'; readonly detail: string }

/** An operation, and whether it could be written down. */
export interface Noted {
  readonly operation: Operation
  readonly recorded: boolean
}

export type Passage =
  /** An earlier reconnect covers this one. */
  | (Noted & { readonly kind: 'joined'; readonly dueEpochMs: number })
  /** ARM was asked; `dueEpochMs` counts where it accepted. */
  | (Noted & { readonly kind: 'sent'; readonly forwarded: Forwarded; readonly dueEpochMs: number })
  /** Another request for the backend was in flight until the time ran out. */
  | (Noted & { readonly kind: 'busy' })

/** Stores an accepted alert so that it is delivered, that much later: durably when this is ok, and otherwise, as far as anybody can know, not at all. */
export interface Enqueue {
  (alert: AcceptedAlert, delayMs?: number): Promise<Result<void, string>>
}

/** Deliveries to one subscription, no faster than ARM takes them. */
export interface Pace {
  /** How long a delivery to this subscription would wait now, in milliseconds. */
  waitMs(subscriptionId: string): number
  /**
   * How long a delivery that does not wait here is to be put off, in milliseconds: each a little longer than the one before it, so that a backlog
   * comes back as fast as it can be delivered, and not all of it over and over.
   */
  turnMs(subscriptionId: string): number
  /** Takes from the budget, and waits until that is there. */
  take(subscriptionId: string): Promise<void>
  /** ARM has throttled: whoever else spends the budget, it is spent until then. */
  throttled(subscriptionId: string, retryAfterMs: number): void
}

/** What a sender brought to prove itself. */
export interface WebhookCredentials {
  /** A header's value; repeated ones arrive joined with commas. */
  readonly header: (name: string) => string | undefined
  /** Every value of a query parameter of exactly this name. */
  readonly query: (name: string) => readonly string[]
}

/** What a sender that was believed has sent. */
export interface VerifiedPost {
  readonly webhook: WebhookConfig
  readonly caller: Caller
  readonly body: Uint8Array
}

/** A failure in the words of the wire, for the record that the caller may read. */
export interface DescribeFailure {
  (failure: RecordedFailure): { readonly code: string; readonly message: string }
}

/** GUIDs that travel to ARM, so that its activity log and our record can be read together. */
export interface RequestIds {
  readonly correlationId: string
  readonly clientRequestId?: string
}

/** What came of asking ARM, and how often it was asked. */
export interface Forwarded {
  readonly result: Result<ArmAcceptance, ArmFailure>
  /** POSTs begun, those included that never left. */
  readonly attempts: number
  /** An attempt before the last one had an unknown outcome: ARM may have accepted more than once. */
  readonly ambiguous: boolean
  /** What ARM asked us to wait, with its last answer. */
  readonly retryAfterMs?: number
  readonly arm?: ArmTrace
}

export interface ArmAcceptance {
  /** When ARM said 202, in epoch milliseconds. */
  readonly acceptedAtEpochMs: number
}

/** The ids that ARM gave an answer, for support cases. */
export interface ArmTrace {
  readonly status: number
  readonly requestId?: string
  readonly correlationId?: string
  readonly routingRequestId?: string
}
