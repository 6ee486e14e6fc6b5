import { parseBackendResourceId, type Backend } from '../domain/backend-id.ts'
import { SEGMENT_EXPECTATION } from '../domain/segments.ts'
import type { Webhook } from '../policy/policy-document.ts'
import { excerpt } from '../shared/escape-text.ts'
import { isFiring, type Alert } from './alert.ts'

export type Selection =
  | { readonly kind: 'selected'; readonly backend: Backend }
  /** The alert does not fire; `backend` is the one that it would select. */
  | { readonly kind: 'resolved'; readonly backend?: Backend }
  /** `match` excludes the alert, or it has no target. */
  | { readonly kind: 'unmatched'; readonly reason: 'match' | 'attribute_missing'; readonly detail: string }
  /** It selects something that is not a backend. */
  | { readonly kind: 'invalid'; readonly detail: string }

/** For senders that name both the API Management service and the backend. */
const DEFAULT_TEMPLATE = '{resourceId}/backends/{BackendId}'
const ATTRIBUTE = /\{([^{}]+)\}/g
/** Enough to recognise a name or value by. */
const MAX_SHOWN_CHARS = 80

/** match → template → one backend, if the alert fires. Pure. NOT checked: whether the webhook may use the backend. */
export function selectBackend(alert: Alert, webhook: Webhook): Selection {
  const target = selectTarget(alert, webhook)
  if (isFiring(alert)) return target
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

/**
 * Replaces each attribute by its value, once: a value is never read as a template. A value fills one segment; only one at the start of the
 * template may contain `/`.
 */
function fillIn(template: string, attributes: Alert['attributes']): Exclude<Selection, { kind: 'resolved' }> {
  const missing = templateAttributes(template).find((name) => attributes.get(name) === undefined)
  if (missing !== undefined) {
    return {
      kind: 'unmatched',
      reason: 'attribute_missing',
      detail: `backend: the alert has no attribute '${shown(missing)}'`,
    }
  }
  let tooLong: string | undefined
  const filled = template.replace(ATTRIBUTE, (_, name: string, at: number) => {
    const value = attributes.get(name) ?? ''
    if (at > 0 && value.includes('/')) tooLong ??= name
    return value
  })
  if (tooLong !== undefined)
    return {
      kind: 'invalid',
      detail: `backend: attribute '${shown(tooLong)}' must be one segment of a resource id, and is ${shownValue(attributes.get(tooLong))}`,
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
  return excerpt(text, MAX_SHOWN_CHARS)
}
