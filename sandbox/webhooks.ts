import { randomBytes } from 'node:crypto'
import { ACTION_GROUP_ROLE } from './azure/directory.ts'
import { SERVICE_PATTERN } from './azure/resources.ts'

/** App settings with the secrets of the sandbox's webhooks, new in every process. */
export const WEBHOOK_SECRETS = {
  ALERTMANAGER_TOKEN: newSecret(),
  GRAFANA_HMAC: newSecret(),
  EVENT_GRID_SECRET: newSecret(),
  GENERIC_SECRET: `whsec_${randomBytes(32).toString('base64')}`,
}

/** One webhook per format, each with another kind of proof. */
export const SANDBOX_WEBHOOKS = {
  'azure-monitor': { format: 'azure-monitor', authentication: { type: 'entra', role: ACTION_GROUP_ROLE } },
  alertmanager: {
    format: 'alertmanager',
    authentication: { type: 'bearer', secret: 'ALERTMANAGER_TOKEN' },
    backend: `${SERVICE_PATTERN}/backends/{backend_id}`,
    after: 'PT2M',
  },
  grafana: {
    format: 'grafana',
    authentication: {
      type: 'hmac',
      secret: 'GRAFANA_HMAC',
      timestampHeader: 'X-Grafana-Alerting-Timestamp',
      toleranceSeconds: 300,
    },
    backend: '{backend_resource_id}',
  },
  'event-grid': {
    format: 'event-grid',
    authentication: { type: 'query', parameter: 'secret', secret: 'EVENT_GRID_SECRET' },
  },
  generic: { format: 'generic', authentication: { type: 'standard-webhooks', secret: 'GENERIC_SECRET' } },
} as const

export type SandboxWebhook = keyof typeof SANDBOX_WEBHOOKS

function newSecret(): string {
  return randomBytes(24).toString('base64url')
}
