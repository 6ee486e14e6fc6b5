import { BACKEND_ID, GROUP_ID, SERVICE_ID } from '../domain/ids.ts'

type Path = readonly (string | number)[]

export interface StructuralFault {
  readonly what: string
  readonly path: Path
  readonly value: unknown
  /** The place in the problem, if it is not `path`. */
  readonly reportedAt?: string
}

const at = (what: string, path: Path, ...values: unknown[]): StructuralFault[] =>
  values.map((value) => ({ what, path, value }))
const authentication = (what: string, value: unknown, member: string): StructuralFault => ({
  what,
  path: ['webhooks', 'grafana', 'authentication'],
  value,
  reportedAt: `webhooks.grafana.authentication${member}`,
})

/** Changes to the contract's sample, one each, that both the parser and the published schema refuse. */
export const STRUCTURAL_FAULTS: readonly StructuralFault[] = [
  ...at('an unknown member', ['grant'], []),
  ...at('an unknown member in a grant', ['grants', 0, 'action'], ['read']),
  ...at('an unknown member in a webhook', ['webhooks', 'grafana', 'formats'], 'grafana'),
  ...at('an unknown member in limits', ['limits', 'perService'], {}),
  ...at('grants that are not a list', ['grants'], null, {}, 'role:x', 3),
  ...at('a grant that is not an object', ['grants', 1], null, [], 'role:x'),
  ...at('a missing principal', ['grants', 0, 'principal'], undefined),
  ...at(
    'a text that is not a principal',
    ['grants', 0, 'principal'],
    '',
    'roleX',
    'role',
    'Role:x',
    'role:',
    'role:a b',
    'app:me',
    '*',
    5,
    null,
    'webhook:Azure',
    'webhook:a:b',
    `webhook:${'a'.repeat(64)}`,
  ),
  ...at('a missing scope', ['grants', 2, 'scope'], undefined),
  ...at(
    'a text that is not a scope',
    ['grants', 2, 'scope'],
    '',
    '/',
    '*',
    '/subscriptions',
    7,
    null,
    `${SERVICE_ID}/`,
    `${SERVICE_ID}/backends`,
    `${GROUP_ID}/providers`,
    `${BACKEND_ID}/x`,
    BACKEND_ID.replace('orders', '..'),
    SERVICE_ID.replace('apim-prod', 'apim-*'),
  ),
  ...at('no actions', ['grants', 0, 'actions'], [], 'read', null),
  {
    what: 'an unknown action',
    path: ['grants', 0, 'actions'],
    value: ['reconnect', 'write'],
    reportedAt: 'grants[0].actions[1]',
  },
  {
    what: 'an action in capitals',
    path: ['grants', 0, 'actions'],
    value: ['Read'],
    reportedAt: 'grants[0].actions[0]',
  },
  ...at('webhooks that are a list', ['webhooks'], []),
  {
    what: 'a webhook name in capitals',
    path: ['webhooks', 'Grafana'],
    value: { format: 'generic', authentication: { type: 'bearer', secret: 'S' } },
  },
  {
    what: 'a webhook name that is too long',
    path: ['webhooks', 'g'.repeat(64)],
    value: { format: 'generic', authentication: { type: 'bearer', secret: 'S' } },
    reportedAt: `webhooks["${'g'.repeat(63)}"...]`,
  },
  { what: 'an unknown format', path: ['webhooks', 'grafana', 'format'], value: 'prometheus' },
  { what: 'a missing format', path: ['webhooks', 'grafana', 'format'], value: undefined },
  ...at('a missing authentication', ['webhooks', 'grafana', 'authentication'], undefined, null, 'bearer'),
  ...at(
    'a backend template that is missing where there is no default',
    ['webhooks', 'grafana', 'backend'],
    undefined,
    '',
    'x/{y}',
    '{',
    '{}',
    '{a',
    'a}',
    '{a{b}}',
    'https://x/{a}',
    '/a b/{c}',
  ),
  {
    what: 'a backend template for a generic webhook',
    path: ['webhooks', 'grafana', 'format'],
    value: 'generic',
    reportedAt: 'webhooks.grafana.backend',
  },
  ...at('an after that is no duration', ['webhooks', 'alertmanager', 'after'], '', '2m', 'PT', '-PT2M', 120),
  ...at('a match that is no object', ['webhooks', 'azure-monitor', 'match'], [], 'x'),
  ...at('a match against nothing', ['webhooks', 'azure-monitor', 'match', 'alertRule'], [], '', 5, null, { not: 'x' }),
  authentication('an unknown proof', { type: 'none' }, '.type'),
  authentication('a proof without type', { secret: 'A' }, '.type'),
  authentication('a secret that is missing', { type: 'bearer' }, '.secret'),
  authentication(
    'a value where the name of a secret belongs',
    { type: 'bearer', secret: 'hunter2-hunter2-hunter2' },
    '.secret',
  ),
  authentication('a name of a secret that starts with a digit', { type: 'bearer', secret: '1A' }, '.secret'),
  authentication(
    'a next secret that is a value',
    { type: 'standard-webhooks', secret: 'A', nextSecret: 'whsec_x' },
    '.nextSecret',
  ),
  authentication('a member of another proof', { type: 'bearer', secret: 'A', header: 'X' }, '.header'),
  authentication('a header that is none', { type: 'hmac', secret: 'A', header: 'X Y' }, '.header'),
  authentication(
    'a time-stamp header that is none',
    { type: 'hmac', secret: 'A', timestampHeader: 'X:' },
    '.timestampHeader',
  ),
  authentication(
    'a tolerance without time stamp',
    { type: 'hmac', secret: 'A', toleranceSeconds: 300 },
    '.toleranceSeconds',
  ),
  authentication(
    'a tolerance of nothing',
    { type: 'hmac', secret: 'A', timestampHeader: 'X', toleranceSeconds: 0 },
    '.toleranceSeconds',
  ),
  authentication(
    'a tolerance of nothing without time stamp',
    { type: 'hmac', secret: 'A', toleranceSeconds: 0 },
    '.toleranceSeconds',
  ),
  authentication(
    'a tolerance of a fraction',
    { type: 'hmac', secret: 'A', timestampHeader: 'X', toleranceSeconds: 1.5 },
    '.toleranceSeconds',
  ),
  authentication(
    'a tolerance as text',
    { type: 'hmac', secret: 'A', timestampHeader: 'X', toleranceSeconds: '300' },
    '.toleranceSeconds',
  ),
  authentication('a user name with a colon', { type: 'basic', username: 'a:b', secret: 'A' }, '.username'),
  authentication('a missing user name', { type: 'basic', secret: 'A' }, '.username'),
  authentication(
    'a query parameter that needs encoding',
    { type: 'query', parameter: 'a&b', secret: 'A' },
    '.parameter',
  ),
  authentication('an app id that is no GUID', { type: 'entra', appIds: ['AzNS'] }, '.appIds[0]'),
  authentication('a sender from Entra that is not told from others', { type: 'entra' }, ''),
  ...at('a mode that a webhook cannot have', ['webhooks', 'grafana', 'mode'], 'off', 'dry_run', true, null),
  ...at('an effect that is no object', ['webhooks', 'grafana', 'effect'], 'PT5M', [], null),
  ...at('an unknown member in effect', ['webhooks', 'grafana', 'effect'], { within: 'PT5M' }).map((fault) => ({
    ...fault,
    reportedAt: 'webhooks.grafana.effect.within',
  })),
  ...['confirmWithin', 'resolveLag', 'settle', 'confirms'].map((member) => ({
    what: `a ${member} of another type`,
    path: ['webhooks', 'grafana', 'effect'],
    value: { [member]: 5 },
    reportedAt: `webhooks.grafana.effect.${member}`,
  })),
  ...at('a count of reconnects that did not help', ['limits', 'notHelping'], { count: 0 }, { count: '3' }, {}).map(
    (fault) => ({ ...fault, reportedAt: 'limits.notHelping.count' }),
  ),
  authentication('no app ids', { type: 'entra', appIds: [] }, '.appIds'),
  authentication('an app role with a space', { type: 'entra', role: 'a b' }, '.role'),
  ...at('a limit without count', ['limits', 'perBackend', 'count'], undefined, 0, -1, 1.5, '6', 1001, null),
  ...at('a limit without window', ['limits', 'perBackend', 'window'], undefined, '', '1h', 60),
  ...at('a deliverWithin that is no duration', ['deliverWithin'], '', '6h', 6, null),
  ...at('a schema that is no text', ['$schema'], 5, null),
]
