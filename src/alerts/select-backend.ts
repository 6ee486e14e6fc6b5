import { parseBackendResourceId, type Backend } from '../domain/backend-id.ts'
import { SEGMENT_EXPECTATION } from '../domain/segments.ts'
import type { Webhook } from '../policy/policy-document.ts'
import type { Alert } from './alert.ts'

export type Selection =
  | { readonly kind: 'selected'; readonly backend: Backend }
  /** Not firing: nothing is to be done, to the backend that it would have selected. */
  | { readonly kind: 'resolved'; readonly backend?: Backend }
  /** `match` does not want it, or it has no target. */
  | { readonly kind: 'unmatched'; readonly reason: 'match' | 'attribute_missing'; readonly detail: string }
  /** It selects something that is no backend. */
  | { readonly kind: 'invalid'; readonly detail: string }

/** Both senders name the API Management service and the backend. */
const DEFAULT_TEMPLATE = '{resourceId}/backends/{BackendId}'
const ATTRIBUTE = /\{([^{}]+)\}/g
/** Enough of a name or value to recognise it by. */
const MAX_SHOWN_CHARS = 80

/** match → template → one backend, if it fires. Pure; who may use the backend is NOT asked here. */
export function selectBackend(alert: Alert, webhook: Webhook): Selection {
  const target = selectTarget(alert, webhook)
  if (alert.firing) return target
  return { kind: 'resolved', ...(target.kind === 'selected' ? { backend: target.backend } : {}) }
}

function selectTarget(alert: Alert, webhook: Webhook): Exclude<Selection, { kind: 'resolved' }> {
  const unwanted = Object.entries(webhook.match ?? {}).find(
    ([name, wanted]) => !matches(alert.attributes.get(name), wanted),
  )
  if (unwanted !== undefined)
    return {
      kind: 'unmatched',
      reason: 'match',
      detail: `match: '${shown(unwanted[0])}' is ${shownValue(alert.attributes.get(unwanted[0]))}`,
    }
  if (webhook.format === 'generic') return parse(alert.backend ?? '')
  return fillIn(webhook.backend ?? DEFAULT_TEMPLATE, alert.attributes)
}

/** The attributes that a template needs, in order. */
export function templateAttributes(template: string): readonly string[] {
  return [...template.matchAll(ATTRIBUTE)].map(([, name = '']) => name)
}

function matches(value: string | undefined, wanted: string | readonly string[]): boolean {
  if (value === undefined) return false
  return [wanted]
    .flat()
    .some((pattern) => (pattern.endsWith('*') ? value.startsWith(pattern.slice(0, -1)) : value === pattern))
}

/** Each value is put in once and never read as a template. It fills one segment; only at the very start may it be a resource id. */
function fillIn(template: string, attributes: Alert['attributes']): Exclude<Selection, { kind: 'resolved' }> {
  const missing = templateAttributes(template).find((name) => attributes.get(name) === undefined)
  if (missing !== undefined) {
    return {
      kind: 'unmatched',
      reason: 'attribute_missing',
      detail: `backend: the alert has no attribute '${shown(missing)}'`,
    }
  }
  let strayed: string | undefined
  const filled = template.replace(ATTRIBUTE, (_, name: string, at: number) => {
    const value = attributes.get(name) ?? ''
    if (at > 0 && value.includes('/')) strayed ??= name
    return value
  })
  if (strayed !== undefined)
    return {
      kind: 'invalid',
      detail: `backend: attribute '${shown(strayed)}' must be one segment of a resource id, and is ${shownValue(attributes.get(strayed))}`,
    }
  return parse(filled)
}

function parse(resourceId: string): Exclude<Selection, { kind: 'resolved' | 'unmatched' }> {
  const backend = parseBackendResourceId(resourceId)
  if (backend.ok) return { kind: 'selected', backend: backend.value }
  const { segment } = backend.error
  const expected =
    segment === 'resourceId'
      ? 'the resource id of an API Management backend'
      : `${segment} as ${SEGMENT_EXPECTATION[segment]}`
  return { kind: 'invalid', detail: `backend: expected ${expected}, got ${shownValue(resourceId)}` }
}

function shownValue(value: string | undefined): string {
  return value === undefined ? 'absent' : `'${shown(value)}'`
}

/** For the author of the rule: bounded, and in printable ASCII. */
function shown(text: string): string {
  const cut = text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS)}...` : text
  return cut.replace(/[^ -~]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
