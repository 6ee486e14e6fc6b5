import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PROJECT_ROOT } from '../../sandbox/create-sandbox.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { INFRA, TENANT, type Predicted } from './bicep.ts'

/** The azd environments of three deployments: the smallest, everything, and a private network with services in two subscriptions. */
export const CLIENT_ID = '11111111-0000-4000-8000-000000000001'
export const POLICY = readFileSync(join(PROJECT_ROOT, 'examples/policy.json'), 'utf8')
const serviceId = (subscription: number, name: string): string =>
  `/subscriptions/2222222${subscription}-0000-4000-8000-000000000001/resourceGroups/rg-apim-${subscription}/providers/Microsoft.ApiManagement/service/${name}`
export const [ONE, TWO] = [serviceId(1, 'apim-one'), serviceId(2, 'apim-two')]

export const SMALLEST = { AZURE_ENV_NAME: 'small', AZURE_LOCATION: 'westeurope', ENTRA_CLIENT_ID: CLIENT_ID }
export const EVERYTHING = {
  ...SMALLEST,
  AZURE_ENV_NAME: 'full',
  APIM_SERVICE_IDS: ONE,
  SEND_GATEWAY_LOGS: 'true',
  ENTRA_AUDIENCES: 'api://x',
  ENTRA_OBJECT_ID: '33333333-0000-4000-8000-000000000001',
  ENTRA_IDENTIFIER_URI: `api://${TENANT}/apim-reconnect-full`,
  CONSOLE_CLIENT_ID: CLIENT_ID,
  RECONNECT_MODE: 'on',
  PUBLIC_URL: 'https://reconnect.contoso.example',
  WEBHOOK_SECRETS: 'ALERTMANAGER_TOKEN,ALERTMANAGER_TOKEN_NEXT,GRAFANA_HMAC,EVENT_GRID_SECRET,DEPLOYMENTS_KEY',
  STORAGE_PREFIX: 'blue',
  NODE_VERSION: '22',
  ALWAYS_READY_HTTP: '1',
  ALWAYS_READY_DELIVER: '1',
  ZONE_REDUNDANT: 'true',
  VAULT_PURGE_PROTECTION: 'true',
  BACKEND_ALERT: 'true',
  OPERATOR_EMAILS: 'on-call@contoso.example,team@contoso.example',
  OPERATOR_ACTION_GROUP_ID: '/subscriptions/x/resourceGroups/y/providers/Microsoft.Insights/actionGroups/on-call',
  AVAILABILITY_TEST: 'true',
}
export const PRIVATE = {
  ...SMALLEST,
  AZURE_ENV_NAME: 'private',
  APIM_SERVICE_IDS: `${ONE},${TWO}`,
  PRIVATE_NETWORK: 'true',
  RECONNECT_ROLE_GUID: '44444444-0000-4000-8000-000000000001',
  WORKSPACE_ID: '/subscriptions/x/resourceGroups/y/providers/Microsoft.OperationalInsights/workspaces/central',
}

export const ALERT_QUERIES = [
  'alert-abandoned.kql',
  'alert-exhausted.kql',
  'alert-not-recovered.kql',
  'alert-own-fault.kql',
  'alert-own-identity-refused.kql',
]
export const query = (name: string): string => readFileSync(join(INFRA, 'queries', name), 'utf8')

/** Read by the Functions host or by the platform. */
export const PLATFORM_SETTINGS = [
  'APPLICATIONINSIGHTS_CONNECTION_STRING',
  'APPLICATIONINSIGHTS_AUTHENTICATION_STRING',
  'AzureWebJobsStorage__blobServiceUri',
  'AzureWebJobsDisableHomepage',
  'FUNCTIONS_REQUEST_BODY_SIZE_LIMIT',
]
/** Settings that Flex Consumption refuses or ignores ("Flex Consumption plan deprecations" of the app settings reference). */
export const DEPRECATED_SETTINGS =
  /^(?:FUNCTIONS_EXTENSION_VERSION|FUNCTIONS_WORKER_RUNTIME.*|WEBSITE_RUN_FROM_PACKAGE|WEBSITE_CONTENT.*|WEBSITE_NODE_DEFAULT_VERSION|SCM_DO_BUILD_DURING_DEPLOYMENT|ENABLE_ORYX_BUILD|FUNCTIONS_WORKER_PROCESS_COUNT|FUNCTIONS_MAX_HTTP_CONCURRENCY|WEBSITE_VNET_ROUTE_ALL|WEBSITE_DNS_SERVER|WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT|WEBSITE_TIME_ZONE)$/
export const IDENTITY_CLIENT_ID = '55555555-0000-4000-8000-000000000001'

export const all = (resources: readonly Predicted[], type: string): readonly Predicted[] =>
  resources.filter((resource) => resource.type === type)
export function one(resources: readonly Predicted[], type: string): Predicted {
  const [found, ...more] = all(resources, type)
  assert.ok(found !== undefined && more.length === 0, `${more.length + (found === undefined ? 0 : 1)} of ${type}`)
  return found
}
export function named(resources: readonly Predicted[], name: string): Predicted {
  return resources.find((resource) => resource.name === name) ?? assert.fail(`no ${name}`)
}
export const settingsOf = (resources: readonly Predicted[]) =>
  one(resources, 'Microsoft.Web/sites/config').properties as Record<string, string>

/** The last name of a resource id that is not of the resource itself: the service, or the resource group. */
export function serviceOf(id: string): string | undefined {
  return /\/service\/([^/']+)/.exec(id)?.[1] ?? /\/resourceGroups\/([^/]+)/.exec(id)?.[1]
}

export function assignments(resources: readonly Predicted[]) {
  return all(resources, 'Microsoft.Authorization/roleAssignments').map(({ id, properties }) => ({
    on: (
      /^\[extensionResourceId\('([^']+)'/.exec(id)?.[1] ?? id.slice(0, id.indexOf('/providers/Microsoft.Authorization'))
    )
      .split('/')
      .at(-1) as string,
    role: String(properties.roleDefinitionId),
    principal: String(properties.principalId),
    principalType: String(properties.principalType),
  }))
}

/** The settings as Azure would fill them in. */
export function resolved(resources: readonly Predicted[]): Record<string, string> {
  const values: [RegExp, string][] = [
    [/^\[reference\(.+\)\.primaryEndpoints\.(blob|queue|table)\]$/, 'https://st.$1.core.windows.net/'],
    [/^\[reference\(.+userAssignedIdentities.+\)\.clientId\]$/, IDENTITY_CLIENT_ID],
    [
      /^\[reference\(.+\)\.ConnectionString\]$/,
      'IngestionEndpoint=https://westeurope.in.applicationinsights.azure.com/',
    ],
    [/^\[format\('ClientId=\{0\};Authorization=AAD', .+\]$/, `ClientId=${IDENTITY_CLIENT_ID};Authorization=AAD`],
    [/^\[format\('https:\/\/\{0\}', reference\(.+\)\.defaultHostName\)\]$/, 'https://func.azurewebsites.net'],
    [/^\[take\(environment\(\)\.authentication\.loginEndpoint, .+\]$/, 'https://login.microsoftonline.com'],
    [/^\[take\(environment\(\)\.resourceManager, .+\]$/, 'https://management.azure.com'],
    // Each secret is another one.
    [/^@Microsoft\.KeyVault\(.*SecretName=(.*)\)$/, ''],
  ]
  return Object.fromEntries(
    Object.entries(settingsOf(resources)).map(([name, text]) => {
      const [pattern, value] = values.find(([expression]) => expression.test(text)) ?? []
      if (value === '') return [name, `whsec_${Buffer.from(name.padEnd(32, '.')).toString('base64')}`]
      const filled = pattern === undefined ? text : text.replace(pattern, value as string)
      assert.doesNotMatch(filled, /^\[/, name)
      return [name, filled]
    }),
  )
}

/** Every setting that the configuration reader asks for, with the example policy: seen by watching it read. */
export function namesRead(resources: readonly Predicted[]): readonly string[] {
  const names = new Set<string>()
  const env = new Proxy(resolved(resources), {
    get(target, name) {
      names.add(String(name))
      return Reflect.get(target, name) as string | undefined
    },
  })
  readConfig(env, () => POLICY)
  return [...names]
}
