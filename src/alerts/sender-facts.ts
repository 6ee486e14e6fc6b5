import { MAX_IDENTITY_CHARS, type Alert } from './alert.ts'
import { toShortText, toText } from './attributes.ts'

/** RFC 3339, section 5.6, with any number of fraction digits: Alertmanager writes up to nine. */
const DATE_TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})$/

/** What a reader found in a payload, each of any type. */
interface FoundFacts {
  readonly alertId: unknown
  readonly alertRule: unknown
  readonly identity?: unknown
  readonly startedAt?: unknown
  readonly endedAt?: unknown
}

export type SenderFacts = Pick<Alert, 'alertId' | 'alertRule' | 'identity' | 'startedAtEpochMs' | 'endedAtEpochMs'>

/** The members of an alert that are for the record and decide nothing about acting. What has the wrong type is absent. */
export function toSenderFacts(found: FoundFacts): SenderFacts {
  const alertId = toShortText(found.alertId)
  const alertRule = toShortText(found.alertRule)
  const identity = toText(found.identity)
  const startedAtEpochMs = parseTime(found.startedAt)
  const endedAtEpochMs = parseTime(found.endedAt)
  return {
    ...(alertId === undefined ? {} : { alertId }),
    ...(alertRule === undefined ? {} : { alertRule }),
    ...(identity === undefined || identity.length > MAX_IDENTITY_CHARS ? {} : { identity }),
    ...(startedAtEpochMs === undefined ? {} : { startedAtEpochMs }),
    ...(endedAtEpochMs === undefined ? {} : { endedAtEpochMs }),
  }
}

/**
 * Epoch milliseconds of a date and time with an offset. Senders write year 1 for "not yet"; a time before 1970 is absent.
 * NOT checked: whether it lies in the future.
 */
function parseTime(value: unknown): number | undefined {
  if (typeof value !== 'string' || !DATE_TIME.test(value)) return undefined
  const epochMs = Date.parse(value)
  return epochMs > 0 ? epochMs : undefined
}
