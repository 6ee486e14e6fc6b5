import { TEXT, TIME, type Json } from './parts.ts'

const GUID = { type: 'string', format: 'uuid' }

/** Every header of answers, for `components`. */
export const HEADERS: Json = {
  'cache-control': {
    description: 'Always `no-store`: no answer may be kept by a cache.',
    schema: { type: 'string', enum: ['no-store'] },
  },
  'x-content-type-options': { description: 'Always `nosniff`.', schema: { type: 'string', enum: ['nosniff'] } },
  'x-ms-correlation-request-id': {
    description: 'The id under which the audit event is found: the one that was sent, or a new one.',
    schema: GUID,
  },
  'x-ms-client-request-id': { description: 'The one that was sent, where it is a GUID.', schema: GUID },
  'x-ms-request-id': { description: "Azure Resource Manager's id of its answer, when it was called.", schema: TEXT },
  'x-ms-routing-request-id': {
    description: "Azure Resource Manager's routing id, when it was called.",
    schema: TEXT,
  },
  'x-ms-error-code': { description: 'The code of the error, as in the body.', schema: TEXT },
  'www-authenticate': {
    description:
      'Where a token is to be had, and `error="invalid_token"` where a bearer token was sent (RFC 6750, section 3).',
    schema: TEXT,
  },
  'retry-after': { description: 'Seconds, or a date, after which to ask again.', schema: TEXT },
  location: { description: 'Where the result is.', schema: { type: 'string', format: 'uri-reference' } },
  'x-reconnect-outcome': {
    description:
      '`forwarded`: Azure Resource Manager accepted it now. `joined`: an earlier reconnect covers it. `dry-run`: nothing was sent.',
    schema: { type: 'string', enum: ['forwarded', 'joined', 'dry-run'] },
  },
  'x-reconnect-would': {
    description: 'On a dry run: what the same request without it would lead to.',
    schema: { type: 'string', enum: ['forward', 'join'] },
  },
  'x-reconnect-due': { description: 'When the gateway reconnects.', schema: TIME },
  'x-reconnect-operation': { description: 'The id of the operation.', schema: TEXT },
  'x-reconnect-warning': {
    description:
      "A list, separated by commas. `after-below-minimum`: 'after' is below the documented minimum of PT2M. `not-recorded`: storage does not answer, so the operation cannot be looked up.",
    schema: TEXT,
  },
  'webhook-allowed-origin': { description: 'The origin that was sent.', schema: TEXT },
  'webhook-allowed-rate': { description: 'Always `*`: the rate is not limited.', schema: TEXT },
  allow: { description: 'The methods of the webhook.', schema: TEXT },
}

/** On every answer. */
export const ON_EVERY_ANSWER = ['cache-control', 'x-content-type-options'] as const
