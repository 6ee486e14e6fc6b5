import { parseServiceScope } from '../domain/scope.ts'
import { err, ok, type Result } from '../shared/result.ts'
import type { Alert, PayloadFault } from './alert.ts'
import { addMissing, entriesOf, list, member, members, scalar, shortText } from './json.ts'

const COMMON_SCHEMA = 'azureMonitorCommonAlertSchema'
const EXPECTATION = `an alert in the common alert schema (schemaId '${COMMON_SCHEMA}'): enable it in the action group`

/**
 * Azure Monitor, "Common alert schema". One payload is one alert. Read tolerantly, since the services that write it differ: members may be missing,
 * null or of another type. Attributes: `alertRule`, `severity`, `signalType`, `monitoringService`, `resourceId`; dimensions and, of Managed
 * Prometheus, labels by their names; `customProperties.*`, `annotations.*`.
 */
export function readAzureMonitor(payload: unknown): Result<readonly Alert[], PayloadFault> {
  const data = member(payload, 'data')
  const essentials = members(member(data, 'essentials'))
  if (member(payload, 'schemaId') !== COMMON_SCHEMA || essentials === undefined)
    return err({ kind: 'malformed', expectation: EXPECTATION })
  const context = member(data, 'alertContext')
  const dimensions = dimensionsOf(context)
  const attributes = new Map<string, string>()
  // The alert's own come first: no dimension or label of the same name, which a rule's author chooses, takes their place.
  addMissing(
    attributes,
    ['alertRule', 'severity', 'signalType', 'monitoringService'].map(
      (name) => [name, member(essentials, name)] as const,
    ),
  )
  addMissing(attributes, [['resourceId', serviceIdOf(dimensions, essentials)]])
  addMissing(attributes, entriesOf(member(data, 'customProperties')), 'customProperties.')
  // Log alerts repeat them here; an event's `properties` (activity log, resource health) are something else and come without a condition.
  if (members(member(context, 'condition')) !== undefined)
    addMissing(attributes, entriesOf(member(context, 'properties')), 'customProperties.')
  addMissing(attributes, dimensions)
  addMissing(attributes, entriesOf(member(context, 'labels')))
  addMissing(attributes, entriesOf(member(context, 'annotations')), 'annotations.')
  const alertId = shortText(member(essentials, 'alertId'))
  const alertRule = shortText(member(essentials, 'alertRule'))
  return ok([
    {
      firing: scalar(member(essentials, 'monitorCondition'))?.toLowerCase() === 'fired',
      attributes,
      ...(alertId === undefined ? {} : { alertId }),
      ...(alertRule === undefined ? {} : { alertRule }),
    },
  ])
}

/** Metric and log alerts list them by condition, log alerts of version 1 at the top, with a capital letter. */
function dimensionsOf(context: unknown): readonly (readonly [string, unknown])[] {
  const listed = [...list(member(member(context, 'condition'), 'allOf')), context].flatMap((holder) => [
    ...list(member(holder, 'dimensions')),
    ...list(member(holder, 'Dimensions')),
  ])
  return listed.flatMap((dimension) => {
    const name = scalar(member(dimension, 'name') ?? member(dimension, 'Name'))
    return name === undefined ? [] : [[name, member(dimension, 'value') ?? member(dimension, 'Value')] as const]
  })
}

/** The first API Management service that the alert is about; ids come in any case. */
function serviceIdOf(dimensions: readonly (readonly [string, unknown])[], essentials: unknown): string | undefined {
  const candidates = [
    ...dimensions.filter(([name]) => name === '_ResourceId').map(([, value]) => value),
    ...list(member(essentials, 'alertTargetIDs')),
    ...list(member(essentials, 'configurationItems')),
  ]
  return candidates.find(
    (candidate): candidate is string => typeof candidate === 'string' && parseServiceScope(candidate) !== undefined,
  )
}
