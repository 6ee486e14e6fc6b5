import { parsePolicy, type PolicyDocument } from '../src/policy/policy-document.ts'

export interface Deployment {
  /** Where the policy was looked for. */
  readonly file: string
  /** Its text, if there is one. */
  readonly policy: string | undefined
  /** The azd environment. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

export interface Findings {
  /** The deployed app would refuse every request, or the deployment would fail half-way. */
  readonly errors: readonly string[]
  /** Probably not meant. */
  readonly notes: readonly string[]
}

const GUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i
const APIM_SERVICE =
  /^\/subscriptions\/[0-9a-f-]{36}\/resourceGroups\/[^/]+\/providers\/Microsoft\.ApiManagement\/service\/[^/]+$/i

/** Whether this policy and these settings make an app that works: pure. */
export function findDeploymentProblems({ file, policy: text, environment }: Deployment): Findings {
  const errors: string[] = []
  const notes: string[] = []
  const value = (name: string): string => environment[name]?.trim() ?? ''
  const list = (name: string): readonly string[] =>
    value(name)
      .split(',')
      .filter((part) => part !== '')

  if (!GUID.test(value('ENTRA_CLIENT_ID')))
    errors.push(
      'ENTRA_CLIENT_ID is not set to a GUID. Run npm run entra:register, and set what it prints (docs/deploy.md, step 2).',
    )
  const services = list('APIM_SERVICE_IDS')
  for (const id of services)
    if (!APIM_SERVICE.test(id))
      errors.push(`APIM_SERVICE_IDS: '${id}' is not the resource id of an API Management service.`)
  if (!/^(?:[a-z][a-z0-9]{0,19})?$/.test(value('STORAGE_PREFIX')))
    errors.push('STORAGE_PREFIX must be 1 to 20 of a-z and 0-9, and start with a letter.')
  if (value('BACKEND_ALERT') === 'true')
    for (const name of ['ENTRA_OBJECT_ID', 'ENTRA_IDENTIFIER_URI'])
      if (value(name) === '') errors.push(`${name} is not set, and BACKEND_ALERT needs it.`)

  // An alert about this app would come back to this app.
  if (/\/actionGroups\/ag-apim-reconnect$/i.test(value('OPERATOR_ACTION_GROUP_ID')))
    errors.push('OPERATOR_ACTION_GROUP_ID is the action group that posts to this app. Name another one.')

  if (text === undefined)
    errors.push(
      `There is no ${file}: without a policy the app refuses every request. Begin with a copy of examples/policy.json.`,
    )
  const policy = text === undefined ? undefined : parsePolicy(text)
  if (policy?.ok === false)
    for (const { path, expectation } of policy.error)
      errors.push(`${file}: ${path || 'the document'}: expected ${expectation}.`)
  if (policy?.ok === true) {
    const { required, optional } = secretsOf(policy.value)
    const declared = list('WEBHOOK_SECRETS')
    const missing = required.filter((name) => !declared.includes(name))
    const put = `put them into the vault, then: azd env set WEBHOOK_SECRETS ${[...declared, ...missing].join(',')}`
    // The vault is made by the first provisioning, and its name is then in the environment.
    if (missing.length > 0 && value('KEY_VAULT_NAME') !== '')
      errors.push(`The policy names secrets that WEBHOOK_SECRETS does not list: ${missing.join(', ')}. First ${put}`)
    else if (missing.length > 0)
      notes.push(
        `The policy names secrets that the vault cannot have yet: ${missing.join(', ')}. The app answers 503 until you ${put}, and deploy again.`,
      )
    const unused = declared.filter((name) => ![...required, ...optional].includes(name))
    if (unused.length > 0) notes.push(`WEBHOOK_SECRETS lists what the policy does not name: ${unused.join(', ')}.`)
    for (const { index, scope } of policy.value.grants)
      if (services.length > 0 && !services.some((id) => meet(scope.key, id)))
        notes.push(`grants[${index}] covers none of APIM_SERVICE_IDS.`)
  }
  if (services.length === 0)
    notes.push(
      'APIM_SERVICE_IDS is empty: this deployment does not assign the reconnect role. See infra/modules/apim-access.bicep.',
    )
  return { errors, notes }
}

function secretsOf({ webhooks }: PolicyDocument) {
  const authentications = webhooks.map(({ authentication }) => authentication)
  return {
    required: [...new Set(authentications.flatMap((one) => ('secret' in one ? [one.secret] : [])))],
    optional: [
      ...new Set(
        authentications.flatMap((one) => ('nextSecret' in one && one.nextSecret !== undefined ? [one.nextSecret] : [])),
      ),
    ],
  }
}

/** Whether one of the two covers the other, segment by segment. */
function meet(one: string, other: string): boolean {
  const [a, b] = [`${one}/`.toLowerCase(), `${other}/`.toLowerCase()]
  return a.startsWith(b) || b.startsWith(a)
}
