import type { ArmError, DeliveryFailure, Failure, Reason, RecordedFailure, Relayed } from '../domain/failure.ts'
import { SEGMENT_EXPECTATION } from '../domain/segments.ts'
import { json, type Reply } from './reply.ts'

interface Wire {
  readonly status: number
  readonly code: string
}

const UNAUTHENTICATED: Wire = { status: 401, code: 'AuthenticationFailed' }
const BAD_GATEWAY: Wire = { status: 502, code: 'BadGateway' }
const UNAVAILABLE: Wire = { status: 503, code: 'ServiceUnavailable' }
const TIMEOUT: Wire = { status: 504, code: 'GatewayTimeout' }

/** The one place where an internal reason becomes a public status and code (contract, section 3). ARM's own are relayed. */
export const WIRE: Readonly<
  Record<Exclude<Reason, 'arm_rejected' | 'arm_throttled' | DeliveryFailure['reason']>, Wire>
> = {
  body_too_large: { status: 413, code: 'RequestEntityTooLarge' },
  length_required: { status: 411, code: 'LengthRequired' },
  media_type_unsupported: { status: 415, code: 'UnsupportedMediaType' },
  body_malformed: { status: 400, code: 'InvalidRequestContent' },
  header_invalid: { status: 400, code: 'InvalidRequestContent' },
  parameter_invalid: { status: 400, code: 'InvalidQueryParameterValue' },
  operation_not_found: { status: 404, code: 'OperationNotFound' },
  segment_invalid: { status: 400, code: 'InvalidResourceId' },
  api_version_invalid: { status: 400, code: 'InvalidApiVersionParameter' },
  duration_invalid: { status: 400, code: 'InvalidDuration' },
  payload_invalid: { status: 400, code: 'InvalidRequestContent' },
  too_many_alerts: { status: 413, code: 'RequestEntityTooLarge' },
  // Of an alert among others, which has no status of its own: for the record.
  target_invalid: { status: 400, code: 'InvalidResourceId' },
  credential_missing: UNAUTHENTICATED,
  credential_malformed: UNAUTHENTICATED,
  token_too_large: UNAUTHENTICATED,
  token_malformed: UNAUTHENTICATED,
  token_algorithm: UNAUTHENTICATED,
  token_key_unknown: UNAUTHENTICATED,
  token_signature: UNAUTHENTICATED,
  token_issuer: UNAUTHENTICATED,
  token_tenant: UNAUTHENTICATED,
  token_audience: UNAUTHENTICATED,
  token_expired: UNAUTHENTICATED,
  token_not_yet_valid: UNAUTHENTICATED,
  token_claims: UNAUTHENTICATED,
  token_scope: UNAUTHENTICATED,
  principal_header_invalid: UNAUTHENTICATED,
  webhook_unknown: UNAUTHENTICATED,
  webhook_proof_missing: UNAUTHENTICATED,
  webhook_secret: UNAUTHENTICATED,
  webhook_signature: UNAUTHENTICATED,
  webhook_timestamp: UNAUTHENTICATED,
  webhook_sender: UNAUTHENTICATED,
  keys_unavailable: UNAVAILABLE,
  not_granted: { status: 403, code: 'AuthorizationFailed' },
  switched_off: UNAVAILABLE,
  configuration_invalid: { status: 503, code: 'ConfigurationInvalid' },
  in_flight_elsewhere: UNAVAILABLE,
  write_budget_spent: UNAVAILABLE,
  storage_unavailable: UNAVAILABLE,
  identity_unavailable: UNAVAILABLE,
  arm_refused_identity: { status: 502, code: 'UpstreamAuthorizationFailed' },
  arm_unreachable: BAD_GATEWAY,
  arm_answer_invalid: BAD_GATEWAY,
  arm_unavailable: UNAVAILABLE,
  arm_failed: BAD_GATEWAY,
  arm_connection_lost: BAD_GATEWAY,
  outcome_unknown: TIMEOUT,
  deadline_exceeded: TIMEOUT,
  defect: { status: 500, code: 'InternalServerError' },
}

/** Nobody waits for the answer to these: they are for the operation, which whoever may read it looks up. */
const RECORDED: Readonly<Record<DeliveryFailure['reason'], string>> = {
  loop_guard: 'ReconnectLimitExceeded',
  delivery_expired: 'DeliveryExpired',
  delivery_poisoned: 'DeliveryFailed',
}

/** Seconds after which a retry may help, for 503s that bring no better knowledge. */
const DEFAULT_RETRY_AFTER_SECONDS = 10
const SWITCHED_OFF_RETRY_AFTER_SECONDS = 300

/** Who may be asked for a token, for `WWW-Authenticate` (RFC 6750, section 3; ARM names its parameter the same). */
export interface Challenge {
  readonly authorizationUri: string
}

/** What the caller is told of a failure, and what the record keeps for it. */
export function describeFailure(failure: RecordedFailure): ArmError {
  if (failure.reason === 'arm_rejected' || failure.reason === 'arm_throttled') return failure.error
  return {
    code: isRecorded(failure) ? RECORDED[failure.reason] : WIRE[failure.reason].code,
    message: messageOf(failure),
    ...targetOf(failure),
  }
}

function isRecorded(failure: RecordedFailure): failure is DeliveryFailure {
  return Object.hasOwn(RECORDED, failure.reason)
}

/** A failure as ARM would word it: status, envelope and headers. */
export function toFailureReply(failure: Failure, correlationId: string, challenge: Challenge | undefined): Reply {
  const status =
    failure.reason === 'arm_rejected' || failure.reason === 'arm_throttled'
      ? failure.status
      : WIRE[failure.reason].status
  const error = describeFailure(failure)
  const { code } = error
  const headers: Record<string, string> = { 'x-ms-error-code': code, 'x-ms-correlation-request-id': correlationId }
  const retryAfter = retryAfterOf(failure, status)
  if (retryAfter !== undefined) headers['retry-after'] = retryAfter
  // No error="invalid_token" (RFC 6750, 3.1): it would tell a missing credential from a bad one.
  if (status === 401)
    headers['www-authenticate'] =
      challenge === undefined ? 'Bearer' : `Bearer authorization_uri="${challenge.authorizationUri}"`
  return json(status, { error }, headers)
}

function retryAfterOf(failure: Failure, status: number): string | undefined {
  switch (failure.reason) {
    case 'keys_unavailable':
      return String(failure.retryAfterSeconds)
    case 'switched_off':
      return String(SWITCHED_OFF_RETRY_AFTER_SECONDS)
    case 'arm_rejected':
    case 'arm_throttled':
      return failure.retryAfter
    case 'arm_unavailable':
      return failure.retryAfter ?? String(DEFAULT_RETRY_AFTER_SECONDS)
    default:
      return status === 503 ? String(DEFAULT_RETRY_AFTER_SECONDS) : undefined
  }
}

function targetOf(failure: RecordedFailure): { target?: string } {
  switch (failure.reason) {
    case 'segment_invalid':
      return { target: failure.segment }
    case 'header_invalid':
      return { target: failure.header }
    case 'parameter_invalid':
      return { target: failure.parameter }
    case 'duration_invalid':
      return { target: 'properties.after' }
    case 'api_version_invalid':
      return { target: 'api-version' }
    default:
      return {}
  }
}

type Own = Exclude<RecordedFailure, Relayed<string>>

/** What the caller is told. Values from the request are not repeated: the caller has them, and a log may show the answer. */
function messageOf(failure: Own): string {
  switch (failure.reason) {
    case 'body_too_large':
      return `The request body is larger than ${failure.limitBytes} bytes.`
    case 'length_required':
      return 'Send the body with a Content-Length: the platform drops bodies in chunked transfer coding.'
    case 'media_type_unsupported':
      return "A body must be 'application/json' in UTF-8, without content coding."
    case 'body_malformed':
      return `The request content was invalid: expected ${failure.expectation}.`
    case 'header_invalid':
      return `The header '${failure.header}' must be ${failure.expectation}.`
    case 'parameter_invalid':
      return `The query parameter '${failure.parameter}' must be ${failure.expectation}.`
    case 'operation_not_found':
      return 'There is no such operation, or the caller may not read it.'
    case 'segment_invalid':
      return failure.segment === 'resourceId'
        ? 'The resource id does not name an API Management backend.'
        : `The '${failure.segment}' in the path is invalid: expected ${SEGMENT_EXPECTATION[failure.segment]}.`
    case 'api_version_invalid':
      return `The api-version is invalid. The supported versions are '${failure.supported.join(',')}'.`
    case 'duration_invalid':
      return DURATION_MESSAGES[failure.fault]
    case 'payload_invalid':
      return `The payload is not what this webhook expects: expected ${failure.expectation}.`
    case 'too_many_alerts':
      return `The payload holds more than ${failure.limit} alerts.`
    case 'target_invalid':
      return `The alert does not name an API Management backend: ${failure.detail}`
    case 'loop_guard':
      return `Alerts have had this backend reconnected ${failure.count} times within ${failure.window}, which does not help: somebody has to look at it. Nothing was sent. People and tools are not limited.`
    case 'delivery_expired':
      return `The reconnect could not be delivered within ${failure.deliverWithin}. Last trouble: ${failure.detail}`
    case 'delivery_poisoned':
      return 'The delivery of this alert failed again and again for a reason that could not be handled, and was given up. The log says more.'
    case 'not_granted':
      return `The caller does not have authorization to perform action '${failure.action}' over scope '${failure.scope}'.`
    case 'keys_unavailable':
      return "The token issuer's keys cannot be read at the moment, so no token can be checked. Try again."
    case 'switched_off':
      return 'Reconnects are switched off at the moment. Nothing was sent.'
    case 'configuration_invalid':
      return 'The configuration of this app is invalid. Its log names every setting that is wrong; /health/ready names the check.'
    case 'in_flight_elsewhere':
      return 'Another request for this backend was on its way to Azure Resource Manager until the time for this one ran out. Nothing was sent. Try again.'
    case 'write_budget_spent':
      return "Azure Resource Manager's write budget for this subscription is spent at the moment. The delivery waits."
    case 'storage_unavailable':
      return 'Storage does not answer at the moment, so nothing can be looked up or kept for later. Try again.'
    case 'identity_unavailable':
      return 'No token could be had for the managed identity of this app. Nothing was sent. Try again.'
    case 'arm_refused_identity':
      return `Azure Resource Manager refused the managed identity of this app: it needs the action 'Microsoft.ApiManagement/service/backends/reconnect/action' over scope '${failure.scope}'.`
    case 'arm_unreachable':
      return 'Azure Resource Manager could not be reached. Nothing was sent.'
    case 'arm_answer_invalid':
      return `Azure Resource Manager gave an answer that makes no sense here (status ${failure.status}). It is not known whether the reconnect was accepted.`
    case 'arm_unavailable':
      return 'Azure Resource Manager is unavailable (503). It is not known whether the reconnect was accepted; asking again does no harm.'
    case 'arm_failed':
      return `Azure Resource Manager failed with status ${failure.status}. It is not known whether the reconnect was accepted.`
    case 'arm_connection_lost':
      return 'The connection to Azure Resource Manager broke before an answer came. It is not known whether the reconnect was accepted.'
    case 'outcome_unknown':
      return 'Azure Resource Manager did not answer in time. The outcome is unknown: the reconnect may or may not have been accepted.'
    case 'deadline_exceeded':
      return 'The time for this request ran out before anything was sent to Azure Resource Manager.'
    case 'defect':
      return 'This app failed to handle the request. Give the correlation id to whoever runs it.'
    default:
      return 'Authentication failed. A valid bearer token for this app is needed.'
  }
}

const DURATION_MESSAGES = {
  not_iso8601: "'after' must be an ISO 8601 duration such as 'PT5M'.",
  not_positive: "'after' must be longer than zero.",
  too_long: "'after' must be at most 24 hours.",
} as const
