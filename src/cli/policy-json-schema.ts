import * as z from 'zod/mini'
import { SEGMENT_PATTERNS, type SegmentName } from '../domain/segments.ts'
import { POLICY } from '../policy/policy-schema.ts'

/** A segment's grammar without its outer anchors, for use inside a longer pattern. The `$` inside the backend's remains: a backend ends the text. */
const within = (segment: SegmentName): string => `(?:${SEGMENT_PATTERNS[segment].source.slice(1, -1)})`

/** JSON Schema patterns have no flag for case, so each letter becomes a class of two. */
const anyCase = (word: string): string =>
  word.replace(/[a-z]/gi, (letter) => `[${letter.toUpperCase()}${letter.toLowerCase()}]`).replaceAll('.', '\\.')

/**
 * The checks that parsing does in code, again as patterns, so that an editor underlines what the app would refuse. The tests compare the
 * two with generated texts. What an editor does NOT see: a member name that occurs twice, the length of durations, and that a backend
 * template without attributes is a whole backend id.
 */
const SCOPE =
  `^/${anyCase('subscriptions')}/${within('subscriptionId')}(?:/${anyCase('resourceGroups')}/${within('resourceGroupName')}` +
  `(?:/${anyCase('providers')}/${anyCase('Microsoft.ApiManagement')}/${anyCase('service')}/${within('serviceName')}(?:/${anyCase('backends')}/${within('backendId')})?)?)?$`
const PRINCIPAL = `^(?:(?:app|user|group):${within('subscriptionId')}|role:[!-~]{1,120}|webhook:[a-z0-9\\-]{1,63})$`
const DURATION = '^P(?=[0-9T])(?:[0-9.,]+[YMWD])*(?:T(?:[0-9.,]+[HMS])+)?$'

const PATTERNS: Readonly<Record<string, string>> = {
  scope: SCOPE,
  principal: PRINCIPAL,
  appIds: `^${within('subscriptionId')}$`,
  after: DURATION,
  window: DURATION,
  deliverWithin: DURATION,
}

/** What editors show beside each value that they offer. */
const VALUES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  format: {
    'azure-monitor': 'Azure Monitor action group, common alert schema. Target: {resourceId}/backends/{BackendId}.',
    'event-grid': 'Event Grid circuit-breaker events of API Management. Target: {resourceId}/backends/{BackendId}.',
    alertmanager: 'Prometheus Alertmanager webhook receiver. Needs a backend template.',
    grafana: 'Grafana webhook contact point. Needs a backend template.',
    generic: 'Any tool: {"backends":["<resource id>"]}.',
  },
  type: {
    entra: 'A token of Entra ID, for this app. Needs role, appIds or both.',
    hmac: 'An HMAC-SHA-256 over the body in a header, as Grafana sends it.',
    'standard-webhooks': 'A signature of Standard Webhooks (standardwebhooks.com).',
    bearer: 'A shared secret: Authorization: Bearer.',
    basic: 'A user name and a shared secret: Authorization: Basic.',
    query: 'A shared secret in a query parameter: for senders that can send no header.',
  },
  actions: {
    reconnect: 'Reconnect, also with dry run. The default.',
    read: 'See operations and their history.',
    force: 'Do not join a reconnect that is already scheduled.',
    pause: 'Pause alerts for a while.',
  },
  mode: { on: 'Alerts act. The default.', 'dry-run': 'Alerts are decided and recorded, and nothing is sent.' },
}

type Schema = Record<string, unknown> & { readonly properties?: Readonly<Record<string, Schema>> }

/** The published JSON Schema (draft 2020-12) of the policy document, made from the schema that parses it. */
export function policyJsonSchema(): object {
  return z.toJSONSchema(POLICY, {
    target: 'draft-2020-12',
    io: 'input',
    override({ jsonSchema, path }) {
      const member = String(path.findLast((step) => step !== 'items'))
      const pattern = jsonSchema.type === 'string' ? PATTERNS[member] : undefined
      if (pattern !== undefined) jsonSchema.pattern = pattern
      if (path.length === 0) jsonSchema.title = 'Policy of APIM Reconnect'
      describeValues(jsonSchema as Schema, member)
      offerAllAlternatives(jsonSchema as Schema)
    },
  })
}

/** `enumDescriptions`, which editors of the family of VS Code show; others ignore it, as JSON Schema has them ignore what they do not know. */
function describeValues(schema: Schema, member: string): void {
  const values = schema['enum'] ?? (schema['const'] === undefined ? undefined : [schema['const']])
  const texts = VALUES[member]
  if (!Array.isArray(values) || texts === undefined) return
  schema['enumDescriptions'] = values.map((value) => texts[String(value)] ?? '')
}

/**
 * A union that one member decides names all values of that member beside its alternatives: an editor that looks at the alternative that
 * fits best would otherwise offer the values of that one only.
 */
function offerAllAlternatives(schema: Schema): void {
  const alternatives = schema['oneOf'] as readonly Schema[] | undefined
  if (alternatives === undefined) return
  for (const name of ['type', 'format']) {
    const deciding = alternatives.map(({ properties }) => properties?.[name])
    const values = deciding.flatMap((member) => member?.['enum'] ?? member?.['const'] ?? [])
    if (values.length < alternatives.length) continue
    const { description, errorMessage, examples } = deciding[0] as Schema
    const member: Schema = { type: 'string', enum: values, description, errorMessage, examples }
    describeValues(member, name)
    Object.assign(schema, { type: 'object', required: [name], properties: { [name]: member } })
  }
}
