/** A member of the policy document: description for editors, expectation for problems, and an example. */
export interface Member {
  readonly description: string
  readonly expectation: string
  readonly example: unknown
}

const GUID = '11111111-2222-3333-4444-555555555555'
const GROUP = `/subscriptions/${GUID}/resourceGroups/rg-apim`
const SERVICE = `${GROUP}/providers/Microsoft.ApiManagement/service/apim-prod`
const GRANT = { principal: 'role:Reconnect.Operator', scope: GROUP, actions: ['reconnect', 'read'] }
const WEBHOOK = { format: 'azure-monitor', authentication: { type: 'entra', role: 'ActionGroupsSecureWebhook' } }

/**
 * All members of the policy document (contract, section 8) by path. List positions are left out, and names that the author chooses are `*`.
 * The schema has its descriptions from here, and a problem its expectation and example.
 */
export const MEMBERS = {
  '': {
    description:
      'What is allowed: who may reconnect which API Management backends, and which alert senders are listened to.',
    expectation: 'a JSON object (plain JSON: no comments, no trailing commas)',
    example: { grants: [GRANT] },
  },
  $schema: {
    description: 'The JSON Schema for editors; not read at run time.',
    expectation: 'a string',
    example: './policy.schema.json',
  },
  grants: {
    description:
      'Works as Azure role assignments do: a scope covers itself and everything below it. Default deny, no wildcards, no deny rules.',
    expectation: 'a list of objects with principal, scope and optionally actions',
    example: [GRANT],
  },
  'grants.principal': {
    description:
      'Who: app:<client id>, user:<object id>, group:<object id>, role:<app role value> or webhook:<name>. Role values are compared as written.',
    expectation:
      "'app:<client id>', 'user:<object id>', 'group:<object id>' (GUIDs), 'role:<app role value>' or 'webhook:<name>' (a-z, 0-9 and hyphens)",
    example: 'role:Reconnect.Operator',
  },
  'grants.scope': {
    description:
      'Where: a resource id from a subscription down to one backend, compared segment by segment and without regard to case.',
    expectation: "a resource id from '/subscriptions/<guid>' down to one backend",
    example: SERVICE,
  },
  'grants.actions': {
    description:
      "What: 'reconnect' (also with dry run), 'read' (operations), 'force' (do not join a reconnect that is on its way), 'pause' (hold back alerts). Default: reconnect.",
    expectation: "a list of one or more of 'reconnect', 'read', 'force', 'pause'",
    example: ['reconnect', 'read'],
  },
  webhooks: {
    description:
      'Alert senders by name; each is reached at POST /alerts/<name> and acts as the principal webhook:<name>.',
    expectation: 'an object of webhooks, each named by 1 to 63 of a-z, 0-9 and hyphen',
    example: { 'azure-monitor': WEBHOOK },
  },
  'webhooks.*': {
    description: 'One alert sender.',
    expectation: 'an object with format and authentication, under a name of 1 to 63 of a-z, 0-9 and hyphen',
    example: WEBHOOK,
  },
  'webhooks.*.format': {
    description: 'The shape of what the sender posts.',
    expectation: "'azure-monitor', 'alertmanager', 'grafana', 'event-grid' or 'generic'",
    example: 'azure-monitor',
  },
  'webhooks.*.mode': {
    description:
      "'dry-run': alerts are decided and recorded, and nothing is sent. Default: 'on'. RECONNECT_MODE overrules.",
    expectation: "'on' or 'dry-run'",
    example: 'dry-run',
  },
  'webhooks.*.effect': {
    description:
      'How later notifications of this sender tell whether a reconnect helped. Defaults depend on the format.',
    expectation: 'an object with any of confirmWithin, resolveLag, settle and confirms',
    example: { confirmWithin: 'PT45M', resolveLag: 'PT15M', settle: 'PT10M', confirms: true },
  },
  'webhooks.*.effect.confirmWithin': {
    description: 'How long after a reconnect was due the sender is given to report recovery: an ISO 8601 duration.',
    expectation: 'a positive ISO 8601 duration of at most 7 days',
    example: 'PT45M',
  },
  'webhooks.*.effect.resolveLag': {
    description: 'How much later than the recovery the sender says resolved: an ISO 8601 duration.',
    expectation: 'an ISO 8601 duration of at most 24 hours; PT0S is allowed',
    example: 'PT15M',
  },
  'webhooks.*.effect.settle': {
    description: 'How long after a reconnect was due a firing alert may still be of the time before it.',
    expectation: 'an ISO 8601 duration of at most 24 hours; PT0S is allowed',
    example: 'PT10M',
  },
  'webhooks.*.effect.confirms': {
    description: "Whether this sender sends 'resolved', so that silence means that the reconnect did not help.",
    expectation: "true or false; a 'generic' sender never confirms, so only false there",
    example: true,
  },
  'webhooks.*.authentication': {
    description: 'How the sender proves itself.',
    expectation: "an object whose type is 'entra', 'hmac', 'standard-webhooks', 'bearer', 'basic' or 'query'",
    example: { type: 'bearer', secret: 'ALERTMANAGER_TOKEN' },
  },
  'webhooks.*.authentication.type': {
    description: 'The kind of proof.',
    expectation: "'entra', 'hmac', 'standard-webhooks', 'bearer', 'basic' or 'query'",
    example: 'bearer',
  },
  'webhooks.*.authentication.role': {
    description: 'App role that the sender’s token must carry.',
    expectation: 'an app role value: up to 120 printable ASCII characters without space',
    example: 'ActionGroupsSecureWebhook',
  },
  'webhooks.*.authentication.appIds': {
    description: 'Client ids of which the sender must be one.',
    expectation: 'a list of one or more client ids (GUIDs)',
    example: [GUID],
  },
  'webhooks.*.authentication.secret': {
    description: 'NAME of the app setting that holds the secret; never the secret itself.',
    expectation:
      'the NAME of an app setting (A-Z, 0-9 and underscore, starting with a letter), never the secret itself',
    example: 'ALERTMANAGER_TOKEN',
  },
  'webhooks.*.authentication.nextSecret': {
    description: 'NAME of the app setting that holds the next secret while it is being rotated.',
    expectation:
      'the NAME of an app setting (A-Z, 0-9 and underscore, starting with a letter), never the secret itself',
    example: 'ALERTMANAGER_TOKEN_NEXT',
  },
  'webhooks.*.authentication.header': {
    description: 'Header that carries the signature. Default: X-Grafana-Alerting-Signature.',
    expectation: 'an HTTP header name',
    example: 'X-Grafana-Alerting-Signature',
  },
  'webhooks.*.authentication.timestampHeader': {
    description: 'Header that carries the signed time in Unix seconds. Without it a recorded alert can be replayed.',
    expectation: 'an HTTP header name',
    example: 'X-Grafana-Alerting-Timestamp',
  },
  'webhooks.*.authentication.toleranceSeconds': {
    description: 'How far the signed time may be from ours. Needs timestampHeader.',
    expectation: 'a whole number of seconds from 1 to 3600, next to a timestampHeader',
    example: 300,
  },
  'webhooks.*.authentication.username': {
    description: 'User name of basic authentication.',
    expectation: 'up to 255 printable ASCII characters without a colon',
    example: 'alertmanager',
  },
  'webhooks.*.authentication.parameter': {
    description: 'Query parameter that carries the secret.',
    expectation: 'up to 64 letters, digits and - . _ ~',
    example: 'code',
  },
  'webhooks.*.backend': {
    description: 'Template of the backend resource id; {name} is replaced by the alert’s attribute of that name.',
    expectation:
      'a resource id with attributes in braces, or one backend; needed for alertmanager and grafana, unknown to generic',
    example: '{resourceId}/backends/{BackendId}',
  },
  'webhooks.*.after': {
    description: 'How much later the gateway reconnects: an ISO 8601 duration. Absent: two minutes.',
    expectation: 'a positive ISO 8601 duration of at most 24 hours',
    example: 'PT2M',
  },
  'webhooks.*.match': {
    description: 'Which alerts act at all: attribute to value or list of values; * at the end matches a prefix.',
    expectation: 'an object of attribute names, each with a text or a list of texts',
    example: { alertRule: 'apim-backend-*' },
  },
  'webhooks.*.match.*': {
    description: 'A value, or a list of values of which one must match; * at the end matches a prefix.',
    expectation: 'a text or a list of one or more texts',
    example: ['apim-backend-*', 'apim-pool-*'],
  },
  limits: {
    description: 'What alerts may cause. People and tools are not limited by it.',
    expectation: 'an object with perBackend, notHelping or both',
    example: { perBackend: { count: 6, window: 'PT1H' }, notHelping: { count: 3 } },
  },
  'limits.notHelping': {
    description: 'After so many reconnects in a row that did not help a backend, its alerts are exhausted. Default: 3.',
    expectation: 'an object with count',
    example: { count: 3 },
  },
  'limits.notHelping.count': {
    description: 'Reconnects of one backend in a row whose verdict is not-recovered.',
    expectation: 'a whole number from 1 to 1000',
    example: 3,
  },
  'limits.perBackend': {
    description:
      'Loop guard: so many reconnects of one backend, caused by alerts, in such a window. Default: 6 in PT1H.',
    expectation: 'an object with count and window',
    example: { count: 6, window: 'PT1H' },
  },
  'limits.perBackend.count': {
    description: 'Reconnects of one backend within the window.',
    expectation: 'a whole number from 1 to 1000',
    example: 6,
  },
  'limits.perBackend.window': {
    description: 'Length of the window: an ISO 8601 duration.',
    expectation: 'a positive ISO 8601 duration of at most 7 days',
    example: 'PT1H',
  },
  deliverWithin: {
    description: 'How long an accepted alert is tried before it is abandoned: an ISO 8601 duration. Default: PT6H.',
    expectation: 'a positive ISO 8601 duration of at most 7 days',
    example: 'PT6H',
  },
} as const satisfies Readonly<Record<string, Member>>

export type Shape = keyof typeof MEMBERS

/** The member at a path, or the nearest one above it. */
export function memberAt(path: readonly PropertyKey[]): Member {
  const names = path.filter((step) => typeof step !== 'number').map(String)
  const shape = names.map((name, depth) => (isChosenByAuthor(names, depth) ? '*' : name))
  while (shape.length > 0 && !Object.hasOwn(MEMBERS, shape.join('.'))) shape.pop()
  return MEMBERS[shape.join('.') as Shape]
}

function isChosenByAuthor(names: readonly string[], depth: number): boolean {
  return names[0] === 'webhooks' && (depth === 1 || (depth === 3 && names[2] === 'match'))
}
