import type { Effect, Operation } from './api-types.ts'
import { clockTime, countdown, spanText } from './time-text.ts'

/** `busy`: it goes on. `bad`: someone has to look at it. */
export type Tone = 'busy' | 'good' | 'bad' | 'quiet'

export interface Status {
  readonly tone: Tone
  readonly title: string
  readonly detail?: string
}

const VERDICTS: Readonly<Record<string, Status>> = {
  recovered: { tone: 'good', title: 'It helped', detail: 'The alert was resolved after the reconnect.' },
  'recovered-early': {
    tone: 'quiet',
    title: 'It recovered before the reconnect',
    detail: 'The backend was healthy before the reconnect was due, so the reconnect was not the cause.',
  },
  'not-recovered': {
    tone: 'bad',
    title: 'It did not help',
    detail: 'The alert fired again, or was not resolved in time. Investigate the backend itself.',
  },
  unknown: {
    tone: 'quiet',
    title: 'Not known whether it helped',
    detail: 'The sender does not say when an alert is over, or a person or tool asked for the reconnect.',
  },
  superseded: {
    tone: 'quiet',
    title: 'Replaced',
    detail: 'Another reconnect of the backend counted before it was due.',
  },
}

/** How an operation is doing, in one line. */
export function statusOf(operation: Operation, nowEpochMs: number): Status {
  const { state, due, effect, trigger, error, attempts } = operation
  switch (state) {
    case 'accepted':
      if (error !== undefined)
        return { tone: 'busy', title: 'Waits for its next try', detail: waitingText(operation, nowEpochMs) }
      return trigger.kind === 'webhook'
        ? { tone: 'busy', title: 'Waits for delivery' }
        : { tone: 'busy', title: 'Being sent to Azure' }
    case 'forwarded': {
      const leftMs = due === undefined ? 0 : Date.parse(due) - nowEpochMs
      if (leftMs > 0 && effect?.verdict !== 'superseded')
        return {
          tone: 'busy',
          title: `Due in ${countdown(leftMs)}`,
          detail: `The gateway reconnects at ${clockTime(due ?? '', nowEpochMs)}.`,
        }
      return effect === undefined
        ? { tone: 'quiet', title: 'Sent', detail: 'Azure accepted it. This app has no verdict on whether it helped.' }
        : verdictOf(effect, nowEpochMs)
    }
    case 'joined':
      return { tone: 'quiet', title: 'Joined another reconnect' }
    case 'dry-run':
      return { tone: 'quiet', title: 'Dry run: nothing was sent' }
    case 'exhausted':
      return {
        tone: 'bad',
        title:
          error?.code === 'ReconnectNotHelping' ? 'Not sent: reconnects do not help' : 'Not sent: too many reconnects',
        ...said(error?.message),
      }
    case 'abandoned':
      return { tone: 'bad', title: 'Given up', ...said(error?.message) }
    case 'failed':
      return { tone: 'bad', title: attempts > 0 ? 'Azure refused it' : 'Failed', ...said(error?.message) }
    default:
      return { tone: 'quiet', title: state }
  }
}

/** For a live region: it changes with the facts, and not with every second of a countdown. */
export function spokenStatus(operation: Operation, nowEpochMs: number): string {
  const { title, detail } = statusOf(operation, nowEpochMs)
  return title.startsWith('Due in ') ? (detail ?? '') : title
}

export function verdictOf(effect: Effect, nowEpochMs: number): Status {
  if (effect.verdict === 'pending')
    return {
      tone: 'busy',
      title: effect.decideBy === undefined ? 'Watching' : `Watching until ${clockTime(effect.decideBy, nowEpochMs)}`,
      detail: 'The alert decides whether the reconnect helped: it is resolved, or it fires again.',
    }
  return VERDICTS[effect.verdict] ?? { tone: 'quiet', title: effect.verdict }
}

function said(message: string | undefined): { readonly detail?: string } {
  return message === undefined ? {} : { detail: message }
}

/** Contract, section 5: no delivery waits longer than 15 minutes for its next try. */
const MAX_WAIT_MS = 900_000

function waitingText({ error, updatedAt, trigger }: Operation, nowEpochMs: number): string {
  const latest = new Date(Date.parse(updatedAt) + MAX_WAIT_MS).toISOString()
  const next = trigger.kind === 'webhook' ? ` The next try is at ${clockTime(latest, nowEpochMs)} at the latest.` : ''
  return `${error?.message ?? ''}${next}`
}

/** Who asked, in words. */
export function askedBy({ caller, trigger }: Operation): string {
  if (trigger.kind === 'webhook')
    return `${trigger.alertRule === undefined ? 'an alert' : `alert rule ${trigger.alertRule}`} by webhook ${trigger.webhook ?? caller.id}`
  return caller.name ?? `${caller.kind === 'app' ? 'application' : 'user'} ${caller.id}`
}

/** The last segment of a resource id, and the service and group that it is in. */
export function backendName(resourceId: string): { readonly name: string; readonly where: string } {
  const parts = resourceId.split('/')
  const valueOf = (name: string): string => parts[parts.findIndex((part) => part.toLowerCase() === name) + 1] ?? ''
  const name = parts.at(-1) ?? resourceId
  return parts.length < 10
    ? { name, where: resourceId }
    : { name, where: `${valueOf('service')} in ${valueOf('resourcegroups')}` }
}

export function agoText(rfc3339: string, nowEpochMs: number): string {
  return `${spanText(nowEpochMs - Date.parse(rfc3339))} ago`
}
