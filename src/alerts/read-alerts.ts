import type { Webhook } from '../policy/policy-document.ts'
import { err, ok, type Result } from '../shared/result.ts'
import { MAX_ALERTS, type Alert, type PayloadFault, type Reading } from './alert.ts'
import { readAlertmanager } from './alertmanager.ts'
import { readAzureMonitor } from './azure-monitor.ts'
import { readEventGrid } from './event-grid.ts'
import { readGeneric } from './generic.ts'
import { readGrafana } from './grafana.ts'

export type AlertFormat = Webhook['format']

const asReading =
  (read: (payload: unknown) => Result<readonly Alert[], PayloadFault>) =>
  (payload: unknown): Result<Reading, PayloadFault> => {
    const alerts = read(payload)
    return alerts.ok ? ok({ kind: 'alerts', alerts: alerts.value }) : alerts
  }

const READERS: Readonly<Record<AlertFormat, (payload: unknown) => Result<Reading, PayloadFault>>> = {
  'azure-monitor': asReading(readAzureMonitor),
  alertmanager: asReading(readAlertmanager),
  grafana: asReading(readGrafana),
  'event-grid': readEventGrid,
  generic: asReading(readGeneric),
}

/** Reads a payload in the webhook's format (contract, section 5): at most 500 alerts, or the validation handshake. Never throws. */
export function readAlerts(format: AlertFormat, payload: unknown): Result<Reading, PayloadFault> {
  const reading = READERS[format](payload)
  if (reading.ok && reading.value.kind === 'alerts' && reading.value.alerts.length > MAX_ALERTS)
    return err({ kind: 'too_many', limit: MAX_ALERTS })
  return reading
}
