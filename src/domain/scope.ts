import { err, ok, type Result } from '../shared/result.ts'
import type { Backend } from './backend-id.ts'
import { foldAscii, isSegment, type SegmentName } from './segments.ts'

declare const parsed: unique symbol

/**
 * Where a grant applies: to this resource and everything below it, as in an Azure role assignment. A scope is a subscription, a resource
 * group, a service or a backend. Only {@link parseScope} makes one.
 */
export interface Scope {
  readonly [parsed]: true
  /** As written in the policy. */
  readonly resourceId: string
  /** The resource id with ASCII letters folded: equal keys are equal scopes. */
  readonly key: string
}

type Word = { readonly word: string } | { readonly part: SegmentName }

/** The segments from a subscription down to a backend. A scope ends after a part, never after a fixed word. */
const SEGMENTS: readonly Word[] = [
  { word: 'subscriptions' },
  { part: 'subscriptionId' },
  { word: 'resourcegroups' },
  { part: 'resourceGroupName' },
  { word: 'providers' },
  { word: 'microsoft.apimanagement' },
  { word: 'service' },
  { part: 'serviceName' },
  { word: 'backends' },
  { part: 'backendId' },
]

export interface ScopeFault {
  /** What was expected, for the author of the policy. */
  readonly expectation: string
}

/** Parses a grant's scope. Refused: `/`, management groups, other providers, and scopes that end inside a segment. */
export function parseScope(text: string): Result<Scope, ScopeFault> {
  if (!text.startsWith('/')) return err({ expectation: "a resource id that starts with '/subscriptions/<guid>'" })
  const words = text.slice(1).split('/')
  if (words.length > SEGMENTS.length) return err({ expectation: 'nothing below a backend' })
  for (const [index, word] of words.entries()) {
    const step = SEGMENTS[index] as Word
    const matches = 'word' in step ? foldAscii(word) === step.word : isSegment(step.part, word)
    if (!matches)
      return err({ expectation: `${'word' in step ? `'${step.word}'` : step.part} as segment ${index + 1}` })
  }
  const last = SEGMENTS[words.length - 1] as Word
  if ('word' in last) return err({ expectation: `a scope that does not end after '${last.word}'` })
  return ok({ resourceId: text, key: foldAscii(text) } as Scope)
}

/** The keys of the four scopes that cover a backend, from the backend up to its subscription. */
export function scopeKeysCovering(backend: Backend): readonly [string, string, string, string] {
  const key = backend.key
  const service = key.slice(0, key.length - '/backends/'.length - backend.backendId.length)
  const group = service.slice(
    0,
    service.length - '/providers/microsoft.apimanagement/service/'.length - backend.serviceName.length,
  )
  const subscription = group.slice(0, group.length - '/resourcegroups/'.length - backend.resourceGroupName.length)
  return [key, service, group, subscription]
}

/** The keys of the scopes that cover a scope: itself first, its subscription last. */
export function scopeKeysAt({ key }: Scope): readonly string[] {
  const words = key.split('/')
  return SCOPE_WORDS.filter((count) => count <= words.length).map((count) => words.slice(0, count).join('/'))
}

/** Whether `outer` is `inner`, or a scope above it. */
export function isWithin(inner: Scope, outer: Scope): boolean {
  return scopeKeysAt(inner).includes(outer.key)
}

/** Undefined if the text is not the resource id of an API Management service. */
export function parseServiceScope(text: string): Scope | undefined {
  const scope = parseScope(text)
  return scope.ok && scope.value.key.split('/').length === SERVICE_SCOPE_WORDS ? scope.value : undefined
}

/** Segments of `/subscriptions/{}/resourceGroups/{}/providers/Microsoft.ApiManagement/service/{}`, with the empty one before the first `/`. */
const SERVICE_SCOPE_WORDS = 9
/** The same for a backend, a service, a resource group and a subscription. */
const SCOPE_WORDS = [11, SERVICE_SCOPE_WORDS, 5, 3]
