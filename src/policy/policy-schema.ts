import * as z from 'zod/mini'
import { parseBackendResourceId } from '../domain/backend-id.ts'
import { parsePrincipal, type Principal } from '../domain/caller.ts'
import { parseAfter, parseIsoDuration } from '../domain/duration.ts'
import { parseScope, type Scope } from '../domain/scope.ts'
import { isGuid } from '../domain/segments.ts'
import { MEMBERS, type Shape } from './policy-members.ts'

/** Longer than any wait that still helps in an incident. It is also the default lifetime of a message in Azure Queue storage. */
const MAX_WINDOW_MS = 7 * 86_400_000

/** A notification that is later than a day proves nothing about one reconnect. */
const MAX_LAG_MS = 86_400_000

/** Names that are valid in a webhook's path and in its principal. */
const WEBHOOK_NAME = /^[a-z0-9-]{1,63}$/
const SETTING_NAME = /^[A-Z][A-Z0-9_]*$/
/** RFC 9110, section 5.6.2. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/
/** RFC 7617, section 2: a colon would end the user name. */
const USERNAME = /^[ -9;-~]{1,255}$/
const QUERY_PARAMETER = /^[A-Za-z0-9._~-]{1,64}$/
const ROLE = /^[!-~]{1,120}$/
/** Starts as a resource id or with an attribute. Braces are balanced, not nested and not empty, so a backend id that contains braces cannot be written in a template. */
const TEMPLATE = /^(?=[/{])(?:[!-z|~]|\{[^{}]+\}){1,1000}$/

const described = <T extends z.ZodMiniType>(shape: Shape, schema: T): T => {
  const { description, expectation, example } = MEMBERS[shape]
  z.globalRegistry.add(schema, { description, examples: [example], errorMessage: `expected ${expectation}` })
  return schema
}
const text = (shape: Shape, pattern: RegExp) => described(shape, z.string().check(z.regex(pattern)))
const textWhere = (shape: Shape, isValid: (text: string) => boolean) =>
  described(shape, z.string().check(z.refine(isValid)))

const type = <const T extends string>(name: T) => described('webhooks.*.authentication.type', z.literal(name))
const format = <const T extends readonly [string, ...string[]]>(names: T) =>
  described('webhooks.*.format', z.enum(names))

/** A problem that knows more than the member's expectation. The text itself stays out: a problem never carries a value. */
const refuse = (context: { issues: object[] }, input: string, expectation: string): never => {
  context.issues.push({ code: 'custom', input, message: expectation })
  return z.NEVER
}

/** Webhook names have a grammar of their own: a grant to `webhook:Azure_Monitor` could never apply. */
const isGrantable = (text: string): boolean =>
  text.includes(':') && (!text.startsWith('webhook:') || WEBHOOK_NAME.test(text.slice('webhook:'.length)))
const PRINCIPAL = z.pipe(
  described('grants.principal', z.string()),
  z.transform((text, context): Principal => {
    const principal = isGrantable(text) ? parsePrincipal(text) : undefined
    return principal ?? refuse(context, text, MEMBERS['grants.principal'].expectation)
  }),
)
const SCOPE = z.pipe(
  described('grants.scope', z.string()),
  z.transform((text, context): Scope => {
    const scope = parseScope(text)
    return scope.ok ? scope.value : refuse(context, text, scope.error.expectation)
  }),
)
const GRANT = z.strictObject({
  principal: PRINCIPAL,
  scope: SCOPE,
  actions: described(
    'grants.actions',
    z._default(z.array(z.enum(['reconnect', 'read', 'force', 'pause'])).check(z.minLength(1)), ['reconnect']),
  ),
})

const secrets = {
  secret: text('webhooks.*.authentication.secret', SETTING_NAME),
  nextSecret: z.exactOptional(text('webhooks.*.authentication.nextSecret', SETTING_NAME)),
}
const isReplayBounded = (hmac: { timestampHeader?: string; toleranceSeconds?: number }) =>
  hmac.toleranceSeconds === undefined || hmac.timestampHeader !== undefined
const HMAC = z
  .strictObject({
    type: type('hmac'),
    ...secrets,
    header: z.exactOptional(text('webhooks.*.authentication.header', HEADER_NAME)),
    timestampHeader: z.exactOptional(text('webhooks.*.authentication.timestampHeader', HEADER_NAME)),
    toleranceSeconds: z.exactOptional(
      described('webhooks.*.authentication.toleranceSeconds', z.int().check(z.minimum(1), z.maximum(3600))),
    ),
  })
  .check(z.refine(isReplayBounded, { path: ['toleranceSeconds'] }))
z.globalRegistry.add(HMAC, { dependentRequired: { toleranceSeconds: ['timestampHeader'] } })

/** With neither, every application that can get a token for this API would be a sender. */
const namesSender = (entra: { role?: string; appIds?: readonly string[] }) =>
  entra.role !== undefined || entra.appIds !== undefined
const ENTRA = z
  .strictObject({
    type: type('entra'),
    role: z.exactOptional(text('webhooks.*.authentication.role', ROLE)),
    appIds: z.exactOptional(
      described('webhooks.*.authentication.appIds', z.array(z.string().check(z.refine(isGuid))).check(z.minLength(1))),
    ),
  })
  .check(z.refine(namesSender, { error: "'role', 'appIds' or both: otherwise every application is a sender" }))
// Besides the type: one member at least, and there are no others than these two.
z.globalRegistry.add(ENTRA, { minProperties: 2 })

const AUTHENTICATION = described(
  'webhooks.*.authentication',
  z.discriminatedUnion('type', [
    ENTRA,
    HMAC,
    z.strictObject({ type: type('standard-webhooks'), ...secrets }),
    z.strictObject({ type: type('bearer'), ...secrets }),
    z.strictObject({
      type: type('basic'),
      username: text('webhooks.*.authentication.username', USERNAME),
      ...secrets,
    }),
    z.strictObject({
      type: type('query'),
      parameter: text('webhooks.*.authentication.parameter', QUERY_PARAMETER),
      ...secrets,
    }),
  ]),
)
// One definition in the published schema, instead of a copy per format.
z.globalRegistry.add(AUTHENTICATION, { ...z.globalRegistry.get(AUTHENTICATION), id: 'authentication' })

/** The result of a template with attributes is checked for each alert. A template without attributes is one backend and is checked here. */
const BACKEND = described(
  'webhooks.*.backend',
  z.string().check(
    z.regex(TEMPLATE, { abort: true }),
    z.refine((template) => template.includes('{') || parseBackendResourceId(template).ok),
  ),
)
const isDurationUpTo = (maxMs: number) => (text: string) => {
  const duration = parseIsoDuration(text)
  return duration.ok && duration.value.ms <= maxMs
}
const isWindow = (text: string): boolean => {
  const duration = parseIsoDuration(text)
  return duration.ok && duration.value.ms > 0 && duration.value.ms <= MAX_WINDOW_MS
}
/** `generic` alerts are never resolved, so such a sender cannot confirm. */
const effect = (confirms: z.ZodMiniType<boolean>) =>
  described(
    'webhooks.*.effect',
    z.strictObject({
      confirmWithin: z.exactOptional(textWhere('webhooks.*.effect.confirmWithin', isWindow)),
      resolveLag: z.exactOptional(textWhere('webhooks.*.effect.resolveLag', isDurationUpTo(MAX_LAG_MS))),
      settle: z.exactOptional(textWhere('webhooks.*.effect.settle', isDurationUpTo(MAX_LAG_MS))),
      confirms: z.exactOptional(described('webhooks.*.effect.confirms', confirms)),
    }),
  )
const EFFECT = effect(z.boolean())
const MATCHED = z.string().check(z.minLength(1), z.maxLength(1000))
const common = {
  mode: z.exactOptional(described('webhooks.*.mode', z.enum(['on', 'dry-run']))),
  authentication: AUTHENTICATION,
  after: z.exactOptional(textWhere('webhooks.*.after', (text) => parseAfter(text).ok)),
  match: z.exactOptional(
    described(
      'webhooks.*.match',
      z.record(
        z.string().check(z.minLength(1), z.maxLength(200)),
        described('webhooks.*.match.*', z.union([MATCHED, z.array(MATCHED).check(z.minLength(1))])),
      ),
    ),
  ),
}
const WEBHOOK = described(
  'webhooks.*',
  z.discriminatedUnion('format', [
    z.strictObject({
      format: format(['azure-monitor', 'event-grid']),
      ...common,
      effect: z.exactOptional(EFFECT),
      backend: z.exactOptional(BACKEND),
    }),
    // These senders have no attribute that always names the service, so there is no default template.
    z.strictObject({
      format: format(['alertmanager', 'grafana']),
      ...common,
      effect: z.exactOptional(EFFECT),
      backend: BACKEND,
    }),
    // A generic alert carries whole resource ids: a template would be ignored.
    z.strictObject({ format: format(['generic']), ...common, effect: z.exactOptional(effect(z.literal(false))) }),
  ]),
)

const PER_BACKEND = described(
  'limits.perBackend',
  z.strictObject({
    count: described('limits.perBackend.count', z.int().check(z.minimum(1), z.maximum(1000))),
    window: textWhere('limits.perBackend.window', isWindow),
  }),
)
const DEFAULT_PER_BACKEND = { count: 6, window: 'PT1H' }
const NOT_HELPING = described(
  'limits.notHelping',
  z.strictObject({ count: described('limits.notHelping.count', z.int().check(z.minimum(1), z.maximum(1000))) }),
)
const DEFAULT_NOT_HELPING = { count: 3 }

/**
 * The whole document of the contract's section 8. Objects are strict: a misspelled member is a problem, and not a permission that is
 * silently absent. NOT checked: whether the settings of secrets exist and contain a usable secret.
 */
export const POLICY = described(
  '',
  z.strictObject({
    $schema: z.exactOptional(described('$schema', z.string())),
    grants: described('grants', z._default(z.array(GRANT), [])),
    webhooks: described('webhooks', z._default(z.record(z.string().check(z.regex(WEBHOOK_NAME)), WEBHOOK), {})),
    limits: described(
      'limits',
      z._default(
        z.strictObject({
          perBackend: z._default(PER_BACKEND, DEFAULT_PER_BACKEND),
          notHelping: z._default(NOT_HELPING, DEFAULT_NOT_HELPING),
        }),
        { perBackend: DEFAULT_PER_BACKEND, notHelping: DEFAULT_NOT_HELPING },
      ),
    ),
    deliverWithin: z._default(textWhere('deliverWithin', isWindow), 'PT6H'),
  }),
)
