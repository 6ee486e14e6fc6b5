import { aBackend } from './builders.ts'

/** Payloads of senders about one backend, each as its sender writes it. Times are epoch milliseconds. */

const at = (epochMs: number): string => new Date(epochMs).toISOString()

export interface PrometheusAlert {
  readonly backendId?: string
  readonly fingerprint?: string
  readonly startsAtEpochMs: number
  /** Absent: it fires. */
  readonly endsAtEpochMs?: number
}

/** Alertmanager's webhook payload, version 4. Grafana's has the same alerts. */
export function prometheusPayload(...alerts: readonly PrometheusAlert[]): unknown {
  return {
    version: '4',
    status: alerts.some(({ endsAtEpochMs }) => endsAtEpochMs === undefined) ? 'firing' : 'resolved',
    alerts: alerts.map(({ backendId = 'b', fingerprint = 'f1', startsAtEpochMs, endsAtEpochMs }) => ({
      status: endsAtEpochMs === undefined ? 'firing' : 'resolved',
      labels: { alertname: 'ApimBackendConnectionFailures', backend: aBackend({ backendId }).resourceId },
      annotations: {},
      startsAt: at(startsAtEpochMs),
      endsAt: endsAtEpochMs === undefined ? '0001-01-01T00:00:00Z' : at(endsAtEpochMs),
      fingerprint,
    })),
  }
}

/** For webhooks of {@link prometheusPayload}: a label names the whole backend. */
export const PROMETHEUS_TEMPLATE = '{backend}'

export interface AzureAlert {
  readonly backendId?: string
  readonly alertId?: string
  readonly firedAtEpochMs: number
  /** Absent: it fires. */
  readonly resolvedAtEpochMs?: number
}

/** Azure Monitor's common alert schema, from a log alert that is split by service and backend. */
export function azurePayload({
  backendId = 'b',
  alertId = 'a1',
  firedAtEpochMs,
  resolvedAtEpochMs,
}: AzureAlert): unknown {
  const [service = ''] = aBackend({ backendId }).resourceId.split('/backends/')
  const dimensions = [
    { name: '_ResourceId', value: service },
    { name: 'BackendId', value: backendId },
  ]
  const id = `/subscriptions/0b1f6471-1bf0-4dda-aec3-111122223333/providers/Microsoft.AlertsManagement/alerts/${alertId}`
  return {
    schemaId: 'azureMonitorCommonAlertSchema',
    data: {
      essentials: {
        // Its letters are not always of the same case.
        alertId: resolvedAtEpochMs === undefined ? id : id.toLowerCase(),
        alertRule: 'apim-backend-connection-failures',
        monitorCondition: resolvedAtEpochMs === undefined ? 'Fired' : 'Resolved',
        firedDateTime: at(firedAtEpochMs),
        ...(resolvedAtEpochMs === undefined ? {} : { resolvedDateTime: at(resolvedAtEpochMs) }),
      },
      alertContext: { condition: { allOf: [{ dimensions }] } },
    },
  }
}

/** API Management's circuit breaker events, as CloudEvents. */
export function circuitBreakerPayload(type: 'Opened' | 'Closed', timeEpochMs: number, backendId = 'b'): unknown {
  const [source = ''] = aBackend({ backendId }).resourceId.split('/backends/')
  return {
    specversion: '1.0',
    id: `${type}-${timeEpochMs}`,
    type: `Microsoft.ApiManagement.CircuitBreaker.${type}`,
    source,
    subject: `/backends/${backendId}`,
    time: at(timeEpochMs),
    data: { backendName: backendId, circuitBreaker: { rules: {} } },
  }
}
