import { parseBackendResourceId, type Backend } from '../domain/backend-id.ts'
import { toShownPause, type Pause, type PauseId } from '../domain/pause.ts'
import { parseScope } from '../domain/scope.ts'
import { DELIVERY_KEPT_MS, type UnactedDelivery } from '../domain/unacted-delivery.ts'
import { escapeNonAscii } from '../shared/escape-text.ts'
import { toRfc3339 } from '../shared/rfc3339.ts'
import { backendRowKeyOf, invertedTime } from './keys.ts'
import { readDelivery, readPause } from './row-schema.ts'
import type { SeenBackend } from './operator-store.ts'

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
    until: toRfc3339(pause.untilEpochMs),
    pause: escapeNonAscii(JSON.stringify(toShownPause(pause))),
    expires: toRfc3339(pause.untilEpochMs + PAUSE_STAYS_MS),
  }
}

/** Undefined: the row cannot be read. */
export function fromPauseRow({ pause, rowKey }: Record<string, unknown>): Pause | undefined {
  const shown = readPause(pause)
  const scope = parseScope(shown?.scope ?? '')
  if (shown === undefined || !scope.ok) return undefined
  return { ...shown, id: String(rowKey) as PauseId, scope: scope.value, untilEpochMs: Date.parse(shown.until) }
}

export function toBackendRow({ backend, seenAtEpochMs }: SeenBackend): Expiring<{ readonly backend: string }> {
  return {
    partitionKey: BACKENDS,
    rowKey: backendRowKeyOf(backend),
    backend: backend.resourceId,
    expires: toRfc3339(seenAtEpochMs + BACKEND_STAYS_MS),
  }
}

/** Undefined: the row cannot be read. */
export function fromBackendRow({ backend }: Record<string, unknown>): Backend | undefined {
  const parsed = parseBackendResourceId(String(backend))
  return parsed.ok ? parsed.value : undefined
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
    expires: toRfc3339(atEpochMs + DELIVERY_KEPT_MS),
  }
}

/** Undefined: the row cannot be read. */
export function fromDeliveryRow({ delivery }: Record<string, unknown>): UnactedDelivery | undefined {
  return readDelivery(delivery)
}
