import { parseBackendResourceId } from '../domain/backend-id.ts'
import { toShownPause, type Pause, type PauseId, type ShownPause } from '../domain/pause.ts'
import { parseScope } from '../domain/scope.ts'
import { DELIVERY_KEPT_MS, type UnactedDelivery } from '../domain/unacted-delivery.ts'
import { escapeNonAscii } from '../shared/escape-text.ts'
import { backendRowKeyOf, invertedTime } from './keys.ts'
import type { BackendRow, SeenBackend } from './operator-store.ts'

/** The partitions of lists: `docs/storage.md` says the same in words. No hash of a backend is spelled like this. */
export const LISTS = { from: 'list-', to: 'list.' } as const
export const PAUSES = 'list-pauses'
export const BACKENDS = 'list-backends'
export const deliveriesOf = (webhook: string): string => `list-deliveries-${webhook}`

const DAY_MS = 86_400_000
/** A pause that has ended stays for a day, so that no clock removes one that lasts. */
const PAUSE_STAYS_MS = DAY_MS
/** Backends are listed for 90 days after their last operation; a row is written once a day, and may be late. */
const BACKEND_STAYS_MS = 93 * DAY_MS

interface Keys {
  readonly partitionKey: string
  readonly rowKey: string
}

/** From this time on the row may be removed. Times of one form sort as texts. */
type Expiring<T> = Keys & T & { readonly expires: string }

export function toPauseRow(pause: Pause): Expiring<{ readonly until: string; readonly pause: string }> {
  return {
    partitionKey: PAUSES,
    rowKey: pause.id,
    until: toText(pause.untilEpochMs),
    pause: escapeNonAscii(JSON.stringify(toShownPause(pause))),
    expires: toText(pause.untilEpochMs + PAUSE_STAYS_MS),
  }
}

/** Undefined for a row that this app did not write. */
export function fromPauseRow(row: Record<string, unknown>): Pause | undefined {
  const { pause, rowKey } = row
  if (typeof pause !== 'string' || typeof rowKey !== 'string') return undefined
  const shown = JSON.parse(pause) as ShownPause
  const scope = parseScope(shown.scope)
  if (!scope.ok) return undefined
  return { ...shown, id: rowKey as PauseId, scope: scope.value, untilEpochMs: Date.parse(shown.until) }
}

export function toBackendRow({ backend, seenAtEpochMs }: SeenBackend): Expiring<{ readonly backend: string }> {
  return {
    partitionKey: BACKENDS,
    rowKey: backendRowKeyOf(backend),
    backend: backend.resourceId,
    expires: toText(seenAtEpochMs + BACKEND_STAYS_MS),
  }
}

export function fromBackendRow({ backend, rowKey }: Record<string, unknown>): readonly BackendRow[] {
  const parsed = parseBackendResourceId(String(backend))
  return parsed.ok ? [{ rowKey: String(rowKey), backend: parsed.value }] : []
}

/** Newest first. `mark` tells rows of one millisecond apart. */
export function toDeliveryRow(
  webhook: string,
  delivery: UnactedDelivery,
  mark: string,
): Expiring<{ readonly delivery: string }> {
  const atEpochMs = Date.parse(delivery.at)
  return {
    partitionKey: deliveriesOf(webhook),
    rowKey: `${invertedTime(atEpochMs)}-${mark}`,
    delivery: escapeNonAscii(JSON.stringify(delivery)),
    expires: toText(atEpochMs + DELIVERY_KEPT_MS),
  }
}

export function fromDeliveryRow({ delivery }: Record<string, unknown>): readonly UnactedDelivery[] {
  return typeof delivery === 'string' ? [JSON.parse(delivery) as UnactedDelivery] : []
}

export function toText(epochMs: number): string {
  return new Date(epochMs).toISOString()
}
