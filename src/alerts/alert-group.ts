import { err, ok, type Result } from '../shared/result.ts'
import type { Alert, PayloadFault } from './alert.ts'
import { addMissing, entriesOf, member, members, shortText } from './json.ts'

/**
 * What Alertmanager (webhook payload version 4) and Grafana (version 1) share: a group of alerts, each with a status of its own. The group's status is
 * not looked at: it is computed after alerts have been cut off (`truncatedAlerts`), and says "resolved" while some of them fire. Attributes:
 * labels by their names, `annotations.*`.
 */
export function readAlertGroup(payload: unknown, expectation: string): Result<readonly Alert[], PayloadFault> {
  const alerts = member(payload, 'alerts')
  if (!Array.isArray(alerts) || !alerts.every((alert) => members(alert) !== undefined))
    return err({ kind: 'malformed', expectation })
  return ok(alerts.map(toAlert))
}

/** An alert that does not say that it fires does not. */
function toAlert(alert: unknown): Alert {
  const attributes = new Map<string, string>()
  const labels = member(alert, 'labels')
  addMissing(attributes, entriesOf(labels))
  addMissing(attributes, entriesOf(member(alert, 'annotations')), 'annotations.')
  const identity = [member(alert, 'fingerprint'), member(alert, 'startsAt')]
    .map(shortText)
    .filter((part) => part !== undefined)
  const alertId = shortText(identity.join('/'))
  const alertRule = shortText(member(labels, 'alertname'))
  return {
    firing: member(alert, 'status') === 'firing',
    attributes,
    ...(alertId === undefined ? {} : { alertId }),
    ...(alertRule === undefined ? {} : { alertRule }),
  }
}
