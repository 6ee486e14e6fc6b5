import { createHmac, randomUUID } from 'node:crypto'
import type { WEBHOOK_SECRETS, SandboxWebhook } from './webhooks.ts'

export interface SignedAlert {
  readonly headers: Readonly<Record<string, string>>
  /** With its question mark. */
  readonly query: string
}

/** What each sender proves itself with. `entraToken`: of an action group. */
export function signAlert(
  webhook: SandboxWebhook,
  body: string,
  nowEpochMs: number,
  secrets: typeof WEBHOOK_SECRETS,
  entraToken: string,
): SignedAlert {
  const seconds = String(Math.floor(nowEpochMs / 1_000))
  switch (webhook) {
    case 'azure-monitor':
      return { headers: { authorization: `Bearer ${entraToken}`, 'user-agent': 'IcMBroadcaster/1.0' }, query: '' }
    case 'alertmanager':
      return {
        headers: { authorization: `Bearer ${secrets.ALERTMANAGER_TOKEN}`, 'user-agent': 'Alertmanager/0.34.0' },
        query: '',
      }
    case 'grafana':
      // Grafana, http/hmac.go: `<unixSeconds>:` before the body where a timestamp header is configured.
      return {
        headers: {
          'x-grafana-alerting-timestamp': seconds,
          'x-grafana-alerting-signature': createHmac('sha256', secrets.GRAFANA_HMAC)
            .update(`${seconds}:${body}`)
            .digest('hex'),
          'user-agent': 'Grafana',
        },
        query: '',
      }
    case 'event-grid':
      return { headers: { 'aeg-event-type': 'Notification' }, query: `?secret=${secrets.EVENT_GRID_SECRET}` }
    case 'generic': {
      // Standard Webhooks, "Signature scheme".
      const id = `msg_${randomUUID()}`
      const key = Buffer.from(secrets.GENERIC_SECRET.slice('whsec_'.length), 'base64')
      const signature = createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')
      return {
        headers: { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': `v1,${signature}` },
        query: '',
      }
    }
  }
}
