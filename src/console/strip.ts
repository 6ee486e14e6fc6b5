import type { Operation } from './api-types.ts'
import { statusOf, type Tone } from './operation-text.ts'

export const STRIP_MS = 24 * 3_600_000
/** Marks closer than this are one mark. */
const SLOTS = 96

export interface Strip {
  readonly backend: string
  readonly count: number
  /** Position from 0 (24 hours ago) to 1 (now), and the worst that happened there. */
  readonly marks: readonly { readonly position: number; readonly tone: Tone }[]
  /** The same for screen readers. */
  readonly text: string
}

const WORST: readonly Tone[] = ['bad', 'busy', 'good', 'quiet']

/** The last 24 hours, one strip per backend, the busiest first. */
export function stripsOf(operations: readonly Operation[], nowEpochMs: number): readonly Strip[] {
  const byBackend = new Map<string, Operation[]>()
  for (const operation of operations) {
    const ageMs = nowEpochMs - Date.parse(operation.requestedAt)
    // A dry run of this page is no event of the backend.
    if (!(ageMs >= 0 && ageMs <= STRIP_MS) || operation.state === 'dry-run') continue
    const key = operation.backend.toLowerCase()
    byBackend.set(key, [...(byBackend.get(key) ?? []), operation])
  }
  return [...byBackend.values()]
    .map((own) => toStrip(own, nowEpochMs))
    .toSorted((left, right) => right.count - left.count || left.backend.localeCompare(right.backend))
}

function toStrip(own: readonly Operation[], nowEpochMs: number): Strip {
  const slots = new Map<number, Tone>()
  let bad = 0
  for (const operation of own) {
    const { tone } = statusOf(operation, nowEpochMs)
    if (tone === 'bad') bad += 1
    const ageMs = nowEpochMs - Date.parse(operation.requestedAt)
    const slot = Math.min(SLOTS - 1, Math.floor((1 - ageMs / STRIP_MS) * SLOTS))
    const before = slots.get(slot) ?? 'quiet'
    slots.set(slot, WORST.indexOf(tone) < WORST.indexOf(before) ? tone : before)
  }
  return {
    backend: own[0]?.backend ?? '',
    count: own.length,
    marks: [...slots]
      .toSorted(([left], [right]) => left - right)
      .map(([slot, tone]) => ({ position: slot / SLOTS, tone })),
    text: `${own.length} ${own.length === 1 ? 'operation' : 'operations'} in the last 24 hours${bad > 0 ? `, ${bad} of them ${bad === 1 ? 'needs' : 'need'} attention` : ''}`,
  }
}
