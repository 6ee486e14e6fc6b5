import { DURATION, object, schemaRef, TEXT, TIME, type Json } from './parts.ts'

const TEXTS: Json = { type: 'object', additionalProperties: { type: 'string' } }

const DIMENSION = object(['name', 'value'], { name: TEXT, value: TEXT })
const ESSENTIALS = object([], {
  alertId: TEXT,
  alertRule: TEXT,
  severity: TEXT,
  signalType: TEXT,
  monitorCondition: { type: 'string', description: '`Fired` acts; `Resolved` does not.' },
  monitoringService: TEXT,
  alertTargetIDs: { type: 'array', items: TEXT },
  configurationItems: { type: 'array', items: TEXT },
  firedDateTime: TEXT,
})

/**
 * What alert senders post, as far as this app reads it (contract, section 5). Senders add members of their own, which are ignored. The
 * format of a webhook is a setting: one webhook takes one of these.
 */
export const WEBHOOK_SCHEMAS: Json = {
  AzureMonitorAlert: object(
    ['schemaId', 'data'],
    {
      schemaId: { type: 'string', enum: ['azureMonitorCommonAlertSchema'] },
      data: object(['essentials'], {
        essentials: ESSENTIALS,
        alertContext: object([], {
          condition: object([], {
            allOf: { type: 'array', items: object([], { dimensions: { type: 'array', items: DIMENSION } }) },
          }),
        }),
        customProperties: TEXTS,
      }),
    },
    { description: 'Format `azure-monitor`: the common alert schema.' },
  ),
  AlertmanagerNotification: object(
    ['alerts'],
    {
      alerts: {
        type: 'array',
        maxItems: 500,
        items: object(['status', 'labels'], {
          status: { type: 'string', enum: ['firing', 'resolved'] },
          labels: TEXTS,
          annotations: TEXTS,
          startsAt: TEXT,
          endsAt: TEXT,
          fingerprint: TEXT,
        }),
      },
    },
    { description: 'Formats `alertmanager` and `grafana`: the notification of a webhook receiver.' },
  ),
  GenericAlert: object(
    ['backends'],
    {
      backends: { type: 'array', items: TEXT, minItems: 1, maxItems: 500, description: 'Resource ids of backends.' },
      after: DURATION,
      reason: TEXT,
      id: { type: 'string', description: "The sender's own id." },
    },
    { description: 'Format `generic`: any tool that can sign a request.' },
  ),
  CloudEvent: object(
    ['specversion', 'type', 'source', 'id'],
    { specversion: TEXT, type: TEXT, source: TEXT, subject: TEXT, id: TEXT, time: TIME, data: { type: 'object' } },
    { description: 'Format `event-grid`: one event of CloudEvents 1.0.' },
  ),
  EventGridEvents: {
    type: 'array',
    maxItems: 500,
    items: object([], {
      id: TEXT,
      eventType: TEXT,
      type: TEXT,
      topic: TEXT,
      source: TEXT,
      subject: TEXT,
      data: { type: 'object' },
    }),
    description: 'Format `event-grid`: a list of events, in the Event Grid schema or in CloudEvents 1.0.',
  },
}

/** Not a component: Kiota gives a named union with a list in it two names. */
export const ALERT_PAYLOAD: Json = {
  description: 'The format that the policy gives the webhook: exactly one of these.',
  anyOf: [
    schemaRef('AzureMonitorAlert'),
    schemaRef('AlertmanagerNotification'),
    schemaRef('GenericAlert'),
    schemaRef('EventGridEvents'),
    schemaRef('CloudEvent'),
  ],
}

/** How senders prove themselves. Which of them a webhook wants, and under which header or parameter, is a setting of the policy. */
export const WEBHOOK_SECURITY: Json = {
  webhookBearer: { type: 'http', scheme: 'bearer', description: 'Authentication `bearer`: a shared secret.' },
  webhookBasic: { type: 'http', scheme: 'basic', description: 'Authentication `basic`.' },
  webhookHmac: {
    type: 'apiKey',
    in: 'header',
    name: 'X-Grafana-Alerting-Signature',
    description:
      'Authentication `hmac`: HMAC-SHA-256 over the body, in hexadecimal. The policy may name another header.',
  },
  webhookStandard: {
    type: 'apiKey',
    in: 'header',
    name: 'webhook-signature',
    description: 'Authentication `standard-webhooks`: with the headers `webhook-id` and `webhook-timestamp`.',
  },
  webhookQuery: {
    type: 'apiKey',
    in: 'query',
    name: 'code',
    description: 'Authentication `query`: a secret in the parameter that the policy names.',
  },
}
