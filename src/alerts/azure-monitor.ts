import { parseServiceScope } from '../domain/scope.ts'
import { foldAscii } from '../domain/segments.ts'
import { asObject, elementsOf, entriesOf, member } from '../shared/json.ts'
import { err, ok, type Result } from '../shared/result.ts'
import type { Alert, Condition, PayloadFault } from './alert.ts'
import { addMissing, toText } from './attributes.ts'
import { toSenderFacts } from './sender-facts.ts'

const COMMON_SCHEMA = 'azureMonitorCommonAlertSchema'
const EXPECTATION = `an alert in the common alert schema (schemaId '${COMMON_SCHEMA}'): enable it in the action group`

/**
 * Azure Monitor, "Common alert schema". One payload is one alert. The services that write it differ, so members may be missing, null or of
 * another type. Attributes: `alertRule`, `severity`, `signalType`, `monitoringService`, `resourceId`; dimensions and, of Managed
 * Prometheus, labels by their names; `customProperties.*`, `annotations.*`.
 */
export function readAzureMonitor(payload: unknown): Result<readonly Alert[], PayloadFault> {
  const data = member(payload, 'data')
  const essentials = asObject(member(data, 'essentials'))
  if (member(payload, 'schemaId') !== COMMON_SCHEMA || essentials === undefined)
    return err({ kind: 'malformed', expectation: EXPECTATION })
  const alertId = member(essentials, 'alertId')
  return ok([
    {
      condition: CONDITIONS.get(foldAscii(toText(member(essentials, 'monitorCondition')) ?? '')) ?? 'other',
      attributes: attributesOf(data, essentials),
      ...toSenderFacts({
        alertId,
        alertRule: member(essentials, 'alertRule'),
        // A resource id, whose letter case may differ between two notifications.
        identity: typeof alertId === 'string' ? foldAscii(alertId) : undefined,
        startedAt: member(essentials, 'firedDateTime'),
        endedAt: member(essentials, 'resolvedDateTime'),
      }),
    },
  ])
}

const CONDITIONS: ReadonlyMap<string, Condition> = new Map([
  ['fired', 'firing'],
  ['resolved', 'resolved'],
])

function attributesOf(data: unknown, essentials: unknown): ReadonlyMap<string, string> {
  const context = member(data, 'alertContext')
  const dimensions = dimensionsOf(context)
  const attributes = new Map<string, string>()
  // The alert's own facts come first: a dimension or label of the same name, which the author of a rule chooses, does not replace them.
  addMissing(
    attributes,
    ['alertRule', 'severity', 'signalType', 'monitoringService'].map(
      (name) => [name, member(essentials, name)] as const,
    ),
  )
  addMissing(attributes, [['resourceId', serviceIdOf(dimensions, essentials)]])
  addMissing(attributes, entriesOf(member(data, 'customProperties')), 'customProperties.')
  // Log alerts repeat custom properties here. Activity log and resource health alerts have no condition, and their `properties` are the event's.
  if (asObject(member(context, 'condition')) !== undefined)
    addMissing(attributes, entriesOf(member(context, 'properties')), 'customProperties.')
  addMissing(attributes, dimensions)
  addMissing(attributes, entriesOf(member(context, 'labels')))
  addMissing(attributes, entriesOf(member(context, 'annotations')), 'annotations.')
  return attributes
}

/** Metric and log alerts have a list per condition; log alerts of version 1 have one beside it, with a capital letter. */
function dimensionsOf(context: unknown): readonly (readonly [name: string, value: unknown])[] {
  const holders = [...elementsOf(member(member(context, 'condition'), 'allOf')), context]
  return holders
    .flatMap((holder) => ['dimensions', 'Dimensions'].flatMap((name) => elementsOf(member(holder, name))))
    .flatMap((dimension) => {
      const name = toText(member(dimension, 'name') ?? member(dimension, 'Name'))
      return name === undefined ? [] : [[name, member(dimension, 'value') ?? member(dimension, 'Value')] as const]
    })
}

/** The first API Management service id that the alert names. Its letters may be in any case. */
function serviceIdOf(
  dimensions: readonly (readonly [name: string, value: unknown])[],
  essentials: unknown,
): string | undefined {
  const candidates = [
    ...dimensions.filter(([name]) => name === '_ResourceId').map(([, value]) => value),
    ...elementsOf(member(essentials, 'alertTargetIDs')),
    ...elementsOf(member(essentials, 'configurationItems')),
  ]
  return candidates.find(
    (candidate): candidate is string => typeof candidate === 'string' && parseServiceScope(candidate) !== undefined,
  )
}
