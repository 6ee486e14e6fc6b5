import { resolve } from 'node:path'
import { API_AUDIENCE, TENANT_ID } from './azure/directory.ts'
import type { SimulatedAzure } from './azure/simulated-azure.ts'
import type { StorageServices } from './azure/storage.ts'
import { SANDBOX_POLICY } from './policy.ts'
import { WEBHOOK_SECRETS } from './webhooks.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Variables of this machine that must not reach the app. They say that it runs on Azure, or name another identity (`WEBSITE_*` without the
 * switch of App Service Authentication, `AZURE_*`, `MSI_*`), send loopback traffic through a proxy, weaken TLS, or belong to npm and the test runner.
 */
const NOT_PASSED =
  /^(?:WEBSITE_(?!AUTH_ENABLED$).*|IDENTITY_.*|AzureWebJobs.*|MSI_.*|IMDS_.*|AZURE_.*|npm_.*|INIT_CWD|NODE_TEST_CONTEXT|NODE_TLS_REJECT_UNAUTHORIZED|NODE_USE_ENV_PROXY|(?:https?|all|no)_proxy)$/i

export interface Simulated {
  readonly azure: SimulatedAzure
  readonly caFile: string
  /** A connection string; or services that are reached with an identity, the system-assigned one unless a client id is given. */
  readonly storage: string | (StorageServices & { readonly clientId?: string })
  readonly policy: unknown
}

/** The environment that the app would have on Azure. All other variables of the user reach the app; a policy of the user replaces the sandbox's. */
export function simulatedEnvironment(user: Environment, { azure, caFile, storage, policy }: Simulated): Environment {
  const passed = fromHere(passThrough(user))
  const hasPolicy =
    policy === undefined && (isSet(passed['RECONNECT_POLICY']) || isSet(passed['RECONNECT_POLICY_FILE']))
  return {
    ...passed,
    FUNCTIONS_WORKER_RUNTIME: 'node',
    AzureWebJobsDisableHomepage: 'true',
    ...storageSettings(storage),
    IDENTITY_ENDPOINT: azure.identityEndpoint,
    IDENTITY_HEADER: azure.identityHeader,
    ENTRA_TENANT_ID: TENANT_ID,
    ENTRA_AUDIENCE: API_AUDIENCE,
    ENTRA_AUTHORITY: azure.issuer,
    ARM_ENDPOINT: azure.arm,
    NODE_EXTRA_CA_CERTS: caFile,
    ...(!hasPolicy && policy === undefined && WEBHOOK_SECRETS),
    ...(!hasPolicy && { RECONNECT_POLICY: JSON.stringify(policy ?? SANDBOX_POLICY), RECONNECT_POLICY_FILE: undefined }),
  }
}

function storageSettings(storage: Simulated['storage']): Environment {
  if (typeof storage === 'string') return { AzureWebJobsStorage: storage }
  return {
    AzureWebJobsStorage__tableServiceUri: storage.tableUri,
    AzureWebJobsStorage__queueServiceUri: storage.queueUri,
    AzureWebJobsStorage__credential: 'managedidentity',
    AzureWebJobsStorage__clientId: storage.clientId,
  }
}

/** A policy file of the user's is named from the folder that the user is in; the app would look for it in its own. */
export function fromHere(environment: Environment): Record<string, string | undefined> {
  const file = environment['RECONNECT_POLICY_FILE']
  return { ...environment, ...(isSet(file) && { RECONNECT_POLICY_FILE: resolve(file as string) }) }
}

function passThrough(user: Environment): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(user).filter(([name]) => !NOT_PASSED.test(name)))
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== ''
}
