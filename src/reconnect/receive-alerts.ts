import type { PayloadFault } from '../alerts/alert.ts'
import { parsePayload } from '../alerts/parse-payload.ts'
import { readAlerts, type AlertFormat } from '../alerts/read-alerts.ts'
import type { AuthenticationFailure, Failure, RequestFailure } from '../domain/failure.ts'
import { modeOfWebhook } from '../policy/webhook-mode.ts'
import { describeError } from '../shared/describe-error.ts'
import { err, ok, type Result } from '../shared/result.ts'
import { acceptAlert, toTrigger, type Facts, type Taken } from './accept-alert.ts'
import type { AlertAnswer } from './alert-answer.ts'
import { areAllDenied } from './judge-alert.ts'
import { noteRefused, noteUnacted } from './note-deliveries.ts'
import { NOTICES_WAIT_MS } from './notice.ts'
import type { AlertPorts, VerifiedPost } from './alert-ports.ts'
import type { RequestIds } from './ports.ts'
import { outcomeOf } from './reconnect.ts'

/** A sender's request as plain facts. What must not be looked at before the sender has proved itself comes as a function. */
export interface AlertPost {
  readonly ids: RequestIds
  /** As in the path: an unknown sender has not shown that there is a webhook of this name. */
  readonly webhookName: string
  readonly checkFraming: () => Result<void, RequestFailure>
  readonly verify: () => Promise<Result<VerifiedPost, AuthenticationFailure | RequestFailure>>
  readonly checkMediaType: (format: AlertFormat) => Result<void, RequestFailure>
}

export type Received =
  | { readonly kind: 'alerts'; readonly alerts: readonly AlertAnswer[]; readonly refused?: Failure }
  | { readonly kind: 'validation'; readonly code: string }

/** Alerts of one payload that are accepted at the same time: storage answers in parallel, and no other request waits behind 500 of them. */
const AT_ONCE = 64

/**
 * Accepts what a sender posts. A payload that is refused, empty or a handshake ends in one audit event; otherwise each alert ends in one of its
 * own.
 */
export async function receiveAlerts(post: AlertPost, ports: AlertPorts): Promise<Result<Received, Failure>> {
  const startedAtEpochMs = ports.clock.now()
  const audit = (facts: Facts): void =>
    ports.audit({ ...post.ids, mode: ports.mode, ...facts, durationMs: ports.clock.now() - startedAtEpochMs })
  const trigger = { kind: 'webhook', webhook: post.webhookName } as const

  const read = await readPost(post).catch((error: unknown) => err(defect(error)))
  if (!read.ok) {
    audit({ trigger, outcome: outcomeOf(read.error), failure: read.error })
    noteRefused(post.webhookName, read.error, ports.deliveries)
    return read
  }
  const { reading, verified } = read.value
  if (reading.kind === 'validation') {
    audit({ caller: verified.caller, trigger, outcome: 'handshake' })
    return ok(reading)
  }
  if (reading.alerts.length === 0) audit({ caller: verified.caller, trigger, outcome: 'empty' })

  const noticesUntilEpochMs = ports.clock.now() + NOTICES_WAIT_MS
  const taken = await mapAtOnce(AT_ONCE, reading.alerts, async (alert) => {
    const one = await acceptAlert(alert, verified, post.ids, noticesUntilEpochMs, ports).catch(
      (error: unknown): Taken => ({
        facts: { outcome: 'failed', failure: defect(error) },
      }),
    )
    const mode = modeOfWebhook(ports.mode, verified.webhook)
    const ofAlert = toTrigger(alert, verified)
    audit({ caller: verified.caller, trigger: ofAlert, mode, ...one.facts })
    noteUnacted(ofAlert, one.answer, ports.deliveries)
    return one
  })
  const lost = taken.find(({ answer }) => answer === undefined)
  // Some may be stored: the sender's next attempt finds them, and joins.
  if (lost?.facts.failure !== undefined) return err(lost.facts.failure as Failure)
  return ok(summarize(taken))
}

/** check framing → verify the sender → media type → parse → the format's alerts. */
async function readPost(post: AlertPost) {
  const framing = post.checkFraming()
  if (!framing.ok) return framing
  const verified = await post.verify()
  if (!verified.ok) return verified
  const { webhook, body } = verified.value
  const type = post.checkMediaType(webhook.format)
  if (!type.ok) return type
  const payload = parsePayload(body)
  if (!payload.ok) return err(toFailure(payload.error))
  const reading = readAlerts(webhook.format, payload.value)
  if (!reading.ok) return err(toFailure(reading.error))
  return ok({ reading: reading.value, verified: verified.value })
}

/** 403 when every firing alert was denied; everything else is said alert by alert. */
function summarize(taken: readonly Taken[]): Received {
  const alerts = taken.map(({ answer }) => answer).filter((answer) => answer !== undefined)
  const denied = taken.find(({ answer }) => answer?.outcome === 'denied')?.facts.failure as Failure | undefined
  const isRefused = denied !== undefined && areAllDenied(alerts.map(({ outcome }) => outcome))
  return { kind: 'alerts', alerts, ...(isRefused ? { refused: denied } : {}) }
}

function toFailure(fault: PayloadFault): RequestFailure {
  switch (fault.kind) {
    case 'too_many':
      return { reason: 'too_many_alerts', limit: fault.limit }
    case 'malformed':
      return { reason: 'payload_invalid', expectation: fault.expectation }
  }
}

function defect(error: unknown): Failure {
  return { reason: 'defect', detail: describeError(error) }
}

/** At most `atOnce` at a time; the results in the order of the items. */
async function mapAtOnce<T, R>(atOnce: number, items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  const entries = items.entries()
  const worker = async (): Promise<void> => {
    for (const [index, item] of entries) results[index] = await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker))
  return results
}
