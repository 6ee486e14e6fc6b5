import { asObject, elementsOf, entriesOf, member } from '../shared/json.ts'
import { err, ok, type Result } from '../shared/result.ts'
import type { Alert, Condition, PayloadFault } from './alert.ts'
import { addMissing, toShortText } from './attributes.ts'
import { toSenderFacts } from './sender-facts.ts'

/**
 * What Alertmanager (webhook payload version 4) and Grafana (version 1) share: a list of alerts, each with a status of its own.
 * The status of the group is ignored. Alertmanager computes it after it has cut off alerts (`truncatedAlerts`), so it can say `resolved`
 * while some of them fire. Attributes: labels by their names, `annotations.*`.
 */
export function readAlertGroup(payload: unknown, expectation: string): Result<readonly Alert[], PayloadFault> {
  const alerts = member(payload, 'alerts')
  if (!Array.isArray(alerts) || !alerts.every((alert) => asObject(alert) !== undefined))
    return err({ kind: 'malformed', expectation })
  return ok(elementsOf(alerts).map(toAlert))
}

function toAlert(alert: unknown): Alert {
  const attributes = new Map<string, string>()
  const labels = member(alert, 'labels')
  addMissing(attributes, entriesOf(labels))
  addMissing(attributes, entriesOf(member(alert, 'annotations')), 'annotations.')
  const condition = CONDITIONS.get(member(alert, 'status')) ?? 'other'
  const fingerprint = member(alert, 'fingerprint')
  const startsAt = member(alert, 'startsAt')
  return {
    condition,
    attributes,
    ...toSenderFacts({
      // Each time that an alert fires has a start of its own, under the same fingerprint.
      alertId: [fingerprint, startsAt]
        .map(toShortText)
        .filter((part) => part !== undefined)
        .join('/'),
      alertRule: member(labels, 'alertname'),
      identity: fingerprint,
      startedAt: startsAt,
      // While an alert fires this is year 1, or the time at which Prometheus would forget it.
      endedAt: condition === 'resolved' ? member(alert, 'endsAt') : undefined,
    }),
  }
}

const CONDITIONS: ReadonlyMap<unknown, Condition> = new Map([
  ['firing', 'firing'],
  ['resolved', 'resolved'],
])
