import type { Alert } from '../alerts/alert.ts'
import { alertKeyOf } from '../alerts/alert-key.ts'
import type { Firing, Notice } from '../domain/effect.ts'
import { effectSettingsOf } from '../policy/effect-settings.ts'
import type { Webhook } from '../policy/policy-document.ts'

/** Longer ids, and ids in other letters, are left out of the evidence: a slot is one row of bounded size. */
const SHOWN_ID = /^[!-~]{1,256}$/

/** What a firing alert tells about earlier reconnects of its backend (contract, section 12). Undefined: this sender tells nothing. */
export function toFiring(alert: Alert, webhook: Webhook, receivedAtEpochMs: number): Firing | undefined {
  const { tells, confirms, namesAlerts, firingTime } = effectSettingsOf(webhook)
  if (!tells) return undefined
  const startedAtEpochMs = alert.startedAtEpochMs ?? receivedAtEpochMs
  return {
    // A sender's clock that is ahead would make an early alert a late one.
    atEpochMs: firingTime === 'sender' ? Math.min(startedAtEpochMs, receivedAtEpochMs) : receivedAtEpochMs,
    // An alert that will never be said to be resolved must not keep a reconnect from being one that helped.
    ...(confirms && namesAlerts ? { alert: { key: alertKeyOf(alert, webhook.name), startedAtEpochMs } } : {}),
  }
}

/** What a notification tells that an alert does not fire any more. Undefined: nothing, so that storage need not be asked. */
export function toNotice(alert: Alert, webhook: Webhook, receivedAtEpochMs: number): Notice | undefined {
  const { confirms, namesAlerts, resolveLagMs } = effectSettingsOf(webhook)
  if (!confirms) return undefined
  const { alertId } = alert
  const named = alertId !== undefined && SHOWN_ID.test(alertId) ? { alertId } : {}
  const atEpochMs = alert.endedAtEpochMs ?? receivedAtEpochMs
  const seenAtEpochMs = Math.min(atEpochMs, receivedAtEpochMs)
  switch (alert.condition) {
    case 'resolved': {
      if (!namesAlerts) return undefined
      const key = alertKeyOf(alert, webhook.name)
      return { kind: 'resolved', key, atEpochMs, healthyEpochMs: seenAtEpochMs - resolveLagMs, ...named }
    }
    case 'closed':
      return { kind: 'closed', atEpochMs: seenAtEpochMs, healthyEpochMs: seenAtEpochMs, ...named }
    case 'firing':
    case 'other':
      return undefined
  }
}
