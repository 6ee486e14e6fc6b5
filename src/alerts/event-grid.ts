import { parseServiceScope } from '../domain/scope.ts'
import { foldAscii } from '../domain/segments.ts'
import { asObject, elementsOf, entriesOf, member } from '../shared/json.ts'
import { err, ok, type Result } from '../shared/result.ts'
import type { Alert, Condition, PayloadFault, Reading } from './alert.ts'
import { addMissing, toText } from './attributes.ts'
import { toSenderFacts } from './sender-facts.ts'

const VALIDATION = 'Microsoft.EventGrid.SubscriptionValidationEvent'
const EXPECTATION = 'an event or a list of events, in the CloudEvents 1.0 or the Event Grid schema'
/** Azure Event Grid, "Endpoint validation": a GUID today. */
const VALIDATION_CODE = /^[!-~]{1,256}$/

/**
 * Azure Event Grid, "Azure API Management as an Event Grid source": CloudEvents 1.0 (one event, or a batch) and the Event Grid schema (a list).
 * Attributes: `type`, `subject`, `resourceId`, `BackendId`, `data.*` (the members of `data` that are no objects or lists).
 */
export function readEventGrid(payload: unknown): Result<Reading, PayloadFault> {
  const events = Array.isArray(payload) ? elementsOf(payload) : [payload]
  if (events.length === 0 || !events.every(isEvent)) return err({ kind: 'malformed', expectation: EXPECTATION })
  const [first] = events
  // A validation event comes alone. Among others it is an event like any other, so that it hides none of them.
  if (events.length === 1 && member(first, 'eventType') === VALIDATION) {
    const code = member(member(first, 'data'), 'validationCode')
    return typeof code === 'string' && VALIDATION_CODE.test(code)
      ? ok({ kind: 'validation', code })
      : err({ kind: 'malformed', expectation: 'a validation event with a code' })
  }
  return ok({ kind: 'alerts', alerts: events.map(toAlert) })
}

/** `type` in CloudEvents, `eventType` in the Event Grid schema; the documentation's samples also have `Type`. */
function typeOf(event: unknown): string | undefined {
  return toText(member(event, 'type') ?? member(event, 'eventType') ?? member(event, 'Type'))
}

function isEvent(event: unknown): boolean {
  return asObject(event) !== undefined && typeOf(event) !== undefined
}

function toAlert(event: unknown): Alert {
  const data = member(event, 'data')
  const type = typeOf(event) ?? ''
  const condition = CONDITIONS.get(foldAscii(type)) ?? 'other'
  const subject = toText(member(event, 'subject'))
  const source = toText(member(event, 'source') ?? member(event, 'topic'))
  const time = member(event, 'time') ?? member(event, 'eventTime') ?? member(event, 'Time')
  const attributes = new Map<string, string>()
  addMissing(attributes, [
    ['type', type],
    ['subject', subject],
    ['resourceId', source !== undefined && parseServiceScope(source) !== undefined ? source : undefined],
    ['BackendId', member(data, 'backendName') ?? /^\/backends\/([^/]+)$/.exec(subject ?? '')?.[1]],
  ])
  addMissing(attributes, entriesOf(data), 'data.')
  return {
    condition,
    attributes,
    ...toSenderFacts({
      alertId: member(event, 'id'),
      alertRule: type,
      ...(condition === 'firing' ? { startedAt: time } : {}),
      ...(condition === 'closed' ? { endedAt: time } : {}),
    }),
  }
}

const CONDITIONS: ReadonlyMap<string, Condition> = new Map([
  ['microsoft.apimanagement.circuitbreaker.opened', 'firing'],
  ['microsoft.apimanagement.circuitbreaker.closed', 'closed'],
])
