import type { Caller } from '../domain/caller.ts'
import type { ArmFailure, AuthenticationFailure, Failure } from '../domain/failure.ts'
import type { Operation } from '../domain/operation.ts'
import type { Credentials } from '../identity/credentials.ts'
import type { AuthorizedReconnect } from '../policy/authorize.ts'
import type { Deadline } from '../shared/deadline.ts'
import type { Result } from '../shared/result.ts'

/** What the story needs from others. Only `composition.ts` knows who fills these in. */
export interface Authenticate {
  (credentials: Credentials, deadline: Deadline): Promise<Result<Caller, AuthenticationFailure>>
}

/** Sends one reconnect to ARM, with every retry that fits in the deadline. */
export interface Forward {
  (permit: AuthorizedReconnect, ids: RequestIds, deadline: Deadline): Promise<Forwarded>
}
/** One reconnect per backend at a time, and a record of every request (contract, sections 6 and 7). */
export interface Ledger {
  /**
   * Joins a reconnect that is on its way, or calls `send` as the only one to do so, and writes down what became of it. `send` is called
   * at most once, and never after the deadline's lease.
   */
  once(permit: AuthorizedReconnect, deadline: Deadline, send: () => Promise<Forwarded>): Promise<Passage>
  /** Writes down a request for which nothing is sent: a dry run, or, with a failure, one that is refused. */
  note(permit: AuthorizedReconnect, failure?: Failure): Promise<Noted>
}

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

/** A failure in the words of the wire, for the record that the caller may read. */
export interface DescribeFailure {
  (failure: Failure): { readonly code: string; readonly message: string }
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
