import { parseServiceScope } from '../domain/scope.ts'
import { foldAscii } from '../domain/segments.ts'
import { err, ok, type Result } from '../shared/result.ts'
import type { Alert, PayloadFault, Reading } from './alert.ts'
import { addMissing, entriesOf, member, members, scalar, shortText } from './json.ts'

const OPENED = 'microsoft.apimanagement.circuitbreaker.opened'
const VALIDATION = 'Microsoft.EventGrid.SubscriptionValidationEvent'
const EXPECTATION = 'an event or a list of events, in the CloudEvents 1.0 or the Event Grid schema'
/** Azure Event Grid, "Endpoint validation": a GUID today. */
const VALIDATION_CODE = /^[!-~]{1,256}$/
/** `data` of other event types may be nested; deeper members are no attributes. */
const MAX_DATA_DEPTH = 4

/**
 * Azure Event Grid, "Azure API Management as an Event Grid source": CloudEvents 1.0 (one event, or a batch) and the Event Grid schema (a list). Attributes:
 * `type`, `subject`, `resourceId`, `BackendId`, `data.*`.
 */
export function readEventGrid(payload: unknown): Result<Reading, PayloadFault> {
  const events = Array.isArray(payload) ? (payload as unknown[]) : [payload]
  if (events.length === 0 || !events.every(isEvent)) return err({ kind: 'malformed', expectation: EXPECTATION })
  const [first] = events
  // It comes alone; among others it is an event that asks for nothing, and hides none of them.
  if (events.length === 1 && member(first, 'eventType') === VALIDATION) {
    const code = member(member(first, 'data'), 'validationCode')
    return typeof code === 'string' && VALIDATION_CODE.test(code)
      ? ok({ kind: 'validation', code })
      : err({ kind: 'malformed', expectation: 'a validation event with a code' })
  }
  return ok({ kind: 'alerts', alerts: events.map(toAlert) })
}

/** `type` in CloudEvents, `eventType` in the Event Grid schema; the documentation's samples write `Type` as well. */
function typeOf(event: unknown): string | undefined {
  return scalar(member(event, 'type') ?? member(event, 'eventType') ?? member(event, 'Type'))
}

function isEvent(event: unknown): boolean {
  return members(event) !== undefined && typeOf(event) !== undefined
}

function toAlert(event: unknown): Alert {
  const data = member(event, 'data')
  const type = typeOf(event) ?? ''
  const subject = scalar(member(event, 'subject'))
  const source = scalar(member(event, 'source') ?? member(event, 'topic'))
  const attributes = new Map<string, string>()
  addMissing(attributes, [
    ['type', type],
    ['subject', subject],
    ['resourceId', source !== undefined && parseServiceScope(source) !== undefined ? source : undefined],
    ['BackendId', member(data, 'backendName') ?? /^\/backends\/([^/]+)$/.exec(subject ?? '')?.[1]],
  ])
  addData(attributes, data, 'data.', MAX_DATA_DEPTH)
  const alertId = shortText(member(event, 'id'))
  return {
    firing: foldAscii(type) === OPENED,
    attributes,
    ...(alertId === undefined ? {} : { alertId }),
    alertRule: type.slice(0, 256),
  }
}

function addData(attributes: Map<string, string>, data: unknown, prefix: string, depth: number): void {
  addMissing(attributes, entriesOf(data), prefix)
  if (depth > 1) for (const [name, value] of entriesOf(data)) addData(attributes, value, `${prefix}${name}.`, depth - 1)
}
