import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ArmCredential, StorageConfig } from '../../../src/config/config.ts'
import type { Environment } from '../../../src/config/settings.ts'
import { openTables } from '../../../src/storage/tables.ts'
import { CLIENT, configOf, CONNECTION, namesOf, problemsOf } from './settings-of-a-test.ts'

const NAME = 'AzureWebJobsStorage'
const RESOURCE_ID =
  '/subscriptions/11111111-2222-3333-4444-555555555555/resourcegroups/rg-apim/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-reconnect'
const TABLES = 'https://streconnect.table.core.windows.net'

/** Without the connection string that the other tests have. */
const storageOf = (env: Environment): StorageConfig => configOf({ [NAME]: undefined, ...env }).storage
const problemsWithout = (env: Environment): readonly string[] => namesOf(problemsOf({ [NAME]: undefined, ...env }))

describe('storage by connection string', () => {
  const cases: readonly [string, string, boolean][] = [
    ['an account and its key', CONNECTION, false],
    [
      'members in any case and order, with blanks',
      ' accountkey=a2V5== ; ACCOUNTNAME=streconnect ;defaultendpointsprotocol=https;EndpointSuffix=core.windows.net ',
      false,
    ],
    ['a table endpoint with a signature', `TableEndpoint=${TABLES};SharedAccessSignature=sv=2025&sig=a%3D`, false],
    [
      'an emulator on this machine',
      'DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;TableEndpoint=http://127.0.0.1:10002/a',
      true,
    ],
    [
      'an emulator on this machine by name',
      'DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;TableEndpoint=http://localhost:10002/a',
      true,
    ],
    ['the emulator where it always is', 'UseDevelopmentStorage=true', true],
    // The SDK refuses http unless it is allowed; here it is not.
    [
      'a table endpoint elsewhere over http',
      'DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;TableEndpoint=http://storage.example.com/a',
      false,
    ],
    [
      'a table endpoint whose name only begins as this machine',
      'DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;TableEndpoint=http://127.0.0.1.example.com/a',
      false,
    ],
  ]
  for (const [what, connectionString, allowHttp] of cases) {
    it(`${what}: http ${allowHttp ? 'is allowed' : 'is not allowed'}`, () => {
      const storage = storageOf({ [NAME]: connectionString })
      // What is accepted here is understood there.
      openTables(storage, '', () => assert.fail('a connection string needs no identity'))
      assert.deepEqual(storage, { kind: 'connection-string', connectionString: connectionString.trim(), allowHttp })
    })
  }
})

describe('a connection string that the SDK could not use', () => {
  for (const connectionString of [
    'DefaultEndpointsProtocol=https;AccountName=streconnect;EndpointSuffix=core.windows.net',
    'DefaultEndpointsProtocol=https;AccountName=streconnect;AccountKey=;EndpointSuffix=core.windows.net',
    'DefaultEndpointsProtocol=https;AccountName = streconnect;AccountKey=a2V5;EndpointSuffix=core.windows.net',
    'DefaultEndpointsProtocol=ftp;AccountName=streconnect;AccountKey=a2V5;EndpointSuffix=core.windows.net',
    'AccountName=streconnect;AccountKey=a2V5;EndpointSuffix=core.windows.net',
    'DefaultEndpointsProtocol=https;AccountName=streconnect;AccountKey=a2V5',
    'DefaultEndpointsProtocol=https;AccountName=streconnect;AccountKey=a2V5;TableEndpoint=streconnect',
    'SharedAccessSignature=sv=2025&sig=a',
    `TableEndpoint=${TABLES}`,
    'TableEndpoint=streconnect;SharedAccessSignature=sv=2025&sig=a',
  ]) {
    it(`is a problem at the start: ${connectionString}`, () =>
      assert.deepEqual(problemsWithout({ [NAME]: connectionString }), [NAME]))
  }
})

describe('storage by identity', () => {
  const cases: readonly [string, Environment, string, ArmCredential][] = [
    [
      'an account by its name, as the developer',
      { [`${NAME}__accountName`]: 'streconnect' },
      TABLES,
      { kind: 'developer' },
    ],
    [
      'an account by its table service, which wins',
      { [`${NAME}__accountName`]: 'other', [`${NAME}__tableServiceUri`]: `${TABLES}/` },
      TABLES,
      { kind: 'developer' },
    ],
    [
      'as the managed identity that the platform offers',
      { [`${NAME}__accountName`]: 'streconnect', IDENTITY_ENDPOINT: 'http://127.0.0.1:41/msi' },
      TABLES,
      { kind: 'managed-identity' },
    ],
    [
      'as the managed identity that the setting asks for',
      { [`${NAME}__accountName`]: 'streconnect', [`${NAME}__credential`]: 'managedidentity' },
      TABLES,
      { kind: 'managed-identity' },
    ],
    [
      'as a user-assigned one',
      {
        [`${NAME}__accountName`]: 'streconnect',
        [`${NAME}__credential`]: 'managedidentity',
        [`${NAME}__clientId`]: CLIENT,
      },
      TABLES,
      { kind: 'managed-identity', clientId: CLIENT },
    ],
    [
      'as a user-assigned one that is named by its resource id',
      { [`${NAME}__accountName`]: 'streconnect', [`${NAME}__managedIdentityResourceId`]: RESOURCE_ID },
      TABLES,
      { kind: 'managed-identity', resourceId: RESOURCE_ID },
    ],
    [
      'as a managed identity, however the setting is spelled',
      { [`${NAME}__accountName`]: 'streconnect', [`${NAME}__credential`]: 'ManagedIdentity' },
      TABLES,
      { kind: 'managed-identity' },
    ],
    [
      'an account whose table service has it in the path, as in emulators',
      { [`${NAME}__accountName`]: 'other', [`${NAME}__tableServiceUri`]: 'https://127.0.0.1:10002/devstoreaccount1/' },
      'https://127.0.0.1:10002/devstoreaccount1',
      { kind: 'developer' },
    ],
    // As the Functions host: its own storage has its own setting for that.
    [
      'not as the identity that asks ARM',
      { [`${NAME}__accountName`]: 'streconnect', AZURE_CLIENT_ID: CLIENT },
      TABLES,
      { kind: 'managed-identity' },
    ],
  ]
  for (const [what, env, tableUri, credential] of cases) {
    it(what, () =>
      assert.deepEqual(storageOf(env), {
        kind: 'identity',
        tableUri,
        queueUri: `https://${env[`${NAME}__accountName`]}.queue.core.windows.net`,
        credential,
      }),
    )
  }

  it('refuses two names for one identity, as the host does', () => {
    assert.deepEqual(
      problemsWithout({
        [`${NAME}__accountName`]: 'streconnect',
        [`${NAME}__clientId`]: CLIENT,
        [`${NAME}__managedIdentityResourceId`]: RESOURCE_ID,
      }),
      [`${NAME}__managedIdentityResourceId`],
    )
  })

  it('gives way to a connection string that is set as well, as in the host', () => {
    assert.equal(configOf({ [`${NAME}__accountName`]: 'streconnect' }).storage.kind, 'connection-string')
  })
})

describe('the queue service', () => {
  const WEBHOOK = { format: 'alertmanager', authentication: { type: 'bearer', secret: 'TOKEN' }, backend: '{id}' }
  const WITH_WEBHOOKS: Environment = {
    RECONNECT_POLICY: JSON.stringify({ webhooks: { a: WEBHOOK } }),
    TOKEN: 'k3jhw87fhKJh3782jsd92',
  }
  const queueOf = (env: Environment): string | undefined => {
    const storage = storageOf(env)
    return storage.kind === 'identity' ? storage.queueUri : undefined
  }

  it('is that of the account, or the one that is named', () => {
    assert.equal(queueOf({ [`${NAME}__accountName`]: 'streconnect' }), 'https://streconnect.queue.core.windows.net')
    assert.equal(
      queueOf({ [`${NAME}__accountName`]: 'streconnect', [`${NAME}__queueServiceUri`]: 'https://queues.example.com/' }),
      'https://queues.example.com',
    )
  })

  it('is not needed without webhooks', () => {
    assert.equal(queueOf({ [`${NAME}__tableServiceUri`]: TABLES }), undefined)
    assert.equal(
      storageOf({
        [NAME]: 'DefaultEndpointsProtocol=https;AccountName=a;AccountKey=a2V5;TableEndpoint=https://tables.example.com',
      }).kind,
      'connection-string',
    )
  })

  it('is needed with webhooks', () => {
    assert.deepEqual(problemsWithout({ [`${NAME}__tableServiceUri`]: TABLES, ...WITH_WEBHOOKS }), [
      `${NAME}__queueServiceUri`,
    ])
    assert.deepEqual(
      problemsWithout({
        [NAME]: 'DefaultEndpointsProtocol=https;AccountName=a;AccountKey=a2V5;TableEndpoint=https://tables.example.com',
        ...WITH_WEBHOOKS,
      }),
      [NAME],
    )
    for (const good of [
      { [`${NAME}__accountName`]: 'streconnect' },
      { [NAME]: CONNECTION },
      { [NAME]: 'UseDevelopmentStorage=true' },
    ])
      assert.deepEqual(problemsWithout({ ...good, ...WITH_WEBHOOKS }), [])
  })

  it('is an https origin', () => {
    assert.deepEqual(
      problemsWithout({
        [`${NAME}__accountName`]: 'streconnect',
        [`${NAME}__queueServiceUri`]: 'http://queues.example.com',
      }),
      [`${NAME}__queueServiceUri`],
    )
  })
})

describe('storage that is not said', () => {
  it('is one problem, which names both ways and an example that is one', () => {
    const [problem, ...more] = problemsOf({ [NAME]: undefined })
    assert.deepEqual([problem?.name, more], [NAME, []])
    assert.match(problem?.expectation ?? '', /connection string.*AzureWebJobsStorage__accountName.*not set/)
    assert.equal(storageOf({ [NAME]: problem?.example }).kind, 'connection-string')
  })

  it('is not made good by a credential without an account', () => {
    assert.deepEqual(problemsWithout({ [`${NAME}__credential`]: 'managedidentity', [`${NAME}__clientId`]: CLIENT }), [
      NAME,
    ])
  })

  it('by an account name or URI that is none is a problem of that alone', () => {
    assert.deepEqual(problemsWithout({ [`${NAME}__accountName`]: 'No Account' }), [`${NAME}__accountName`])
    assert.deepEqual(problemsWithout({ [`${NAME}__tableServiceUri`]: 'http://storage.example.com' }), [
      `${NAME}__tableServiceUri`,
    ])
  })
})
