import { foldAscii, isGuid } from '../domain/segments.ts'
import { err, ok, type Result } from '../shared/result.ts'
import type { ArmConfig, Config, ConfigProblem, EntraConfig } from './config.ts'
import { deepFreeze } from './deep-freeze.ts'
import { parseOrigin, type Plaintext } from './origin.ts'
import { readMode, readPolicy, type ReadFile } from './read-policy.ts'
import { readStorage } from './read-storage.ts'
import { readWebhooks } from './read-webhooks.ts'
import { STORAGE_PREFIX } from './storage-prefix.ts'
import { createSettings, parseList, type Environment, type Reading, type Settings } from './settings.ts'

const DEFAULT_AUTHORITY = 'https://login.microsoftonline.com'
const DEFAULT_SCOPES = ['Reconnect.Invoke', 'user_impersonation']
const DEFAULT_ARM_ENDPOINT = 'https://management.azure.com'
/**
 * Contract, section 3: every version from 2019-12-01 on whose published specification has `Backend_Reconnect`. Source:
 * Azure/azure-rest-api-specs, specification/apimanagement/resource-manager/Microsoft.ApiManagement, `apimbackends.json` of each version in
 * stable and preview; from 2025 on `ApiManagement/preview/<version>/openapi.json`, which BackendContract.tsp generates.
 */
const DEFAULT_API_VERSIONS = [
  '2019-12-01-preview',
  '2019-12-01',
  '2020-06-01-preview',
  '2020-12-01',
  '2021-01-01-preview',
  '2021-04-01-preview',
  '2021-08-01',
  '2021-12-01-preview',
  '2022-04-01-preview',
  '2022-08-01',
  '2022-09-01-preview',
  '2023-03-01-preview',
  '2023-05-01-preview',
  '2023-09-01-preview',
  '2024-05-01',
  '2024-06-01-preview',
  '2024-10-01-preview',
  '2025-03-01-preview',
  '2025-09-01-preview',
  '2026-03-01-preview',
]
const PREFERRED_API_VERSION = '2024-05-01'
const DEFAULT_DEADLINE_SECONDS = 30
/** App Service's front end answers 502 after 230 s; a later answer does not reach the caller. */
const MAX_DEADLINE_SECONDS = 220

const GUID: Reading<string> = {
  parse: (text) => (isGuid(text) ? foldAscii(text) : undefined),
  expectation: 'a GUID',
  example: '11111111-2222-3333-4444-555555555555',
}
const AUDIENCES: Reading<readonly string[]> = {
  parse: parseAudiences,
  expectation: 'one or more audiences, separated by commas: application id URIs or client ids',
  example: 'api://11111111-2222-3333-4444-555555555555',
}
/** RFC 6749, section 3.3; without the comma, which separates. */
const SCOPES: Reading<readonly string[]> = {
  parse: (text) => parseList(text, (part) => /^[!#-[\]-~]{1,120}$/.test(part)),
  expectation: 'one or more scope values as in the scp claim, separated by commas',
  example: DEFAULT_SCOPES.join(','),
}
/** Contract, section 8. Queue names may start with a digit, table names may not (Azure Storage, "Naming queues", "Table names"). */
const PREFIX: Reading<string> = {
  parse: (text) => (STORAGE_PREFIX.test(text) ? text : undefined),
  expectation: '1 to 20 lower-case letters and digits, first a letter',
  example: 'staging',
}
const DEADLINE: Reading<number> = {
  parse: (text) =>
    /^[0-9]{1,3}$/.test(text) && Number(text) >= 1 && Number(text) <= MAX_DEADLINE_SECONDS ? Number(text) : undefined,
  expectation: `a whole number of seconds from 1 to ${MAX_DEADLINE_SECONDS}`,
  example: String(DEFAULT_DEADLINE_SECONDS),
}
const API_VERSIONS: Reading<readonly string[]> = {
  parse: (text) => parseList(text, (part) => /^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:-preview)?$/.test(part)),
  expectation: 'one or more API versions, separated by commas: YYYY-MM-DD or YYYY-MM-DD-preview',
  example: '2022-08-01,2024-05-01',
}
const origin = (plaintext: Plaintext, example: string): Reading<string> => ({
  parse: (text) => parseOrigin(text, plaintext),
  expectation: `an https origin${plaintext === 'on-loopback' ? ' (http on a loopback address only)' : ''}, without path, query and credentials`,
  example,
})

export interface ReadConfigOptions {
  /** Folder that relative paths start from, and where policy.json is looked for. Default: the working folder. */
  readonly appRoot?: string
}

/**
 * Reads every setting of the contract's section 8. Returns a deeply frozen configuration, or all problems together, without values.
 * Sends no request: NOT checked is whether tenant, hosts and identity exist.
 */
export function readConfig(
  env: Environment,
  readFile: ReadFile,
  { appRoot = '' }: ReadConfigOptions = {},
): Result<Config, readonly ConfigProblem[]> {
  const settings = createSettings(env)
  const entra = readEntra(settings)
  const mode = readMode(settings)
  const deadlineSeconds = settings.optional('RECONNECT_DEADLINE_SECONDS', DEADLINE) ?? DEFAULT_DEADLINE_SECONDS
  const publicUrl = settings.optional('RECONNECT_PUBLIC_URL', origin('on-loopback', 'https://reconnect.example.com'))
  const arm = readArm(settings)
  const source = readPolicy(settings, readFile, appRoot)
  const webhooks = readWebhooks(settings, source?.policy.webhooks ?? [], source?.setting ?? '')
  const storagePrefix = settings.optional('RECONNECT_STORAGE_PREFIX', PREFIX) ?? ''
  // `api://<client id>` has been joined by the client id, so the API's own registration is found under both spellings.
  const consoleClientId =
    settings.optional('RECONNECT_CONSOLE_CLIENT_ID', GUID) ?? entra.audiences.filter(isGuid).map(foldAscii)[0]
  const storage = readStorage(settings, arm.credential.kind, { needsQueue: webhooks.length > 0 })
  if (settings.problems.length > 0 || source === undefined || storage === undefined) return err(settings.problems)
  return ok(
    deepFreeze({
      entra,
      appServiceAuthentication: foldAscii(env['WEBSITE_AUTH_ENABLED']?.trim() ?? '') === 'true',
      policy: source.policy,
      webhooks,
      mode,
      deadlineMs: deadlineSeconds * 1000,
      ...(publicUrl === undefined ? {} : { publicUrl }),
      ...(consoleClientId === undefined ? {} : { consoleClientId }),
      storagePrefix,
      arm,
      storage,
    }),
  )
}

/** An empty text replaces a setting that is a problem: with a problem there is no configuration. */
function readEntra(settings: Settings): EntraConfig {
  return {
    tenantId: settings.required('ENTRA_TENANT_ID', GUID) ?? '',
    audiences: settings.required('ENTRA_AUDIENCE', AUDIENCES) ?? [],
    authority: settings.optional('ENTRA_AUTHORITY', origin('on-loopback', DEFAULT_AUTHORITY)) ?? DEFAULT_AUTHORITY,
    scopes: settings.optional('ENTRA_SCOPES', SCOPES) ?? DEFAULT_SCOPES,
  }
}

function readArm(settings: Settings): ArmConfig {
  // https also on loopback: the SDK sends no token over http, so http would only fail later.
  const endpoint = settings.optional('ARM_ENDPOINT', origin('never', DEFAULT_ARM_ENDPOINT)) ?? DEFAULT_ARM_ENDPOINT
  const apiVersions = settings.optional('RECONNECT_API_VERSIONS', API_VERSIONS) ?? DEFAULT_API_VERSIONS
  const clientId = settings.optional('AZURE_CLIENT_ID', GUID)
  // App Service and Functions announce their identity endpoint by the first name (2019-08-01), Linux Consumption by the second (2017-09-01).
  const isOffered = settings.isSet('IDENTITY_ENDPOINT') || settings.isSet('MSI_ENDPOINT')
  return {
    endpoint,
    apiVersions,
    defaultApiVersion: apiVersions.includes(PREFERRED_API_VERSION) ? PREFERRED_API_VERSION : (apiVersions[0] as string),
    credential:
      clientId !== undefined
        ? { kind: 'managed-identity', clientId }
        : isOffered
          ? { kind: 'managed-identity' }
          : { kind: 'developer' },
  }
}

/** Contract, section 4: `api://x` also admits `x`, because tokens of version 2 carry the bare client id. `x` does not admit `api://x`. */
function parseAudiences(text: string): readonly string[] | undefined {
  const named = parseList(text, (part) => /^[!-~]{1,400}$/.test(part) && foldAscii(part) !== 'api://')
  return (
    named && [
      ...new Set(
        named.flatMap((audience) =>
          audience.startsWith('api://') ? [audience, audience.slice('api://'.length)] : [audience],
        ),
      ),
    ]
  )
}
