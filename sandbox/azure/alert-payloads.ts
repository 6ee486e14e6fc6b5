import { createHash, randomUUID } from 'node:crypto'
import type { SandboxWebhook } from '../webhooks.ts'

/** What an alert is about: the input of each payload. */
export interface AlertSubject {
  /** Resource id of a backend. */
  readonly backend: string
  readonly firing: boolean
  readonly nowEpochMs: number
}

/** One alert of each sender, as it would write it when connections to a backend fail. */
export const ALERT_PAYLOADS: Readonly<Record<SandboxWebhook, (subject: AlertSubject) => unknown>> = {
  'azure-monitor': azureMonitor,
  alertmanager: ({ firing, ...subject }) => ({
    ...group(subject, firing),
    version: '4',
    externalURL: 'http://alertmanager.contoso.example:9093',
  }),
  grafana: ({ firing, ...subject }) => ({
    ...group(subject, firing),
    version: '1',
    orgId: 1,
    title: `[${firing ? 'FIRING' : 'RESOLVED'}:1] ApimBackendConnectionFailures`,
    state: firing ? 'alerting' : 'ok',
    message: 'Connections to a backend fail.',
    externalURL: 'https://grafana.contoso.example/',
  }),
  'event-grid': eventGrid,
  generic: ({ backend }) => ({
    backends: [backend],
    reason: 'the backend has moved',
    id: `deployment-${randomUUID()}`,
  }),
}

const PARTS =
  /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/Microsoft\.ApiManagement\/service\/([^/]+)\/backends\/([^/]+)$/

function partsOf(backend: string) {
  const [, subscriptionId = '', resourceGroup = '', service = '', backendId = ''] = PARTS.exec(backend) ?? []
  return {
    subscriptionId,
    resourceGroup,
    service,
    backendId,
    serviceId: backend.slice(0, backend.lastIndexOf('/backends/')),
  }
}

/** The log alert of examples/: a rule split by `_ResourceId` and `BackendId`, in the common alert schema. Ids come lower-cased from the logs. */
function azureMonitor({ backend, firing, nowEpochMs }: AlertSubject): unknown {
  const { subscriptionId, backendId, serviceId } = partsOf(backend)
  const at = new Date(nowEpochMs).toISOString()
  return {
    schemaId: 'azureMonitorCommonAlertSchema',
    data: {
      essentials: {
        alertId: `/subscriptions/${subscriptionId}/providers/Microsoft.AlertsManagement/alerts/${randomUUID()}`,
        alertRule: 'apim-backend-connection-failures',
        severity: 'Sev1',
        signalType: 'Log',
        monitorCondition: firing ? 'Fired' : 'Resolved',
        monitoringService: 'Log Alerts V2',
        alertTargetIDs: [serviceId.toLowerCase()],
        configurationItems: [serviceId.toLowerCase()],
        originAlertId: randomUUID(),
        firedDateTime: at,
        ...(!firing && { resolvedDateTime: at }),
        description: 'Connections of API Management to a backend fail.',
        essentialsVersion: '1.0',
        alertContextVersion: '1.0',
      },
      alertContext: {
        properties: {},
        conditionType: 'LogQueryCriteria',
        condition: {
          windowSize: 'PT5M',
          allOf: [
            {
              searchQuery: 'ApiManagementGatewayLogs | where …',
              metricMeasureColumn: 'Failures',
              targetResourceTypes: "['Microsoft.ApiManagement/service']",
              operator: 'GreaterThan',
              threshold: '5',
              timeAggregation: 'Total',
              dimensions: [
                { name: '_ResourceId', value: serviceId.toLowerCase() },
                { name: 'BackendId', value: backendId },
              ],
              metricValue: 12,
              failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 },
            },
          ],
          windowStartTime: new Date(nowEpochMs - 300_000).toISOString(),
          windowEndTime: at,
        },
      },
      customProperties: {},
    },
  }
}

/** What Alertmanager and Grafana have in common: a group of alerts with labels. */
function group({ backend, nowEpochMs }: Omit<AlertSubject, 'firing'>, firing: boolean): object {
  const { service, backendId } = partsOf(backend)
  const labels = {
    alertname: 'ApimBackendConnectionFailures',
    apim_service: service,
    backend_id: backendId,
    backend_resource_id: backend,
    severity: 'critical',
  }
  const annotations = { summary: `Connections of ${service} to ${backendId} fail` }
  const status = firing ? 'firing' : 'resolved'
  const at = new Date(nowEpochMs).toISOString()
  return {
    receiver: 'apim-reconnect',
    status,
    alerts: [
      {
        status,
        labels,
        annotations,
        startsAt: at,
        endsAt: firing ? '0001-01-01T00:00:00Z' : at,
        generatorURL: 'https://prometheus.contoso.example/graph',
        fingerprint: createHash('sha256').update(backend).digest('hex').slice(0, 16),
      },
    ],
    groupLabels: { alertname: labels.alertname },
    commonLabels: labels,
    commonAnnotations: annotations,
    groupKey: `{}:{alertname="${labels.alertname}"}`,
    truncatedAlerts: 0,
  }
}

/** CloudEvents 1.0, one event. */
function eventGrid({ backend, firing, nowEpochMs }: AlertSubject): unknown {
  const { backendId, serviceId } = partsOf(backend)
  return {
    id: randomUUID(),
    source: serviceId,
    subject: `/backends/${backendId}`,
    type: `Microsoft.ApiManagement.CircuitBreaker.${firing ? 'Opened' : 'Closed'}`,
    time: new Date(nowEpochMs).toISOString(),
    specversion: '1.0',
    data: { backendName: backendId, circuitBreaker: { rules: { 'on-5xx': {} } } },
  }
}
