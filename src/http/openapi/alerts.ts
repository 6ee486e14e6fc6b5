import { ALERT_ANSWERS, GENERIC_ALERT } from './examples.ts'
import { headerRefs, jsonOf, parameterRef, schemaRef, type Json } from './parts.ts'
import { answer, failureResponses } from './responses.ts'
import { ALERT_PAYLOAD, WEBHOOK_SECURITY } from './webhook-schemas.ts'

/** Any one of them: which, is a setting of the webhook. */
const SENDERS = [{ entra: [] }, ...Object.keys(WEBHOOK_SECURITY).map((name) => ({ [name]: [] }))]

export function alertOperation(): Json {
  const payload = { schema: ALERT_PAYLOAD }
  const failures = failureResponses([
    'webhook_secret',
    'keys_unavailable',
    'configuration_invalid',
    'storage_unavailable',
    'defect',
    'body_too_large',
    'length_required',
    'media_type_unsupported',
    'payload_invalid',
    'too_many_alerts',
  ])
  return {
    operationId: 'alert-receive',
    tags: ['Alerts'],
    summary: 'Receive alerts',
    description:
      'Takes alerts and reconnects the backends that they select. The policy of this app says which format a webhook has and how its sender proves itself. After a 2xx the alert is stored durably, or nothing is to be done. Never 429.',
    security: SENDERS,
    parameters: [parameterRef('webhook')],
    requestBody: {
      required: true,
      description: 'At most 1 MiB and 500 alerts.',
      content: {
        'application/json': { ...payload, example: GENERIC_ALERT },
        'application/cloudevents+json': payload,
        'application/cloudevents-batch+json': payload,
      },
    },
    responses: {
      200: answer(
        'Nothing is to be done, and why: one entry for each alert. An Event Grid validation event is answered with its code.',
        jsonOf({
          anyOf: [schemaRef('AlertAnswers'), schemaRef('ValidationAnswer')],
        }),
        ['x-ms-correlation-request-id'],
      ),
      202: answer(
        'At least one alert was accepted: it will be delivered, or its operation says why not.',
        jsonOf(schemaRef('AlertAnswers'), ALERT_ANSWERS),
        ['x-ms-correlation-request-id'],
      ),
      ...failures,
      403: answer(
        '`AuthorizationFailed`: every firing alert was denied. The body has `alerts` and `error`.',
        jsonOf(schemaRef('AlertsRefused')),
        ['x-ms-correlation-request-id', 'x-ms-error-code'],
      ),
    },
  }
}

export function handshakeOperation(): Json {
  const allowed = headerRefs('webhook-allowed-origin', 'webhook-allowed-rate', 'allow')
  const ok = answer('Events are welcome.', jsonOf({ type: 'object' }), ['x-ms-correlation-request-id'])
  return {
    operationId: 'alert-handshake',
    tags: ['Alerts'],
    summary: 'Answer the CloudEvents handshake',
    description:
      'CloudEvents, "HTTP 1.1 Web Hooks for Event Delivery", section 4: for webhooks of format `event-grid`.',
    security: SENDERS,
    parameters: [
      parameterRef('webhook'),
      {
        name: 'WebHook-Request-Origin',
        in: 'header',
        required: true,
        description: 'The name of the host that will send events.',
        schema: { type: 'string' },
        example: 'eventgrid.azure.net',
      },
    ],
    responses: {
      200: { ...ok, headers: { ...(ok['headers'] as Json), ...allowed } },
      ...failureResponses(['webhook_secret', 'keys_unavailable', 'configuration_invalid', 'header_invalid', 'defect']),
    },
  }
}
