import type { ArmError, Failure, RecordedFailure, Relayed } from '../domain/failure.ts'
import { ARM_ROWS, type RelayedReason } from './failures/arm.ts'
import { AVAILABILITY_ROWS } from './failures/availability.ts'
import { CREDENTIAL_ROWS, SENDER_REFUSED_TEXT } from './failures/credential.ts'
import { DELIVERY_ROWS } from './failures/delivery.ts'
import { REQUEST_ROWS } from './failures/request.ts'
import type { Row, Rows } from './failures/row.ts'
import { json, type Reply } from './reply.ts'

type AnsweredReason = Exclude<Failure['reason'], RelayedReason>

/** The one place where an internal reason becomes a public status, code and text (contract, section 3). ARM's own are relayed. */
const ANSWERED: Rows<AnsweredReason> = { ...REQUEST_ROWS, ...CREDENTIAL_ROWS, ...AVAILABILITY_ROWS, ...ARM_ROWS }

const RECORDED = { ...ANSWERED, ...DELIVERY_ROWS }

/** Status and code of every reason that a request can be answered with. */
export const WIRE: Readonly<Record<AnsweredReason, { readonly status: number; readonly code: string }>> = ANSWERED

/** Where a token is to be had, for `WWW-Authenticate` (RFC 6750, section 3; ARM names its parameter the same). */
export interface Challenge {
  readonly authorizationUri: string
}

/** What the caller is told of a failure, and what the record keeps for it. */
export function describeFailure(failure: RecordedFailure): ArmError {
  if (isRelayed(failure)) return failure.error
  const { code, text, target } = recordedRowOf(failure)
  return { code, message: text(failure), ...(target === undefined ? {} : { target: target(failure) }) }
}

/** A failure as ARM would word it: status, envelope and headers. */
export function toFailureReply(failure: Failure, correlationId: string, challenge: Challenge | undefined): Reply {
  return toReply(failure, describeFailure(failure), correlationId, challengeOf(failure, challenge))
}

/** The same for the sender of an alert. Its proof is the webhook's own, so neither text nor challenge speak of a token. */
export function toSenderFailureReply(failure: Failure, correlationId: string): Reply {
  const error = describeFailure(failure)
  const told = statusOf(failure) === 401 ? { ...error, message: SENDER_REFUSED_TEXT } : error
  return toReply(failure, told, correlationId, 'Bearer')
}

function toReply(failure: Failure, error: ArmError, correlationId: string, challenge: string): Reply {
  const status = statusOf(failure)
  const retryAfter = retryAfterOf(failure)
  return json(
    status,
    { error },
    {
      'x-ms-error-code': error.code,
      'x-ms-correlation-request-id': correlationId,
      ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }),
      ...(status === 401 ? { 'www-authenticate': challenge } : {}),
    },
  )
}

/** RFC 6750, section 3.1: a request without a token is not told that its token is bad. */
function challengeOf(failure: Failure, challenge: Challenge | undefined): string {
  if (challenge === undefined || isRelayed(failure)) return 'Bearer'
  const error = rowOf(failure).tokenSent?.(failure) === true ? ', error="invalid_token"' : ''
  return `Bearer authorization_uri="${challenge.authorizationUri}"${error}`
}

function statusOf(failure: Failure): number {
  return isRelayed(failure) ? failure.status : rowOf(failure).status
}

function retryAfterOf(failure: Failure): string | undefined {
  return isRelayed(failure) ? failure.retryAfter : rowOf(failure).retryAfter?.(failure)
}

function isRelayed(failure: RecordedFailure): failure is Relayed<RelayedReason> {
  return failure.reason === 'arm_rejected' || failure.reason === 'arm_throttled'
}

type Unrelayed<F extends RecordedFailure> = Exclude<F, Relayed<string>>

/** The row takes the failure whose reason found it; the compiler cannot follow that through the lookup. */
function rowOf(failure: Unrelayed<Failure>): Row<RecordedFailure> {
  return ANSWERED[failure.reason] as Row<RecordedFailure>
}

function recordedRowOf(failure: Unrelayed<RecordedFailure>): Pick<Row<RecordedFailure>, 'code' | 'text' | 'target'> {
  return RECORDED[failure.reason] as Row<RecordedFailure>
}
