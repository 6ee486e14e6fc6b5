import { err, ok, type Result } from '../shared/result.ts'
import type { Backend } from './backend-id.ts'
import { foldAscii, isSegment, type SegmentName } from './segments.ts'

declare const parsed: unique symbol

/**
 * Where a grant applies, as in an Azure role assignment: itself and everything below it. A scope runs from a subscription
 * down to one backend; only {@link parseScope} makes one.
 */
export interface Scope {
  readonly [parsed]: true
  /** As written in the policy. */
  readonly resourceId: string
  /** ASCII-folded resource id: equal keys are equal scopes. */
  readonly key: string
}

type Word = { readonly word: string } | { readonly part: SegmentName }

/** The road from a subscription to a backend. A scope ends only behind a whole part, never behind a fixed word. */
const ROAD: readonly Word[] = [
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
  /** What is wrong, in words for the person who writes the policy. */
  readonly expectation: string
}

/** Parses a grant's scope; `/`, management groups, other providers and scopes that end inside a segment are refused. */
export function parseScope(text: string): Result<Scope, ScopeFault> {
  if (!text.startsWith('/')) return err({ expectation: "a resource id that starts with '/subscriptions/<guid>'" })
  const words = text.slice(1).split('/')
  if (words.length > ROAD.length) return err({ expectation: 'nothing below a backend' })
  for (const [index, word] of words.entries()) {
    const step = ROAD[index] as Word
    const matches = 'word' in step ? foldAscii(word) === step.word : isSegment(step.part, word)
    if (!matches)
      return err({ expectation: `${'word' in step ? `'${step.word}'` : step.part} as segment ${index + 1}` })
  }
  const last = ROAD[words.length - 1] as Word
  if ('word' in last) return err({ expectation: `a scope that does not end behind '${last.word}'` })
  return ok({ resourceId: text, key: foldAscii(text) } as Scope)
}

/** The keys of every scope that covers a backend, from the backend itself up to its subscription. */
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

/** Undefined for what is no resource id of an API Management service. */
export function parseServiceScope(text: string): Scope | undefined {
  const scope = parseScope(text)
  return scope.ok && scope.value.key.split('/').length === SERVICE_SCOPE_WORDS ? scope.value : undefined
}

/** The words of `/subscriptions/{}/resourceGroups/{}/providers/Microsoft.ApiManagement/service/{}`, with the empty one in front. */
const SERVICE_SCOPE_WORDS = 9
