import { readFileSync } from 'node:fs'
import { parsePayload } from '../alerts/parse-payload.ts'
import { readAlerts } from '../alerts/read-alerts.ts'
import { isFiring, type Alert, type Condition, type PayloadFault } from '../alerts/alert.ts'
import { webhookCaller } from '../domain/caller.ts'
import type { Mode } from '../config/config.ts'
import { explainDecision } from '../policy/explain-decision.ts'
import { createGrantIndex } from '../policy/grant-index.ts'
import type { PolicyDocument, Webhook } from '../policy/policy-document.ts'
import { modeOfWebhook } from '../policy/webhook-mode.ts'
import { areAllDenied, judgeAlert, type Judged } from '../reconnect/judge-alert.ts'
import { err, ok, type Result } from '../shared/result.ts'
import {
  because,
  decisionJson,
  line,
  MODES,
  nearest,
  policyLine,
  printableLine,
  type Explained,
} from './explanation-text.ts'

/** Contract, section 5: a sender's body has no more. */
const MAX_BODY_BYTES = 1024 * 1024
/** More attributes would be a listing of the payload. */
const MAX_ATTRIBUTES = 40

export interface AlertQuestion {
  readonly mode: Mode
  readonly source: string | undefined
  readonly policy: PolicyDocument
  readonly webhookName: string
  readonly bodyFile: string
}

/** What a saved alert would come to at `POST /alerts/{webhook}`, once its sender is believed: by the code that serves it. */
export function explainAlert({
  mode: appMode,
  source,
  policy,
  webhookName,
  bodyFile,
}: AlertQuestion): Result<Explained, readonly string[]> {
  const webhook = policy.webhooks.find(({ name }) => name === webhookName)
  if (webhook === undefined)
    return err([
      `--webhook: the policy has no webhook of this name; it has ${policy.webhooks.map(({ name }) => name).join(', ') || 'none'}`,
    ])
  const body = readBody(bodyFile)
  if (!body.ok) return body
  const mode = modeOfWebhook(appMode, webhook)
  const head = [
    line('Mode', mode === appMode ? MODES[mode] : `${MODES[mode]} (mode of the webhook)`),
    policyLine(source, policy.grants.length),
    line('Webhook', `${webhook.name} (format ${webhook.format}, proof ${webhook.authentication.type})`),
  ]
  const payload = parsePayload(body.value)
  const reading = payload.ok ? readAlerts(webhook.format, payload.value) : payload
  const facts = { kind: 'alert', mode, policy: source ?? null, webhook: webhook.name, format: webhook.format }
  /** Of a payload without alerts. */
  const answered = (text: string): { readonly ok: true; readonly value: Explained } =>
    ok({
      acts: false,
      text: [...head, '', line('Answer', text), ''].join('\n'),
      json: { ...facts, answer: text, alerts: [] },
    })
  if (!reading.ok) return answered(refusal(reading.error))
  if (reading.value.kind === 'validation')
    return answered('200: Event Grid asks whether its events are wanted, and is told so')

  const caller = webhookCaller(webhook.name)
  const grants = createGrantIndex(policy.grants)
  const { alerts } = reading.value
  const judged = alerts.map((alert) => judgeAlert(alert, webhook, caller, grants, ''))
  const answer = answerText(judged, mode)
  const acts = judged.some(({ kind }) => kind === 'permitted')
  const told = alerts.flatMap((alert, index) => [
    '',
    ...tell(alert, judged[index] as Judged, index, { webhook, policy, mode }),
  ])
  return ok({
    acts,
    text: [
      ...head,
      line('Answer', answer),
      ...(acts && mode !== 'off' ? [line('Pauses', PAUSES)] : []),
      ...told,
      '',
    ].join('\n'),
    json: {
      ...facts,
      answer,
      alerts: alerts.map((alert, index) => alertJson(alert, judged[index] as Judged, webhook, policy)),
    },
  })
}

function readBody(path: string): Result<Uint8Array, readonly string[]> {
  try {
    const body = readFileSync(path)
    return body.byteLength > MAX_BODY_BYTES
      ? err([`--body: the file has more than ${MAX_BODY_BYTES} bytes, which is answered 413`])
      : ok(body)
  } catch {
    return err(['--body: expected a file that can be read'])
  }
}

function refusal(fault: PayloadFault): string {
  return fault.kind === 'too_many'
    ? `413 RequestEntityTooLarge: more than ${fault.limit} alerts`
    : `400 InvalidRequestContent: expected ${fault.expectation}`
}

/** Pauses are in the storage account of a running app. */
const PAUSES = 'not looked at: they are known to the running app only (GET /pauses)'

const BY_MODE: Readonly<Record<Mode, string>> = {
  on: 'ACCEPTED: stored, and delivered to ARM',
  'dry-run': 'DRY-RUN: it would be accepted, nothing is sent',
  off: 'SWITCHED-OFF: it would be accepted, nothing is stored',
}

function answerText(judged: readonly Judged[], mode: Mode): string {
  if (areAllDenied(judged.map(({ kind }) => kind))) return '403 AuthorizationFailed: every alert that fires is denied'
  const permitted = judged.filter(({ kind }) => kind === 'permitted').length
  return `${permitted > 0 && mode === 'on' ? 202 : 200} (${permitted} of ${judged.length} alert${judged.length === 1 ? '' : 's'} would act)`
}

const CONDITION_TEXTS: Readonly<Record<Condition, string>> = {
  firing: 'firing',
  resolved: 'not firing: resolved',
  closed: 'not firing: circuit breaker closed',
  other: 'not firing: another condition or type',
}

function tell(
  alert: Alert,
  judged: Judged,
  index: number,
  { webhook, policy, mode }: { readonly webhook: Webhook; readonly policy: PolicyDocument; readonly mode: Mode },
): string[] {
  const attributes = [...alert.attributes]
    .slice(0, MAX_ATTRIBUTES)
    .map(([name, value], at) => line(at === 0 ? '  attributes' : '', printableLine(`${name} = ${value}`)))
  const more = alert.attributes.size - attributes.length
  return [
    line(
      `Alert ${index + 1}`,
      [alert.alertRule, CONDITION_TEXTS[alert.condition]]
        .filter((part) => part !== undefined)
        .map(printableLine)
        .join(', '),
    ),
    ...attributes,
    ...(more > 0 ? [line('', `and ${more} more`)] : []),
    ...decision(judged, { webhook, policy, mode }),
  ]
}

/** One alert for programs: all its attributes, and what comes of it. */
function alertJson(alert: Alert, judged: Judged, webhook: Webhook, policy: PolicyDocument): object {
  const facts = {
    ...(alert.alertRule === undefined ? {} : { alertRule: alert.alertRule }),
    firing: isFiring(alert),
    condition: alert.condition,
    attributes: Object.fromEntries(alert.attributes),
    outcome: judged.kind,
  }
  switch (judged.kind) {
    case 'resolved':
      return facts
    case 'unmatched':
    case 'invalid':
      return { ...facts, detail: judged.detail }
    case 'denied':
    case 'permitted': {
      const backend = judged.kind === 'denied' ? judged.backend : judged.permit.command.backend
      const after = judged.kind === 'permitted' ? judged.permit.command.after?.text : undefined
      return {
        ...facts,
        backend: backend.resourceId,
        ...(after === undefined ? {} : { after }),
        ...decisionJson(explainDecision(webhookCaller(webhook.name), 'reconnect', backend, policy.grants)),
      }
    }
  }
}

function decision(
  judged: Judged,
  { webhook, policy, mode }: { readonly webhook: Webhook; readonly policy: PolicyDocument; readonly mode: Mode },
): string[] {
  switch (judged.kind) {
    case 'resolved':
      return [line('  Decision', 'RESOLVED: only what is firing acts')]
    case 'unmatched':
      return [line('  Decision', 'UNMATCHED'), line('  Because', judged.detail)]
    case 'invalid':
      return [line('  Decision', 'INVALID'), line('  Because', judged.detail)]
    case 'denied':
    case 'permitted': {
      const backend = judged.kind === 'denied' ? judged.backend : judged.permit.command.backend
      const explanation = explainDecision(webhookCaller(webhook.name), 'reconnect', backend, policy.grants)
      const after = judged.kind === 'permitted' ? judged.permit.command.after : undefined
      return [
        line('  Backend', backend.resourceId),
        ...(after === undefined ? [] : [line('  after', after.text)]),
        line('  Decision', judged.kind === 'denied' ? 'DENIED' : BY_MODE[mode]),
        ...(explanation.allowed ? because(explanation.decidedBy) : nearest(explanation.missing, explanation.misses)),
      ]
    }
  }
}
