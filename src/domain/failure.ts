import type { SegmentName } from './segments.ts'
import type { DurationFault } from './duration.ts'

/** Everything that can end a request other than with a 202. Each arm carries what an operator would ask for, and never a credential. */
export type Failure =
  | RequestFailure
  | TargetFailure
  | AuthenticationFailure
  | AuthorizationFailure
  | AvailabilityFailure
  | ArmFailure
  | Defect

/** Everything that the record may say: no caller waits for an answer to the last ones. */
export type RecordedFailure = Failure | DeliveryFailure

/** The request itself is wrong; nothing was sent. */
export type RequestFailure =
  | { readonly reason: 'body_too_large'; readonly limitBytes: number }
  | { readonly reason: 'length_required' }
  | { readonly reason: 'media_type_unsupported' }
  | { readonly reason: 'body_malformed'; readonly expectation: string }
  | { readonly reason: 'header_invalid'; readonly header: string; readonly expectation: string }
  | { readonly reason: 'parameter_invalid'; readonly parameter: string; readonly expectation: string }
  /** There is none, or the caller may not read it: from outside the two are one. */
  | { readonly reason: 'operation_not_found' }
  | { readonly reason: 'deliveries_not_found' }
  | { readonly reason: 'pause_not_found' }
  /** So many pauses last at the moment that no other one is taken. */
  | { readonly reason: 'pause_limit'; readonly limit: number }
  | { readonly reason: 'segment_invalid'; readonly segment: SegmentName | 'resourceId' }
  | { readonly reason: 'api_version_invalid'; readonly supported: readonly string[] }
  | { readonly reason: 'duration_invalid'; readonly fault: DurationFault }
  /** The payload is not what the webhook's format says. */
  | { readonly reason: 'payload_invalid'; readonly expectation: string }
  | { readonly reason: 'too_many_alerts'; readonly limit: number }

/** What an alert selects is no backend that may be sent for; the sender's other alerts may be well. */
export interface TargetFailure {
  readonly reason: 'target_invalid'
  readonly detail: string
}

/** Why a credential was not believed. The wire says the same for all of them; the audit event names the one. */
export type CredentialFault =
  | 'credential_missing'
  | 'credential_malformed'
  | 'token_too_large'
  | 'token_malformed'
  | 'token_algorithm'
  | 'token_key_unknown'
  | 'token_signature'
  | 'token_issuer'
  | 'token_tenant'
  | 'token_audience'
  | 'token_expired'
  | 'token_not_yet_valid'
  | 'token_claims'
  | 'token_scope'
  | 'principal_header_invalid'
  | 'principal_cross_site'
  | WebhookFault

/** Why a webhook's sender was not believed. From outside an unknown webhook and a wrong proof are one. */
export type WebhookFault =
  | 'webhook_unknown'
  | 'webhook_proof_missing'
  | 'webhook_secret'
  | 'webhook_signature'
  | 'webhook_timestamp'
  /** A good token of an application that this webhook is not for. */
  | 'webhook_sender'

export type AuthenticationFailure = CredentialRefused | KeysUnavailable

export interface CredentialRefused {
  readonly reason: CredentialFault
  readonly detail?: string
  /** Of `credential_malformed`: the scheme was Bearer and something followed it. */
  readonly tokenSent?: true
}

/** The issuer's keys cannot be had: no caller can be judged, so none is refused. */
export interface KeysUnavailable {
  readonly reason: 'keys_unavailable'
  readonly detail: string
  readonly retryAfterSeconds: number
}

export interface AuthorizationFailure {
  readonly reason: 'not_granted'
  readonly action: Action
  readonly scope: string
}

/** What a grant can allow (contract, section 8). */
export const ACTIONS = ['reconnect', 'read', 'force', 'pause'] as const
export type Action = (typeof ACTIONS)[number]

export type AvailabilityFailure =
  | { readonly reason: 'switched_off' }
  | { readonly reason: 'configuration_invalid' }
  /** Another request for this backend was in flight until our time ran out; it may yet succeed. */
  | { readonly reason: 'in_flight_elsewhere' }
  /** ARM's write budget of the subscription is spent for the moment; the delivery waits. */
  | { readonly reason: 'write_budget_spent' }
  /** Operations cannot be read or stored. (Reconnects of people and tools go on.) */
  | { readonly reason: 'storage_unavailable'; readonly detail: string }

/** Why an accepted alert waits, or came to an end without a reconnect of its own. */
export type DeliveryFailure =
  /** A pause covers the backend. The delivery waits until the pause ends. */
  | { readonly reason: 'paused'; readonly until: string }
  /** Alerts have had this backend reconnected as often as they may: the reconnects do not help. */
  | { readonly reason: 'loop_guard'; readonly count: number; readonly window: string }
  /** So many reconnects in a row did not help. */
  | { readonly reason: 'not_helping'; readonly count: number }
  /** `deliverWithin` has passed; `detail` is the last trouble. */
  | { readonly reason: 'delivery_expired'; readonly deliverWithin: string; readonly detail: string }
  /** The message went to the poison queue: it was tried again and again, and no attempt told why it failed. */
  | { readonly reason: 'delivery_poisoned'; readonly detail: string }

/** What came of asking ARM, as far as it was not a 202. */
export type ArmFailure =
  /** No token for our own identity; nothing was sent. */
  | { readonly reason: 'identity_unavailable'; readonly detail: string }
  /** ARM refused our identity (401/403). Its text is for the log only: it names object ids and scopes. */
  | {
      readonly reason: 'arm_refused_identity'
      readonly status: number
      readonly scope: string
      readonly detail: string
    }
  /** ARM said 4xx; relayed. */
  | Relayed<'arm_rejected'>
  | Relayed<'arm_throttled'>
  /** Certainly not sent: name resolution, connection or TLS failed. */
  | { readonly reason: 'arm_unreachable'; readonly detail: string }
  /** A redirect, a 2xx that is not a 202, an answer that is no ARM error. */
  | { readonly reason: 'arm_answer_invalid'; readonly status: number; readonly detail: string }
  | { readonly reason: 'arm_unavailable'; readonly status: 503; readonly detail: string; readonly retryAfter?: string }
  /** 5xx after sending: it may or may not have taken effect. */
  | { readonly reason: 'arm_failed'; readonly status: number; readonly detail: string }
  /** The connection broke after the request was sent. */
  | { readonly reason: 'arm_connection_lost'; readonly detail: string }
  /** Sent, and no answer within the deadline. */
  | { readonly reason: 'outcome_unknown'; readonly detail: string }
  /** The deadline passed before anything was sent. */
  | { readonly reason: 'deadline_exceeded'; readonly detail: string }

export interface Relayed<R extends string> {
  readonly reason: R
  readonly status: number
  readonly error: ArmError
  readonly retryAfter?: string
}

/** ARM's error body, as far as it is relayed. */
export interface ArmError {
  readonly code: string
  readonly message: string
  readonly target?: string
  readonly details?: unknown
}

/** A fault of ours, caught at the last wrapper. */
export interface Defect {
  readonly reason: 'defect'
  readonly detail: string
}

export type Fault = 'caller' | 'dependency' | 'us'
export type Reason = RecordedFailure['reason']

/** A credential is the caller's. */
const CREDENTIAL_FAULTS: Readonly<Record<CredentialFault, 'caller'>> = {
  credential_missing: 'caller',
  credential_malformed: 'caller',
  token_too_large: 'caller',
  token_malformed: 'caller',
  token_algorithm: 'caller',
  token_key_unknown: 'caller',
  token_signature: 'caller',
  token_issuer: 'caller',
  token_tenant: 'caller',
  token_audience: 'caller',
  token_expired: 'caller',
  token_not_yet_valid: 'caller',
  token_claims: 'caller',
  token_scope: 'caller',
  principal_header_invalid: 'caller',
  principal_cross_site: 'caller',
  webhook_unknown: 'caller',
  webhook_proof_missing: 'caller',
  webhook_secret: 'caller',
  webhook_signature: 'caller',
  webhook_timestamp: 'caller',
  webhook_sender: 'caller',
}

/** Whose fault a failure is: audit, log level and alerting read this. The compiler asks for every new reason. */
const FAULTS: Readonly<Record<Reason, Fault>> = {
  body_too_large: 'caller',
  length_required: 'caller',
  media_type_unsupported: 'caller',
  body_malformed: 'caller',
  header_invalid: 'caller',
  parameter_invalid: 'caller',
  operation_not_found: 'caller',
  deliveries_not_found: 'caller',
  pause_not_found: 'caller',
  pause_limit: 'caller',
  segment_invalid: 'caller',
  api_version_invalid: 'caller',
  duration_invalid: 'caller',
  payload_invalid: 'caller',
  too_many_alerts: 'caller',
  target_invalid: 'caller',
  ...CREDENTIAL_FAULTS,
  keys_unavailable: 'dependency',
  not_granted: 'caller',
  switched_off: 'us',
  configuration_invalid: 'us',
  in_flight_elsewhere: 'dependency',
  write_budget_spent: 'dependency',
  storage_unavailable: 'dependency',
  paused: 'us',
  // An operator has to look at the backend, or at the rule.
  loop_guard: 'us',
  not_helping: 'us',
  delivery_expired: 'us',
  delivery_poisoned: 'us',
  identity_unavailable: 'dependency',
  // Our identity lacks a role: the operator of this app has to assign it.
  arm_refused_identity: 'us',
  arm_rejected: 'caller',
  arm_throttled: 'dependency',
  arm_unreachable: 'dependency',
  arm_answer_invalid: 'dependency',
  arm_unavailable: 'dependency',
  arm_failed: 'dependency',
  arm_connection_lost: 'dependency',
  outcome_unknown: 'dependency',
  deadline_exceeded: 'dependency',
  defect: 'us',
}

/** Whether the caller, or the sender, could not be believed. */
export function isCredentialFault(failure: RecordedFailure): failure is CredentialRefused {
  return Object.hasOwn(CREDENTIAL_FAULTS, failure.reason)
}

export function faultOf(failure: RecordedFailure): Fault {
  return FAULTS[failure.reason]
}

/** The fact behind the reason that an operator would ask for; undefined where the reason says everything. */
export function detailOf(failure: RecordedFailure): string | undefined {
  if ('error' in failure) return `${failure.error.code}: ${failure.error.message}`
  if ('detail' in failure) return failure.detail
  if ('action' in failure) return `action ${failure.action}`
  if ('segment' in failure) return failure.segment
  if ('header' in failure) return failure.header
  if ('parameter' in failure) return failure.parameter
  if ('until' in failure) return `until ${failure.until}`
  return 'fault' in failure ? failure.fault : undefined
}
