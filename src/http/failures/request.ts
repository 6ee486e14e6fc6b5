import type { DurationFault } from '../../domain/duration.ts'
import type { AuthorizationFailure, RequestFailure, TargetFailure } from '../../domain/failure.ts'
import { SEGMENT_EXPECTATION } from '../../domain/segments.ts'
import type { Rows } from './row.ts'

const DURATION_TEXTS: Readonly<Record<DurationFault, string>> = {
  not_iso8601: "'after' must be an ISO 8601 duration such as 'PT5M'.",
  not_positive: "'after' must be longer than zero.",
  too_long: "'after' must be at most 24 hours.",
}

/** The request itself is wrong, or asks for what the caller may not do: nothing was sent. */
export const REQUEST_ROWS: Rows<RequestFailure['reason'] | TargetFailure['reason'] | AuthorizationFailure['reason']> = {
  body_too_large: {
    status: 413,
    code: 'RequestEntityTooLarge',
    text: ({ limitBytes }) => `The request body is larger than ${limitBytes} bytes.`,
  },
  length_required: {
    status: 411,
    code: 'LengthRequired',
    text: () =>
      'The request body has no Content-Length. The platform drops bodies in chunked transfer coding: send the body with a Content-Length.',
  },
  media_type_unsupported: {
    status: 415,
    code: 'UnsupportedMediaType',
    text: () => "A body must be 'application/json' in UTF-8, without content coding.",
  },
  body_malformed: {
    status: 400,
    code: 'InvalidRequestContent',
    text: ({ expectation }) => `The request content was invalid: expected ${expectation}.`,
  },
  header_invalid: {
    status: 400,
    code: 'InvalidRequestContent',
    text: ({ header, expectation }) => `The header '${header}' must be ${expectation}.`,
    target: ({ header }) => header,
  },
  parameter_invalid: {
    status: 400,
    code: 'InvalidQueryParameterValue',
    text: ({ parameter, expectation }) => `The query parameter '${parameter}' must be ${expectation}.`,
    target: ({ parameter }) => parameter,
  },
  operation_not_found: {
    status: 404,
    code: 'OperationNotFound',
    text: () => 'There is no such operation, or the caller may not read it.',
  },
  deliveries_not_found: {
    status: 404,
    code: 'WebhookNotFound',
    text: () => 'There is no such webhook, or the caller may read nothing of it.',
  },
  pause_not_found: {
    status: 404,
    code: 'PauseNotFound',
    text: () => 'There is no such pause, it has ended, or the caller may not read it.',
  },
  pause_limit: {
    status: 409,
    code: 'PauseLimitReached',
    text: ({ limit }) => `${limit} pauses last at the moment, which is the most that this app takes. End one first.`,
  },
  segment_invalid: {
    status: 400,
    code: 'InvalidResourceId',
    text: ({ segment }) =>
      segment === 'resourceId'
        ? 'The resource id does not name an API Management backend.'
        : `The '${segment}' in the path is invalid: expected ${SEGMENT_EXPECTATION[segment]}.`,
    target: ({ segment }) => segment,
  },
  api_version_invalid: {
    status: 400,
    code: 'InvalidApiVersionParameter',
    text: ({ supported }) => `The api-version is invalid. The supported versions are '${supported.join(',')}'.`,
    target: () => 'api-version',
  },
  duration_invalid: {
    status: 400,
    code: 'InvalidDuration',
    text: ({ fault }) => DURATION_TEXTS[fault],
    target: () => 'properties.after',
  },
  payload_invalid: {
    status: 400,
    code: 'InvalidRequestContent',
    text: ({ expectation }) => `The payload is not what this webhook expects: expected ${expectation}.`,
  },
  too_many_alerts: {
    status: 413,
    code: 'RequestEntityTooLarge',
    text: ({ limit }) => `The payload holds more than ${limit} alerts. Send fewer alerts in one request.`,
  },
  // Of one alert among others, which has no status of its own: for the record.
  target_invalid: {
    status: 400,
    code: 'InvalidResourceId',
    text: ({ detail }) => `The alert does not name an API Management backend: ${detail}`,
  },
  not_granted: {
    status: 403,
    code: 'AuthorizationFailed',
    text: ({ action, scope }) =>
      `The caller does not have authorization to perform action '${action}' over scope '${scope}'.`,
  },
}
