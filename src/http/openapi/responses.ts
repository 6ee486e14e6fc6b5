import type { Failure } from '../../domain/failure.ts'
import { describeFailure, WIRE } from '../failure-reply.ts'
import { SENDER_REFUSED_TEXT } from '../failures/credential.ts'
import { BACKEND_ID } from './examples.ts'
import { ON_EVERY_ANSWER } from './headers.ts'
import { headerRefs, jsonOf, schemaRef, type Json } from './parts.ts'

type Answered = keyof typeof WIRE

/** Headers of every error that this app answers, before those of one status. */
const ON_EVERY_ERROR = ['x-ms-error-code', 'x-ms-correlation-request-id'] as const

/** What a code means, where its name does not say it all. */
const MEANINGS: Readonly<Record<string, string>> = {
  InvalidRequestContent: 'the body, or a header of this app, is wrong',
  InvalidResourceId: 'a segment of the path is wrong',
  InvalidApiVersionParameter: 'the api-version is not supported',
  InvalidDuration: '`after` is no positive ISO 8601 duration of at most 24 hours',
  InvalidQueryParameterValue: 'a parameter is unknown, misplaced, or has a bad value',
  AuthenticationFailed: 'no credential, or one that is not believed',
  AuthorizationFailed: 'the caller is known, and holds no grant for this action and scope',
  OperationNotFound: 'there is none, or the caller may not read it',
  WebhookNotFound: 'there is none, or the caller may read nothing of it',
  PauseNotFound: 'there is none, it has ended, or the caller may not read it',
  PauseLimitReached: 'so many pauses last that no other one is taken',
  LengthRequired: 'a body in chunked transfer coding',
  RequestEntityTooLarge: 'the body is too large',
  UnsupportedMediaType: 'the body is not JSON in UTF-8',
  UpstreamAuthorizationFailed: 'Azure Resource Manager refused the managed identity of this app',
  BadGateway: 'Azure Resource Manager could not be reached, or its answer makes no sense',
  ServiceUnavailable: 'ask again after `Retry-After` seconds',
  ConfigurationInvalid: 'the settings of this app are wrong; its log names them',
  GatewayTimeout: 'no answer of Azure Resource Manager in time; the message says whether the outcome is unknown',
  InternalServerError: 'a defect of this app',
}

/** Facts of every kind of failure at once: each text takes those that it needs. */
const SAMPLE_FACTS = {
  limitBytes: 65_536,
  limit: 500,
  expectation: 'a JSON object such as {"properties":{"after":"PT5M"}}',
  header: 'x-reconnect-dry-run',
  parameter: 'colour',
  segment: 'backendId',
  supported: ['2022-08-01', '2024-05-01'],
  fault: 'not_iso8601',
  action: 'reconnect',
  scope: BACKEND_ID,
  status: 500,
  retryAfterSeconds: 10,
  detail: '',
}

/** One response for each status of the failure table, naming its codes, each with an error as it is really worded. */
export function failureResponses(reasons: readonly Answered[], headers: readonly string[] = []): Record<string, Json> {
  const byStatus = new Map<number, Map<string, Json>>()
  for (const reason of reasons) {
    const { status, code } = WIRE[reason]
    const examples = byStatus.get(status) ?? new Map<string, Json>()
    byStatus.set(status, examples)
    const described = describeFailure({ ...SAMPLE_FACTS, reason } as Failure)
    const error = reason.startsWith('webhook_') ? { ...described, message: SENDER_REFUSED_TEXT } : described
    if (!examples.has(code)) examples.set(code, { value: { error } })
  }
  return Object.fromEntries(
    [...byStatus].map(([status, examples]) => [
      status,
      {
        ...errorResponse(
          status,
          [...examples.keys()].map((code) => `\`${code}\`: ${MEANINGS[code]}.`).join(' '),
          headers,
        ),
        content: { 'application/json': { schema: schemaRef('ErrorResponse'), examples: Object.fromEntries(examples) } },
      },
    ]),
  )
}

export function errorResponse(status: number | undefined, description: string, headers: readonly string[] = []): Json {
  const ofStatus = [...(status === 401 ? ['www-authenticate'] : []), ...(status === 503 ? ['retry-after'] : [])]
  return {
    description,
    headers: headerRefs(...new Set([...ON_EVERY_ANSWER, ...ON_EVERY_ERROR, ...ofStatus, ...headers])),
    content: jsonOf(schemaRef('ErrorResponse')),
  }
}

export function answer(description: string, content: Json | undefined, headers: readonly string[] = []): Json {
  return {
    description,
    headers: headerRefs(...ON_EVERY_ANSWER, ...headers),
    ...(content === undefined ? {} : { content }),
  }
}

/** Every credential's fault is the same on the wire. */
export const READING = [
  'credential_missing',
  'keys_unavailable',
  'configuration_invalid',
  'storage_unavailable',
  'defect',
] as const
