import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CredentialFault, Failure } from '../../../src/domain/failure.ts'
import {
  describeFailure,
  toFailureReply,
  toSenderFailureReply,
  WIRE,
  type Challenge,
} from '../../../src/http/failure-reply.ts'
import type { Reply } from '../../../src/http/reply.ts'
import { aBackend } from '../../support/builders.ts'

const CORRELATION_ID = 'c0ffee00-0000-4000-8000-000000000001'
const CHALLENGE: Challenge = {
  authorizationUri: 'https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee',
}
const TOKEN_IS_NEEDED = `Bearer authorization_uri="${CHALLENGE.authorizationUri}"`
/** RFC 6750, section 3.1. */
const TOKEN_IS_BAD = `${TOKEN_IS_NEEDED}, error="invalid_token"`
/** Stands in every member that is for the log only: no answer may contain it. */
const FOR_THE_LOG = 'object id 9a8b7c6d of the managed identity'

const unauthenticated = (reason: CredentialFault): Expectation => ({
  failure: { reason, detail: FOR_THE_LOG },
  status: 401,
  code: 'AuthenticationFailed',
})
const badToken = (reason: CredentialFault): Expectation => ({ ...unauthenticated(reason), tokenSent: true })

interface Expectation {
  readonly failure: Failure
  readonly status: number
  readonly code: string
  readonly retryAfter?: string
  readonly target?: string
  /** A bearer token came with the request. */
  readonly tokenSent?: true
}

/** The contract's table (section 3), one line per reason: the compiler asks for a line for every new one. */
const TABLE: { readonly [R in Failure['reason']]: Expectation } = {
  body_too_large: {
    failure: { reason: 'body_too_large', limitBytes: 65_536 },
    status: 413,
    code: 'RequestEntityTooLarge',
  },
  length_required: { failure: { reason: 'length_required' }, status: 411, code: 'LengthRequired' },
  media_type_unsupported: { failure: { reason: 'media_type_unsupported' }, status: 415, code: 'UnsupportedMediaType' },
  body_malformed: {
    failure: { reason: 'body_malformed', expectation: 'JSON' },
    status: 400,
    code: 'InvalidRequestContent',
  },
  header_invalid: {
    failure: { reason: 'header_invalid', header: 'x-reconnect-force', expectation: "'true' or 'false'" },
    status: 400,
    code: 'InvalidRequestContent',
    target: 'x-reconnect-force',
  },
  parameter_invalid: {
    failure: { reason: 'parameter_invalid', parameter: 'top', expectation: 'a whole number from 1 to 200' },
    status: 400,
    code: 'InvalidQueryParameterValue',
    target: 'top',
  },
  operation_not_found: { failure: { reason: 'operation_not_found' }, status: 404, code: 'OperationNotFound' },
  deliveries_not_found: { failure: { reason: 'deliveries_not_found' }, status: 404, code: 'WebhookNotFound' },
  pause_not_found: { failure: { reason: 'pause_not_found' }, status: 404, code: 'PauseNotFound' },
  pause_limit: { failure: { reason: 'pause_limit', limit: 100 }, status: 409, code: 'PauseLimitReached' },
  segment_invalid: {
    failure: { reason: 'segment_invalid', segment: 'backendId' },
    status: 400,
    code: 'InvalidResourceId',
    target: 'backendId',
  },
  api_version_invalid: {
    failure: { reason: 'api_version_invalid', supported: ['2024-05-01'] },
    status: 400,
    code: 'InvalidApiVersionParameter',
    target: 'api-version',
  },
  duration_invalid: {
    failure: { reason: 'duration_invalid', fault: 'too_long' },
    status: 400,
    code: 'InvalidDuration',
    target: 'properties.after',
  },
  payload_invalid: {
    failure: { reason: 'payload_invalid', expectation: 'JSON' },
    status: 400,
    code: 'InvalidRequestContent',
  },
  too_many_alerts: { failure: { reason: 'too_many_alerts', limit: 500 }, status: 413, code: 'RequestEntityTooLarge' },
  target_invalid: {
    failure: { reason: 'target_invalid', detail: 'backend: …' },
    status: 400,
    code: 'InvalidResourceId',
  },
  webhook_unknown: unauthenticated('webhook_unknown'),
  webhook_proof_missing: unauthenticated('webhook_proof_missing'),
  webhook_secret: unauthenticated('webhook_secret'),
  webhook_signature: unauthenticated('webhook_signature'),
  webhook_timestamp: unauthenticated('webhook_timestamp'),
  webhook_sender: unauthenticated('webhook_sender'),
  credential_missing: unauthenticated('credential_missing'),
  credential_malformed: unauthenticated('credential_malformed'),
  token_too_large: badToken('token_too_large'),
  token_malformed: badToken('token_malformed'),
  token_algorithm: badToken('token_algorithm'),
  token_key_unknown: badToken('token_key_unknown'),
  token_signature: badToken('token_signature'),
  token_issuer: badToken('token_issuer'),
  token_tenant: badToken('token_tenant'),
  token_audience: badToken('token_audience'),
  token_expired: badToken('token_expired'),
  token_not_yet_valid: badToken('token_not_yet_valid'),
  token_claims: badToken('token_claims'),
  token_scope: badToken('token_scope'),
  principal_header_invalid: unauthenticated('principal_header_invalid'),
  principal_cross_site: unauthenticated('principal_cross_site'),
  keys_unavailable: {
    failure: { reason: 'keys_unavailable', detail: FOR_THE_LOG, retryAfterSeconds: 23 },
    status: 503,
    code: 'ServiceUnavailable',
    retryAfter: '23',
  },
  not_granted: {
    failure: { reason: 'not_granted', action: 'force', scope: aBackend().resourceId },
    status: 403,
    code: 'AuthorizationFailed',
  },
  switched_off: { failure: { reason: 'switched_off' }, status: 503, code: 'ServiceUnavailable', retryAfter: '300' },
  configuration_invalid: {
    failure: { reason: 'configuration_invalid' },
    status: 503,
    code: 'ConfigurationInvalid',
    retryAfter: '10',
  },
  in_flight_elsewhere: {
    failure: { reason: 'in_flight_elsewhere' },
    status: 503,
    code: 'ServiceUnavailable',
    retryAfter: '10',
  },
  write_budget_spent: {
    failure: { reason: 'write_budget_spent' },
    status: 503,
    code: 'ServiceUnavailable',
    retryAfter: '10',
  },
  storage_unavailable: {
    failure: { reason: 'storage_unavailable', detail: FOR_THE_LOG },
    status: 503,
    code: 'ServiceUnavailable',
    retryAfter: '10',
  },
  identity_unavailable: {
    failure: { reason: 'identity_unavailable', detail: FOR_THE_LOG },
    status: 503,
    code: 'ServiceUnavailable',
    retryAfter: '10',
  },
  arm_refused_identity: {
    failure: { reason: 'arm_refused_identity', status: 403, scope: aBackend().resourceId, detail: FOR_THE_LOG },
    status: 502,
    code: 'UpstreamAuthorizationFailed',
  },
  arm_rejected: {
    failure: { reason: 'arm_rejected', status: 409, error: { code: 'Conflict', message: 'm' }, retryAfter: '3' },
    status: 409,
    code: 'Conflict',
    retryAfter: '3',
  },
  arm_throttled: {
    failure: {
      reason: 'arm_throttled',
      status: 429,
      error: { code: 'SubscriptionRequestsThrottled', message: 'm' },
      retryAfter: '3600',
    },
    status: 429,
    code: 'SubscriptionRequestsThrottled',
    retryAfter: '3600',
  },
  arm_unreachable: { failure: { reason: 'arm_unreachable', detail: FOR_THE_LOG }, status: 502, code: 'BadGateway' },
  arm_answer_invalid: {
    failure: { reason: 'arm_answer_invalid', status: 307, detail: FOR_THE_LOG },
    status: 502,
    code: 'BadGateway',
  },
  arm_unavailable: {
    failure: { reason: 'arm_unavailable', status: 503, detail: FOR_THE_LOG, retryAfter: '7' },
    status: 503,
    code: 'ServiceUnavailable',
    retryAfter: '7',
  },
  arm_failed: { failure: { reason: 'arm_failed', status: 500, detail: FOR_THE_LOG }, status: 502, code: 'BadGateway' },
  arm_connection_lost: {
    failure: { reason: 'arm_connection_lost', detail: FOR_THE_LOG },
    status: 502,
    code: 'BadGateway',
  },
  outcome_unknown: { failure: { reason: 'outcome_unknown', detail: FOR_THE_LOG }, status: 504, code: 'GatewayTimeout' },
  deadline_exceeded: {
    failure: { reason: 'deadline_exceeded', detail: FOR_THE_LOG },
    status: 504,
    code: 'GatewayTimeout',
  },
  defect: { failure: { reason: 'defect', detail: FOR_THE_LOG }, status: 500, code: 'InternalServerError' },
}

function reply(failure: Failure): Reply {
  return toFailureReply(failure, CORRELATION_ID, CHALLENGE)
}

function errorOf({ body = '' }: Reply): Record<string, unknown> {
  const envelope = JSON.parse(body) as { error: Record<string, unknown> }
  assert.deepEqual(Object.keys(envelope), ['error'])
  return envelope.error
}

describe('every reason has the status, code and headers of the contract', () => {
  for (const [reason, { failure, status, code, retryAfter, target, tokenSent }] of Object.entries(TABLE)) {
    test(`${reason} is ${status} ${code}`, () => {
      const answer = reply(failure)
      assert.equal(answer.status, status)
      const error = errorOf(answer)
      assert.equal(error['code'], code)
      assert.ok(typeof error['message'] === 'string' && error['message'] !== '')
      assert.equal(error['target'], target)
      assert.deepEqual(answer.headers, {
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'content-type': 'application/json',
        'x-ms-error-code': code,
        'x-ms-correlation-request-id': CORRELATION_ID,
        ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }),
        ...(status === 401 ? { 'www-authenticate': tokenSent === true ? TOKEN_IS_BAD : TOKEN_IS_NEEDED } : {}),
      })
    })

    test(`${reason} says nothing that is for the log only`, () => {
      const { body, headers } = reply(failure)
      assert.doesNotMatch(`${body} ${JSON.stringify(headers)}`, new RegExp(FOR_THE_LOG))
    })
  }

  test('and the table that serves requests has no reason beside these', () => {
    assert.deepEqual([...Object.keys(WIRE), 'arm_rejected', 'arm_throttled'].toSorted(), Object.keys(TABLE).toSorted())
  })
})

test('every 401 about a token is the same to the last byte, but for the correlation id', () => {
  const answers = Object.values(TABLE)
    .filter(({ tokenSent }) => tokenSent === true)
    .map(({ failure }) => JSON.stringify(reply(failure)))
  assert.ok(answers.length >= 12)
  assert.equal(new Set(answers).size, 1)
})

test('a 401 speaks of a bad token only where a bearer token was sent', () => {
  const challenges = ({ failure }: Expectation) => reply(failure).headers['www-authenticate']
  assert.equal(challenges(TABLE.credential_missing), TOKEN_IS_NEEDED)
  assert.equal(challenges(TABLE.principal_header_invalid), TOKEN_IS_NEEDED)
  assert.equal(challenges(TABLE.principal_cross_site), TOKEN_IS_NEEDED)
  const malformed = { reason: 'credential_malformed' } as const
  assert.equal(reply(malformed).headers['www-authenticate'], TOKEN_IS_NEEDED)
  assert.equal(reply({ ...malformed, tokenSent: true }).headers['www-authenticate'], TOKEN_IS_BAD)
})

describe('the sender of an alert', () => {
  const refusals = Object.values(TABLE).filter(({ status }) => status === 401)

  test('is told the same for every cause, and nothing of a bearer token', () => {
    const answers = new Set(
      refusals.map(({ failure }) => JSON.stringify(toSenderFailureReply(failure, CORRELATION_ID))),
    )
    assert.equal(answers.size, 1)
    const answer = toSenderFailureReply(TABLE.webhook_signature.failure, CORRELATION_ID)
    assert.equal(answer.headers['www-authenticate'], 'Bearer')
    assert.doesNotMatch(answer.body ?? '', /bearer|token/i)
    assert.deepEqual([answer.status, errorOf(answer)['code']], [401, 'AuthenticationFailed'])
  })

  test('is answered as everybody else where the proof is not what is wrong', () => {
    for (const { failure, status } of Object.values(TABLE))
      if (status !== 401) assert.deepEqual(toSenderFailureReply(failure, CORRELATION_ID), reply(failure))
  })
})

test('no text uses words that only this project would use', () => {
  for (const { failure } of Object.values(TABLE))
    assert.doesNotMatch(String(errorOf(reply(failure))['message']), /whoever|somebody|nobody|mend|have had/i)
})

test('a 401 before there is a configuration still challenges', () => {
  assert.equal(
    toFailureReply({ reason: 'credential_missing' }, CORRELATION_ID, undefined).headers['www-authenticate'],
    'Bearer',
  )
})

test('a 403 names action and scope asked for, and nothing else', () => {
  assert.deepEqual(errorOf(reply(TABLE.not_granted.failure)), {
    code: 'AuthorizationFailed',
    message: `The caller does not have authorization to perform action 'force' over scope '${aBackend().resourceId}'.`,
  })
})

test("our identity's refusal names the action and scope that it lacks, and none of ARM's words", () => {
  const message = String(errorOf(reply(TABLE.arm_refused_identity.failure))['message'])
  assert.match(message, /Microsoft\.ApiManagement\/service\/backends\/reconnect\/action/)
  assert.ok(message.includes(aBackend().resourceId))
})

test('what is relayed is relayed whole: target, details, and details that are null', () => {
  const error = { code: 'ValidationError', message: 'm', target: 'after', details: [{ code: 'V', message: 'w' }] }
  assert.deepEqual(errorOf(reply({ reason: 'arm_rejected', status: 400, error })), error)
  assert.deepEqual(
    errorOf(reply({ reason: 'arm_rejected', status: 404, error: { code: 'N', message: 'm', details: null } })),
    {
      code: 'N',
      message: 'm',
      details: null,
    },
  )
})

test('a relayed 4xx without Retry-After gets none', () => {
  assert.equal(
    reply({ reason: 'arm_throttled', status: 429, error: { code: 'T', message: 'm' } }).headers['retry-after'],
    undefined,
  )
})

test('a 503 always says when to come back', () => {
  for (const { failure, status } of Object.values(TABLE))
    if (status === 503) assert.match(reply(failure).headers['retry-after'] ?? '', /^[0-9]+$/)
  assert.equal(reply({ reason: 'arm_unavailable', status: 503, detail: '' }).headers['retry-after'], '10')
})

test('what is not known is said to be not known; what was not sent is said not to have been', () => {
  const message = (reason: Failure['reason']): string => String(errorOf(reply(TABLE[reason].failure))['message'])
  for (const reason of ['arm_failed', 'arm_unavailable', 'arm_connection_lost', 'arm_answer_invalid'] as const)
    assert.match(message(reason), /not known whether/)
  assert.match(message('outcome_unknown'), /outcome is unknown/)
  for (const reason of ['arm_unreachable', 'identity_unavailable', 'switched_off', 'in_flight_elsewhere'] as const)
    assert.match(message(reason), /[Nn]othing was sent/)
  assert.match(message('deadline_exceeded'), /before anything was sent/)
})

test('each fault of a duration has a message of its own', () => {
  const messages = (['not_iso8601', 'not_positive', 'too_long'] as const).map(
    (fault) => errorOf(reply({ reason: 'duration_invalid', fault }))['message'],
  )
  assert.equal(new Set(messages).size, 3)
})

test('the message about a resource id names no segment', () => {
  assert.deepEqual(errorOf(reply({ reason: 'segment_invalid', segment: 'resourceId' })), {
    code: 'InvalidResourceId',
    message: 'The resource id does not name an API Management backend.',
    target: 'resourceId',
  })
})

test('the record keeps what the wire says, and nothing that is for the log only', () => {
  for (const { failure } of Object.values(TABLE)) assert.deepEqual(describeFailure(failure), errorOf(reply(failure)))
})

test('no answer redirects or permits other origins', () => {
  for (const { failure } of Object.values(TABLE)) {
    const { status, headers } = reply(failure)
    assert.ok(status >= 400)
    for (const name of Object.keys(headers)) assert.doesNotMatch(name, /^(?:location|access-control-)/)
  }
})
