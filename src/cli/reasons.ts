import type { EffectVerdict } from '../domain/effect.ts'
import type { CredentialFault, Reason } from '../domain/failure.ts'

/** What a reason of the audit means, and what to do next, for the person who looks into it. */
export interface Advice {
  readonly means: string
  readonly next: string
}

const advice = (means: string, next: string): Advice => ({ means, next })

const TOKEN = 'Get a new token for this app (its audience is ENTRA_AUDIENCE) and send it again.'
const SENDER = 'Compare the credentials of the sender with the app setting that the webhook names as its secret.'
const ARM_UNKNOWN =
  'Look at the activity log of the API Management service, or send it again: a second reconnect does no harm.'

const CREDENTIALS: Readonly<Record<CredentialFault, Advice>> = {
  credential_missing: advice('The request had no credential.', TOKEN),
  credential_malformed: advice('The Authorization header is not `Bearer` and one token.', TOKEN),
  token_too_large: advice('The token is longer than any that Entra ID issues.', TOKEN),
  token_malformed: advice('The token is no JSON Web Token that Entra ID issues.', TOKEN),
  token_algorithm: advice('The token is signed with another algorithm than RS256.', TOKEN),
  token_key_unknown: advice('The token is signed with a key that the issuer does not publish.', TOKEN),
  token_signature: advice('The signature of the token is wrong.', TOKEN),
  token_issuer: advice('The token comes from another issuer than the configured tenant.', TOKEN),
  token_tenant: advice('The token comes from another tenant.', `Compare it with ENTRA_TENANT_ID. ${TOKEN}`),
  token_audience: advice('The token is for another application.', TOKEN),
  token_expired: advice('The token has expired.', TOKEN),
  token_not_yet_valid: advice('The token is not valid yet.', 'Compare the clocks of the caller and of Entra ID.'),
  token_claims: advice('The token lacks a claim that is needed, or the claim has no valid value.', TOKEN),
  token_scope: advice(
    "The token of a person has none of this app's scopes.",
    'Ask for one of ENTRA_SCOPES when the token is requested.',
  ),
  principal_header_invalid: advice(
    'App Service Authentication handed over a principal that cannot be read.',
    'Compare its settings with ENTRA_TENANT_ID and ENTRA_AUDIENCE.',
  ),
  principal_cross_site: advice(
    "A browser sent the user's App Service session, but another site started the request.",
    'Open the address itself, or send a bearer token.',
  ),
  webhook_unknown: advice(
    'The policy has no webhook of this name.',
    'Compare the address of the sender with the policy.',
  ),
  webhook_proof_missing: advice('The sender sent no proof.', SENDER),
  webhook_secret: advice('The secret of the sender is wrong.', SENDER),
  webhook_signature: advice('The signature of the sender is wrong.', SENDER),
  webhook_timestamp: advice(
    'The signed time is missing or too far from the time of this app.',
    'Compare the clocks, or raise toleranceSeconds. A message that is sent again needs a new signature.',
  ),
  webhook_sender: advice(
    'The token is valid, and of an application that this webhook does not admit.',
    'Compare the application with `role` and `appIds` of the webhook.',
  ),
}

/** Every reason that the audit can have; the compiler asks for the text of a new one. */
export const REASONS: Readonly<Record<Reason, Advice>> = {
  ...CREDENTIALS,
  body_too_large: advice('The body is too large.', 'Send a smaller body.'),
  length_required: advice('The body came in chunks, which the platform drops.', 'Send the body with a Content-Length.'),
  media_type_unsupported: advice('The body is not called JSON.', 'Send `Content-Type: application/json`.'),
  body_malformed: advice(
    'The body is no JSON of the expected form.',
    'Send {"properties":{"after":"PT5M"}}, or no body.',
  ),
  header_invalid: advice('A header has a value that is not allowed.', 'The detail names the header.'),
  parameter_invalid: advice('A query parameter is unknown, misplaced, or has a bad value.', 'The detail names it.'),
  operation_not_found: advice(
    'There is no such operation, or the caller may not read it.',
    'Operations are kept for 90 days. Reading needs the action `read`.',
  ),
  deliveries_not_found: advice(
    'There is no such webhook, or the caller may read nothing of it.',
    'Compare the name with the policy. Reading needs the action `read` on what the webhook is granted.',
  ),
  pause_not_found: advice(
    'There is no such pause, it has ended, or the caller may not read it.',
    'GET /pauses lists the pauses that last.',
  ),
  pause_limit: advice('So many pauses last that no other one is taken.', 'End one, or use one with a wider scope.'),
  segment_invalid: advice('A part of the resource id is not valid.', 'The detail names the part.'),
  api_version_invalid: advice('The api-version is not supported.', 'Leave it out, or see RECONNECT_API_VERSIONS.'),
  duration_invalid: advice(
    '`after` is no duration that is allowed.',
    'Send an ISO 8601 duration such as PT5M, up to PT24H.',
  ),
  payload_invalid: advice(
    'The payload is not in the format that the policy gives this webhook.',
    'Save the body and ask `npm run explain -- --webhook NAME --body FILE`.',
  ),
  too_many_alerts: advice('The payload has more alerts than one request may.', 'Send fewer alerts at once.'),
  target_invalid: advice(
    'What the alert selects is no API Management backend.',
    'Save the body and ask `npm run explain -- --webhook NAME --body FILE`.',
  ),
  keys_unavailable: advice(
    "The token issuer's keys could not be read, so no token could be checked.",
    'Check the way to ENTRA_AUTHORITY.',
  ),
  not_granted: advice(
    'The caller is known, and no grant gives it this action on this backend.',
    'Add a grant to the policy, or give the caller a role that has one. The command below shows what comes near.',
  ),
  switched_off: advice('RECONNECT_MODE is off.', 'Set RECONNECT_MODE to on.'),
  configuration_invalid: advice(
    'The settings of the app are wrong, so it serves nothing.',
    'Its log has one line per problem: event `reconnect.configuration`.',
  ),
  in_flight_elsewhere: advice(
    'Another request for the backend waited for Azure Resource Manager until the time ran out.',
    'Look at the operation of that request; send this one again.',
  ),
  write_budget_spent: advice(
    "Azure Resource Manager's write budget for the subscription was spent by other deliveries, so this one waits.",
    'Nothing: it is tried again by itself.',
  ),
  storage_unavailable: advice(
    'The storage account did not answer, so nothing could be read or stored.',
    'Check AzureWebJobsStorage, the role assignments on it, and its firewall.',
  ),
  paused: advice(
    'A pause covers the backend, so automation waits. People and tools can still reconnect it.',
    'Nothing: the pause ends by itself. DELETE /pauses/{pauseId} ends it earlier.',
  ),
  loop_guard: advice(
    'Alerts had this backend reconnected as often as limits.perBackend allows.',
    'Investigate the backend: reconnects do not help it.',
  ),
  not_helping: advice(
    'As many reconnects in a row as limits.notHelping allows did not help, so alerts send no further one.',
    'Investigate the backend. Then reconnect it by hand: alerts send again after that.',
  ),
  delivery_expired: advice(
    'The reconnect could not be delivered within deliverWithin.',
    'The detail has the last failure. Reconnect by hand if it is still needed.',
  ),
  delivery_poisoned: advice(
    'The delivery failed again and again with an unexpected error.',
    'Look for `reconnect.defect` in the log of the app.',
  ),
  identity_unavailable: advice(
    'The app could not get a token for its managed identity.',
    'Check that an identity is assigned, and AZURE_CLIENT_ID where it is user-assigned.',
  ),
  arm_refused_identity: advice(
    'Azure Resource Manager refused the managed identity of the app.',
    'Assign it a role with Microsoft.ApiManagement/service/backends/reconnect/action.',
  ),
  arm_rejected: advice('Azure Resource Manager refused the request.', 'The detail has its code and message.'),
  arm_throttled: advice(
    'The write budget of the subscription is spent (429).',
    'Wait. Deliveries of alerts are tried again by themselves.',
  ),
  arm_unreachable: advice(
    'Azure Resource Manager could not be reached. Nothing was sent.',
    'Check name resolution, firewall and ARM_ENDPOINT.',
  ),
  arm_answer_invalid: advice(
    'The answer is none of Azure Resource Manager: a proxy may have given it.',
    'Check what is between the app and ARM_ENDPOINT.',
  ),
  arm_unavailable: advice('Azure Resource Manager answered 503. The outcome is not known.', ARM_UNKNOWN),
  arm_failed: advice('Azure Resource Manager failed. The outcome is not known.', ARM_UNKNOWN),
  arm_connection_lost: advice('The connection broke after sending. The outcome is not known.', ARM_UNKNOWN),
  outcome_unknown: advice('Azure Resource Manager did not answer in time. The outcome is not known.', ARM_UNKNOWN),
  deadline_exceeded: advice('The time ran out before anything was sent.', 'Send it again.'),
  defect: advice(
    'The app failed because of a defect.',
    'Look for `reconnect.defect` with the correlation id in its log.',
  ),
}

/** Outcomes of the audit and states of operations, in words. A line may come from another version of the app: unknown ones are no error. */
export const OUTCOME_TEXTS: Readonly<Record<string, string>> = {
  accepted: 'stored, and delivered to Azure Resource Manager as soon as it takes it',
  forwarded: 'Azure Resource Manager accepted the reconnect',
  joined: 'an earlier reconnect, due in time, covers it; nothing more was sent',
  'dry-run': 'everything was decided, and nothing was sent',
  refused: 'the request was refused; nothing was sent',
  failed: 'it ended without a reconnect that is known of',
  resolved: 'the alert does not fire; only what fires acts',
  unmatched: '`match` of the webhook does not select the alert, or an attribute that its template needs is missing',
  denied: 'the webhook has no grant for the backend',
  invalid: 'what the alert selects is no API Management backend',
  paused: 'a pause covers the backend',
  'switched-off': 'RECONNECT_MODE is off; nothing was stored',
  exhausted: 'the limit for alert-triggered reconnects was reached; nothing was sent',
  abandoned: 'it could not be delivered, and is not tried again',
  deferred: 'the delivery is tried again later',
  duplicate: 'another message of the same operation was faster; nothing is lost',
  empty: 'the payload had no alerts; nothing is to be done',
  handshake: 'the sender validated its subscription; no alert was received',
}

/** Those that end with a reconnect, or may still. */
export const ACTING_OUTCOMES: ReadonlySet<string> = new Set([
  'accepted',
  'forwarded',
  'joined',
  'dry-run',
  'deferred',
  'duplicate',
])

/** What a verdict says (contract, section 12). */
export const VERDICT_TEXTS: Readonly<Record<EffectVerdict, string>> = {
  pending: 'not decided yet',
  recovered: 'the sender reported the end of every known alert, and the backend was healthy at or after the reconnect',
  'recovered-early': 'the backend was healthy before the reconnect, so the reconnect did not do it',
  'not-recovered':
    'an alert fired again after the reconnect, or the sender did not report the end of the alerts in time',
  unknown: 'nothing tells whether it helped',
  superseded: 'another reconnect of the backend was accepted before this one was due',
}
