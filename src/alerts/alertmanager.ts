import type { Result } from '../shared/result.ts'
import type { Alert, PayloadFault } from './alert.ts'
import { readAlertGroup } from './alert-group.ts'

/** Prometheus Alertmanager, "webhook_config". A custom `payload:` must keep `alerts`. */
export function readAlertmanager(payload: unknown): Result<readonly Alert[], PayloadFault> {
  return readAlertGroup(payload, "Alertmanager's webhook payload: an object with a list of alerts")
}
