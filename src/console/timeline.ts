import type { Operation } from './api-types.ts'
import { askedBy, verdictOf, type Tone } from './operation-text.ts'

/** One step in the life of an operation. */
export interface Step {
  /** RFC 3339; absent where the app does not say when. */
  readonly at?: string
  readonly title: string
  readonly text?: string
  readonly tone: Tone
  /** Ids to look for elsewhere. */
  readonly ids?: readonly { readonly name: string; readonly value: string }[]
  /** Another operation that this step leads to. */
  readonly operation?: string
  readonly future?: boolean
}

/** alert or request → accepted → tries → Azure's answer → due → evidence → verdict. Only what is known is a step. */
export function timelineOf(operation: Operation, covering: Operation | undefined, nowEpochMs: number): readonly Step[] {
  const reconnect = covering ?? operation
  return [
    ...beginning(operation),
    ...tries(operation),
    ...(operation.joined === undefined
      ? []
      : [
          {
            at: operation.updatedAt,
            title: 'Joined a reconnect that was already accepted',
            ...(covering === undefined ? {} : { text: `Asked for by ${askedBy(covering)}.` }),
            tone: 'quiet' as const,
            operation: operation.joined,
          },
          ...(covering === undefined ? [] : tries(covering)),
        ]),
    ...ending(operation),
    ...dueStep(reconnect, nowEpochMs),
    ...effectSteps(reconnect, nowEpochMs),
  ]
}

function beginning(operation: Operation): readonly Step[] {
  const { trigger, requestedAt, reason, after, joinedCount } = operation
  const delay = after === undefined ? '' : ` The delay asked for: ${after}.`
  const alert: Step[] =
    trigger.kind === 'webhook'
      ? [
          {
            at: requestedAt,
            title: 'An alert fired',
            text: `Sent by webhook ${trigger.webhook ?? ''}${trigger.alertRule === undefined ? '' : `, rule ${trigger.alertRule}`}.`,
            tone: 'busy',
            ...(trigger.alertId === undefined ? {} : { ids: [{ name: 'alert id', value: trigger.alertId }] }),
          },
        ]
      : []
  const others = joinedCount === undefined ? '' : ` ${joinedCount} more alerts joined it.`
  return [
    ...alert,
    {
      at: requestedAt,
      title: trigger.kind === 'webhook' ? 'The app accepted it' : `Asked for by ${askedBy(operation)}`,
      text: `${reason === undefined ? '' : `Reason: ${reason}.`}${delay}${others}`.trim(),
      tone: 'quiet',
    },
  ]
}

function tries({ attempts, arm, error, state, updatedAt, ambiguous }: Operation): readonly Step[] {
  if (attempts === 0 && arm === undefined && !(state === 'accepted' && error !== undefined)) return []
  const unsure = ambiguous === true ? ' The answer to one attempt was lost: Azure may have accepted more than one.' : ''
  const ids = [
    ...(arm?.requestId === undefined ? [] : [{ name: 'ARM request id', value: arm.requestId }]),
    ...(arm?.correlationId === undefined ? [] : [{ name: 'ARM correlation id', value: arm.correlationId }]),
  ]
  const said = arm === undefined ? '' : ` Azure Resource Manager answered ${arm.status}.`
  const why = error === undefined ? '' : ` ${error.code}: ${error.message}`
  const title = `${attempts} ${attempts === 1 ? 'attempt' : 'attempts'} at Azure Resource Manager`
  const isAccepted = state === 'forwarded'
  return [
    {
      at: updatedAt,
      title: isAccepted ? `${title}: accepted` : title,
      text: `${said}${why}${unsure}`.trim(),
      tone: isAccepted ? 'good' : state === 'accepted' ? 'busy' : 'bad',
      ids,
    },
  ]
}

const ENDS: Readonly<Record<string, string>> = {
  failed: 'It failed, and is not tried again',
  abandoned: 'It was given up',
  exhausted: 'It was not sent: the limit was reached',
  'dry-run': 'Dry run: nothing was sent',
}

function ending({ state, error, updatedAt, attempts }: Operation): readonly Step[] {
  const title = ENDS[state]
  if (title === undefined) return []
  const text = error === undefined || attempts > 0 ? undefined : `${error.code}: ${error.message}`
  return [
    { at: updatedAt, title, ...(text === undefined ? {} : { text }), tone: state === 'dry-run' ? 'quiet' : 'bad' },
  ]
}

function dueStep({ due, state }: Operation, nowEpochMs: number): readonly Step[] {
  if (due === undefined) return []
  const future = Date.parse(due) > nowEpochMs
  if (state === 'dry-run') return [{ at: due, title: 'It would have been due', tone: 'quiet', future }]
  return [{ at: due, title: future ? 'The gateway will reconnect' : 'The gateway reconnected', tone: 'busy', future }]
}

function effectSteps({ effect }: Operation, nowEpochMs: number): readonly Step[] {
  if (effect === undefined) return []
  const evidence = (effect.evidence ?? []).map(({ kind, at, alertId }): Step => ({
    at,
    title: `Evidence: ${kind}`,
    tone: 'quiet',
    ...(alertId === undefined ? {} : { ids: [{ name: 'alert id', value: alertId }] }),
  }))
  const { tone, title, detail } = verdictOf(effect, nowEpochMs)
  const pending = effect.verdict === 'pending'
  const at = pending ? effect.decideBy : effect.decidedAt
  return [
    ...evidence.toSorted((left, right) => (left.at ?? '').localeCompare(right.at ?? '')),
    {
      ...(at === undefined ? {} : { at }),
      title: pending ? title : `Verdict: ${title}`,
      ...(detail === undefined ? {} : { text: detail }),
      tone,
      future: pending,
    },
  ]
}
