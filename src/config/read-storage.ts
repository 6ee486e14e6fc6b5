import { foldAscii, isGuid, SEGMENT_PATTERNS } from '../domain/segments.ts'
import type { ArmCredential, StorageConfig } from './config.ts'
import { isLoopback, parseOrigin } from './origin.ts'
import type { Reading, Settings } from './settings.ts'

const CONNECTION = 'AzureWebJobsStorage'

const CONNECTION_STRING: Reading<string> = {
  parse: (text) => (membersOf(text) === undefined ? undefined : text),
  expectation: `a storage connection string; or ${CONNECTION}__accountName for an account that is reached with the managed identity`,
  example: 'DefaultEndpointsProtocol=https;AccountName=…;AccountKey=…;EndpointSuffix=core.windows.net',
}
const ACCOUNT_NAME: Reading<string> = {
  parse: (text) => (/^[a-z0-9]{3,24}$/.test(text) ? text : undefined),
  expectation: 'the name of a storage account: 3 to 24 lower-case letters and digits',
  example: 'streconnect',
}
const TABLE_URI: Reading<string> = {
  parse: parseServiceUri,
  expectation: 'the https address of the table service, without query',
  example: 'https://streconnect.table.core.windows.net',
}
const QUEUE_URI: Reading<string> = {
  parse: parseServiceUri,
  expectation: 'the https address of the queue service, without query',
  example: 'https://streconnect.queue.core.windows.net',
}
const CREDENTIAL: Reading<string> = {
  parse: (text) => (foldAscii(text) === 'managedidentity' ? text : undefined),
  expectation: "'managedidentity'",
  example: 'managedidentity',
}
const CLIENT_ID: Reading<string> = {
  parse: (text) => (isGuid(text) ? text : undefined),
  expectation: 'a GUID',
  example: '11111111-2222-3333-4444-555555555555',
}

const RESOURCE_ID: Reading<string> = {
  parse: (text) => (isIdentityId(text) ? text : undefined),
  expectation: 'the resource id of a user-assigned managed identity',
  example:
    '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-apim/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-reconnect',
}

/** Names of identities: Azure's naming rules for Microsoft.ManagedIdentity/userAssignedIdentities. */
function isIdentityId(text: string): boolean {
  const [empty, subscriptions, subscriptionId, groups, group, providers, provider, type, name, ...rest] =
    text.split('/')
  return (
    empty === '' &&
    rest.length === 0 &&
    foldAscii(`${subscriptions}/${groups}/${providers}/${provider}/${type}`) ===
      'subscriptions/resourcegroups/providers/microsoft.managedidentity/userassignedidentities' &&
    isGuid(subscriptionId ?? '') &&
    SEGMENT_PATTERNS.resourceGroupName.test(group ?? '') &&
    /^[A-Za-z0-9][A-Za-z0-9_-]{2,127}$/.test(name ?? '')
  )
}

/**
 * The settings by which the Functions host finds its own storage account: a connection string, or a name or table URI that is reached
 * with an identity (Azure Functions: "Connecting to host storage with an identity"). A queue service is needed where there are webhooks only.
 */
export function readStorage(
  settings: Settings,
  platform: ArmCredential['kind'],
  { needsQueue = false } = {},
): StorageConfig | undefined {
  const connectionString = settings.optional(CONNECTION, CONNECTION_STRING)
  const accountName = settings.optional(`${CONNECTION}__accountName`, ACCOUNT_NAME)
  const named = settings.optional(`${CONNECTION}__tableServiceUri`, TABLE_URI)
  const chosen = settings.optional(`${CONNECTION}__credential`, CREDENTIAL)
  const clientId = settings.optional(`${CONNECTION}__clientId`, CLIENT_ID)
  const resourceId = settings.optional(`${CONNECTION}__managedIdentityResourceId`, RESOURCE_ID)
  const namedQueue = settings.optional(`${CONNECTION}__queueServiceUri`, QUEUE_URI)
  // As the host: where both ways are set, the connection string is the one.
  if (connectionString !== undefined) {
    if (needsQueue && !namesService(membersOf(connectionString), 'queueendpoint')) {
      settings.complain({
        name: CONNECTION,
        expectation: 'a storage connection string that names the queue service too: there are webhooks',
        example: CONNECTION_STRING.example,
      })
    }
    return { kind: 'connection-string', connectionString, allowHttp: isLocal(connectionString) }
  }
  const tableUri = named ?? (accountName === undefined ? undefined : `https://${accountName}.table.core.windows.net`)
  const queueUri =
    namedQueue ?? (accountName === undefined ? undefined : `https://${accountName}.queue.core.windows.net`)
  if (tableUri !== undefined) {
    if (needsQueue && queueUri === undefined) {
      settings.complain({
        name: `${CONNECTION}__queueServiceUri`,
        expectation: `${QUEUE_URI.expectation}: there are webhooks`,
        example: QUEUE_URI.example,
      })
    }
    // As the host's client factory (Microsoft.Extensions.Azure): two names of one identity could be names of two.
    if (clientId !== undefined && resourceId !== undefined) {
      settings.complain({
        name: `${CONNECTION}__managedIdentityResourceId`,
        expectation: `one name of the identity: ${CONNECTION}__clientId is set as well`,
        example: `${CONNECTION}__clientId removed`,
      })
    }
    const isNamed = clientId !== undefined || resourceId !== undefined
    const managed = chosen !== undefined || isNamed || platform === 'managed-identity'
    return {
      kind: 'identity',
      tableUri,
      queueUri,
      credential: managed
        ? {
            kind: 'managed-identity',
            ...(clientId === undefined ? {} : { clientId }),
            ...(resourceId === undefined ? {} : { resourceId }),
          }
        : { kind: 'developer' },
    }
  }
  // One of these that is set and wrong has been reported already.
  const isMeant = [CONNECTION, `${CONNECTION}__accountName`, `${CONNECTION}__tableServiceUri`].some((name) =>
    settings.isSet(name),
  )
  if (!isMeant) settings.required(CONNECTION, CONNECTION_STRING)
  return undefined
}

/** An origin; or, as emulators and appliances have it, an origin and the account as its path ("IP-style" addresses of Azure Storage). */
function parseServiceUri(text: string): string | undefined {
  const [, start = '', account = ''] = /^([^/]*\/\/[^/]*)(\/[a-z0-9]{3,24})?\/?$/.exec(text) ?? []
  const origin = parseOrigin(start, 'never')
  return origin === undefined ? undefined : `${origin}${account}`
}

/** The members of a connection string, folded; undefined when the SDK could not make a table service and a signature of it. */
function membersOf(text: string): ReadonlyMap<string, string> | undefined {
  const members = new Map(
    text
      .split(';')
      .filter((member) => member.includes('='))
      .map((member) => [
        member.slice(0, member.indexOf('=')).trimStart().toLowerCase(),
        member.slice(member.indexOf('=') + 1).trimEnd(),
      ]),
  )
  const has = (name: string): boolean => (members.get(name) ?? '') !== ''
  const endpoint = members.get('tableendpoint') ?? ''
  const isNamed = namesService(members, 'tableendpoint')
  const byKey =
    has('accountname') && has('accountkey') && /^https?$/.test(members.get('defaultendpointsprotocol') ?? '') && isNamed
  const bySignature = endpoint !== '' && isNamed && has('sharedaccesssignature') && !has('accountkey')
  return byKey || bySignature || members.get('usedevelopmentstorage') === 'true' ? members : undefined
}

/** Whether the SDK could make this service's address of it. */
function namesService(members: ReadonlyMap<string, string> | undefined, endpointName: string): boolean {
  const endpoint = members?.get(endpointName) ?? ''
  return endpoint === ''
    ? (members?.get('endpointsuffix') ?? '') !== '' || members?.get('usedevelopmentstorage') === 'true'
    : URL.canParse(endpoint)
}

/** http is allowed on loopback only. */
function isLocal(connectionString: string): boolean {
  const members = membersOf(connectionString)
  const endpoint = members?.get('tableendpoint') ?? ''
  return (
    members?.get('usedevelopmentstorage') === 'true' ||
    (URL.canParse(endpoint) && isLoopback(new URL(endpoint).hostname))
  )
}
