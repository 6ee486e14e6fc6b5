import type { CredentialFault, CredentialRefused, Reason, RecordedFailure } from '../../domain/failure.ts'

/** The failure that has this reason. Credential faults share one type, so that they cannot be told apart by their members. */
export type FailureOf<R extends Reason> = R extends CredentialFault
  ? CredentialRefused
  : Extract<RecordedFailure, { readonly reason: R }>

/** What the outside learns of one reason (contract, section 3). Values from the request are never repeated in a text. */
export interface Row<F extends RecordedFailure> {
  readonly status: number
  readonly code: string
  /** What happened, what it means, and what to do next. */
  readonly text: (failure: F) => string
  /** The part of the request that is wrong, by its public name. */
  readonly target?: (failure: F) => string
  /** Seconds, or whatever ARM sent. Absent: the header is not sent. */
  readonly retryAfter?: (failure: F) => string
  /** Of a 401: whether a bearer token was sent (RFC 6750, section 3.1). */
  readonly tokenSent?: (failure: F) => boolean
}

/** The compiler asks for a row for every reason of the union. */
export type Rows<R extends Reason> = { readonly [reason in R]: Row<FailureOf<reason>> }

/** Seconds after which a repeated request may succeed, where nothing better is known. */
export const DEFAULT_RETRY_AFTER_SECONDS = 10

const defaultRetryAfter = (): string => String(DEFAULT_RETRY_AFTER_SECONDS)

/** A 503 always says when to come back. */
export function unavailable<F extends RecordedFailure>(
  text: (failure: F) => string,
  retryAfter: (failure: F) => string = defaultRetryAfter,
  code = 'ServiceUnavailable',
): Row<F> {
  return { status: 503, code, text, retryAfter }
}
