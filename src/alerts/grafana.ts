import type { Result } from '../shared/result.ts'
import type { Alert, PayloadFault } from './alert.ts'
import { readAlertGroup } from './alert-group.ts'

/** Grafana Alerting, "Configure webhook notifications". Values, links and images, which Grafana adds to Alertmanager's payload, are ignored. */
export function readGrafana(payload: unknown): Result<readonly Alert[], PayloadFault> {
  return readAlertGroup(payload, "Grafana's webhook payload: an object with a list of alerts")
}
