import type { Caller } from '../domain/caller.ts'
import type { ArmFailure, AuthenticationFailure } from '../domain/failure.ts'
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
