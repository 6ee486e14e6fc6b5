import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { readConfig } from '../../../src/config/read-config.ts'
import { GROUP_ID } from '../domain/ids.ts'
import { CLIENT, CONNECTION, configOf, namesOf, problemsOf, TENANT } from './settings-of-a-test.ts'

const POLICY = JSON.stringify({ grants: [{ principal: 'role:a', scope: GROUP_ID }] })

/** Written down a second time, from the specifications: contract, section 3. */
const API_VERSIONS =
  '2019-12-01-preview 2019-12-01 2020-06-01-preview 2020-12-01 2021-01-01-preview 2021-04-01-preview 2021-08-01 2021-12-01-preview 2022-04-01-preview 2022-08-01 2022-09-01-preview 2023-03-01-preview 2023-05-01-preview 2023-09-01-preview 2024-05-01 2024-06-01-preview 2024-10-01-preview 2025-03-01-preview 2025-09-01-preview 2026-03-01-preview'.split(
    ' ',
  )

describe('readConfig', () => {
  it('needs tenant, audience and storage and has the documented default for everything else', () => {
    assert.deepEqual(configOf({}), {
      entra: {
        tenantId: TENANT,
        audiences: [`api://${CLIENT}`, CLIENT],
        authority: 'https://login.microsoftonline.com',
        scopes: ['Reconnect.Invoke', 'user_impersonation'],
      },
      appServiceAuthentication: false,
      policy: {
        grants: [],
        webhooks: [],
        limits: { perBackend: { count: 6, window: 'PT1H' }, notHelping: { count: 3 } },
        deliverWithin: 'PT6H',
      },
      webhooks: [],
      mode: 'on',
      deadlineMs: 30_000,
      consoleClientId: CLIENT,
      storagePrefix: '',
      arm: {
        endpoint: 'https://management.azure.com',
        apiVersions: API_VERSIONS,
        defaultApiVersion: '2024-05-01',
        credential: { kind: 'developer' },
      },
      storage: { kind: 'connection-string', connectionString: CONNECTION, allowHttp: false },
    })
    const nothing = readConfig({}, () => undefined)
    assert.ok(!nothing.ok)
    assert.deepEqual(namesOf(nothing.error), ['ENTRA_TENANT_ID', 'ENTRA_AUDIENCE', 'AzureWebJobsStorage'])
  })

  it('takes empty and blank for unset, and blanks around a value off', () => {
    const empty = Object.fromEntries(
      [
        'ENTRA_AUTHORITY',
        'ENTRA_SCOPES',
        'RECONNECT_POLICY',
        'RECONNECT_POLICY_FILE',
        'RECONNECT_MODE',
        'RECONNECT_DEADLINE_SECONDS',
        'RECONNECT_PUBLIC_URL',
        'RECONNECT_API_VERSIONS',
        'ARM_ENDPOINT',
        'AZURE_CLIENT_ID',
        'IDENTITY_ENDPOINT',
        'MSI_ENDPOINT',
        'WEBSITE_AUTH_ENABLED',
        'AzureWebJobsStorage__accountName',
        'AzureWebJobsStorage__tableServiceUri',
        'AzureWebJobsStorage__credential',
        'AzureWebJobsStorage__clientId',
        'AzureWebJobsStorage__managedIdentityResourceId',
        'RECONNECT_STORAGE_PREFIX',
        'RECONNECT_CONSOLE_CLIENT_ID',
      ].map((name, at) => [name, at % 2 === 0 ? '' : ' \n']),
    )
    assert.deepEqual(configOf(empty), configOf({}))
    assert.equal(configOf({ ENTRA_TENANT_ID: ` ${TENANT}\n`, RECONNECT_MODE: ' off ' }).mode, 'off')
    assert.deepEqual(namesOf(problemsOf({ ENTRA_TENANT_ID: '', ENTRA_AUDIENCE: ' ', AzureWebJobsStorage: '\n' })), [
      'ENTRA_TENANT_ID',
      'ENTRA_AUDIENCE',
      'AzureWebJobsStorage',
    ])
  })

  it('signs in to the console with its own client id, else with the first audience that is a GUID, else not at all', () => {
    assert.equal(configOf({ RECONNECT_CONSOLE_CLIENT_ID: TENANT.toUpperCase() }).consoleClientId, TENANT)
    assert.equal(
      configOf({ ENTRA_AUDIENCE: `https://a.example, ${TENANT.toUpperCase()}, ${CLIENT}` }).consoleClientId,
      TENANT,
    )
    assert.equal('consoleClientId' in configOf({ ENTRA_AUDIENCE: 'https://a.example' }), false)
  })

  it('puts a prefix in front of the names in storage where one is set', () => {
    for (const prefix of ['a', 'slot2', 'a'.repeat(20)])
      assert.equal(configOf({ RECONNECT_STORAGE_PREFIX: prefix }).storagePrefix, prefix)
  })

  it('is frozen to the bottom', () => {
    const config = configOf({ RECONNECT_POLICY: POLICY, AZURE_CLIENT_ID: CLIENT })
    const thaw = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return
      assert.ok(Object.isFrozen(value), JSON.stringify(value))
      Object.values(value).forEach(thaw)
    }
    thaw(config)
    assert.throws(() => (config.arm.apiVersions as string[]).push('x'), TypeError)
  })

  it('folds the case of GUIDs', () => {
    const config = configOf({ ENTRA_TENANT_ID: TENANT.toUpperCase(), AZURE_CLIENT_ID: TENANT.toUpperCase() })
    assert.equal(config.entra.tenantId, TENANT)
    assert.deepEqual(config.arm.credential, { kind: 'managed-identity', clientId: TENANT })
  })

  it('admits x where the audience is api://x, and not api://x where it is x', () => {
    assert.deepEqual(configOf({ ENTRA_AUDIENCE: 'api://a, b ,,api://a,https://proxy.example.com' }).entra.audiences, [
      'api://a',
      'a',
      'b',
      'https://proxy.example.com',
    ])
    assert.deepEqual(configOf({ ENTRA_AUDIENCE: CLIENT }).entra.audiences, [CLIENT])
  })

  it('prefers 2024-05-01 as version and else takes the first', () => {
    assert.equal(configOf({ RECONNECT_API_VERSIONS: '2022-08-01, 2024-05-01' }).arm.defaultApiVersion, '2024-05-01')
    assert.equal(
      configOf({ RECONNECT_API_VERSIONS: '2025-03-01-preview,2022-08-01' }).arm.defaultApiVersion,
      '2025-03-01-preview',
    )
  })

  it('is a managed identity where a client id is set or the platform offers one, and the developer elsewhere', () => {
    assert.deepEqual(configOf({ AZURE_CLIENT_ID: CLIENT }).arm.credential, {
      kind: 'managed-identity',
      clientId: CLIENT,
    })
    assert.deepEqual(configOf({ IDENTITY_ENDPOINT: 'http://127.0.0.1:41/msi' }).arm.credential, {
      kind: 'managed-identity',
    })
    assert.deepEqual(configOf({ MSI_ENDPOINT: 'http://127.0.0.1:41/msi' }).arm.credential, { kind: 'managed-identity' })
    assert.deepEqual(configOf({}).arm.credential, { kind: 'developer' })
  })

  it('takes App Service Authentication for on at true, in any letter case, and at nothing else', () => {
    for (const value of ['True', 'true', 'TRUE'])
      assert.equal(configOf({ WEBSITE_AUTH_ENABLED: value }).appServiceAuthentication, true)
    for (const value of ['False', '1', 'yes', 'on', 'tru', 'true,false', '\uff54rue'])
      assert.equal(configOf({ WEBSITE_AUTH_ENABLED: value }).appServiceAuthentication, false)
  })

  it('speaks http to an authority or public address on loopback, never to ARM', () => {
    const config = configOf({
      ENTRA_AUTHORITY: 'http://127.0.0.1:8080/',
      RECONNECT_PUBLIC_URL: 'http://localhost:7071',
      ARM_ENDPOINT: 'https://127.0.0.1:8443/',
    })
    assert.equal(config.entra.authority, 'http://127.0.0.1:8080')
    assert.equal(config.publicUrl, 'http://localhost:7071')
    assert.equal(config.arm.endpoint, 'https://127.0.0.1:8443')
  })

  const refused: Readonly<Record<string, readonly string[]>> = {
    ENTRA_TENANT_ID: ['common', 'contoso.onmicrosoft.com', `{${TENANT}}`, `${TENANT}x`, `${TENANT},${CLIENT}`],
    ENTRA_AUDIENCE: [',', ' , ', 'api://', 'a b', 'api://\u212a', 'a,b c'],
    ENTRA_AUTHORITY: [
      'login.microsoftonline.com',
      'http://login.microsoftonline.com',
      `https://login.microsoftonline.com/${TENANT}`,
      'ftp://localhost',
      'https://u:p@login.microsoftonline.com',
      'https://',
    ],
    ENTRA_SCOPES: [',', 'a b', 'a"', 'a\\', 'caf\u00e9'],
    RECONNECT_MODE: ['On', 'dryrun', 'dry_run', 'true', 'off,on', '__proto__'],
    RECONNECT_DEADLINE_SECONDS: ['0', '221', '-1', '1.5', '1e2', '0x10', '30s', '030303', 'NaN', 'Infinity', '\u0663'],
    RECONNECT_PUBLIC_URL: [
      'http://reconnect.example.com',
      'https://reconnect.example.com/x',
      'https://reconnect.example.com?x',
      'reconnect.example.com',
      '//reconnect.example.com',
    ],
    RECONNECT_API_VERSIONS: [',', '2024-05', 'latest', '2024-05-01-beta', '2024-05-01&x=y', '2024-05-01-PREVIEW'],
    ARM_ENDPOINT: [
      'http://management.azure.com',
      'http://127.0.0.1:8080',
      'http://localhost',
      'https://management.azure.com/subscriptions',
      'https://management.azure.com?x',
      'https://a@management.azure.com',
    ],
    AZURE_CLIENT_ID: ['my-identity', `/subscriptions/${TENANT}`],
    AzureWebJobsStorage: [
      'streconnect',
      'AccountKey=a2V5',
      ';',
      'UseDevelopmentStorage=false',
      'BlobEndpoint=https://streconnect.blob.core.windows.net',
      'https://streconnect.table.core.windows.net',
    ],
    AzureWebJobsStorage__accountName: [
      'st',
      'Streconnect',
      'st-reconnect',
      'st.reconnect',
      'streconnect.table.core.windows.net',
      'x'.repeat(25),
      'str\u00e9connect',
    ],
    AzureWebJobsStorage__tableServiceUri: [
      'http://streconnect.table.core.windows.net',
      'http://127.0.0.1:10002',
      'https://streconnect.table.core.windows.net/a/b',
      'https://streconnect.table.core.windows.net/?sv=1',
      'streconnect',
      'https://u:p@streconnect.table.core.windows.net',
    ],
    AzureWebJobsStorage__credential: ['clientsecret', 'workloadidentity', 'true'],
    AzureWebJobsStorage__clientId: ['my-identity', `{${TENANT}}`],
    AzureWebJobsStorage__managedIdentityResourceId: [
      'id-reconnect',
      GROUP_ID,
      `${GROUP_ID}/providers/Microsoft.ManagedIdentity/userAssignedIdentities`,
      `${GROUP_ID}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/..`,
      `${GROUP_ID}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-a/x`,
    ],
    RECONNECT_STORAGE_PREFIX: ['Staging', '1a', 'a-b', 'a'.repeat(21), 'ä'],
    RECONNECT_CONSOLE_CLIENT_ID: ['console', `{${TENANT}}`],
  }
  for (const [name, values] of Object.entries(refused)) {
    for (const value of values) {
      it(`refuses ${name}=${JSON.stringify(value)}, and does not repeat the value`, () => {
        const problems = problemsOf({ [name]: value })
        assert.deepEqual(namesOf(problems), [name])
        for (const { expectation, example } of problems) {
          assert.notEqual(expectation, '')
          assert.deepEqual(problemsOf({ [name]: example }), [], 'the example is one')
        }
      })
    }
    it(`refuses an unresolved reference in ${name}`, () => {
      for (const reference of [
        '@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/s)',
        '@microsoft.keyvault(VaultName=v;SecretName=s)',
        '@Microsoft.AppConfiguration(Endpoint=x)',
      ]) {
        const problems = problemsOf({ [name]: reference })
        assert.deepEqual(namesOf(problems), [name])
        assert.match(problems[0]?.expectation ?? '', /reference that the platform could not resolve/)
      }
    })
  }

  it('reports everything that is wrong at once', () => {
    const broken = Object.fromEntries(Object.entries(refused).map(([name, [value]]) => [name, value]))
    const problems = problemsOf({ ...broken, RECONNECT_POLICY: '{"grants":[{"principal":"x","scope":"y"}]}' })
    assert.deepEqual(
      namesOf(problems).toSorted(),
      [...Object.keys(refused), 'RECONNECT_POLICY grants[0].principal', 'RECONNECT_POLICY grants[0].scope'].toSorted(),
    )
  })

  it('never repeats a value, whatever it is', () => {
    const secret = 'hunter2-hunter2-hunter2'
    const names = [...Object.keys(refused), 'RECONNECT_POLICY', 'RECONNECT_POLICY_FILE']
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.string(), (name, around) => {
        for (const problem of problemsOf({ [name]: `${around}${secret} ` }))
          assert.equal(JSON.stringify(problem).includes(secret), false)
      }),
    )
  })

  describe('policy', () => {
    it('is read inline', () =>
      assert.equal(configOf({ RECONNECT_POLICY: POLICY }).policy.grants[0]?.principal, 'role:a'))

    it('is read from the named file, from the app root, or from policy.json there', () => {
      const reading = (expected: string) => (path: string) => (path === resolve('/app', expected) ? POLICY : undefined)
      assert.equal(configOf({ RECONNECT_POLICY_FILE: 'conf/p.json' }, reading('conf/p.json')).policy.grants.length, 1)
      assert.equal(configOf({ RECONNECT_POLICY_FILE: '/etc/p.json' }, reading('/etc/p.json')).policy.grants.length, 1)
      assert.equal(configOf({}, reading('policy.json')).policy.grants.length, 1)
    })

    it('may not have two sources', () => {
      const problems = problemsOf({ RECONNECT_POLICY: POLICY, RECONNECT_POLICY_FILE: 'policy.json' }, () => POLICY)
      assert.deepEqual(namesOf(problems), ['RECONNECT_POLICY'])
      assert.match(problems[0]?.expectation ?? '', /RECONNECT_POLICY_FILE is set as well/)
    })

    it('inline stands before policy.json at the app root', () => {
      assert.deepEqual(configOf({ RECONNECT_POLICY: '{}' }, () => POLICY).policy.grants, [])
    })

    it('that is named and not there is a problem, not "no policy"', () => {
      assert.deepEqual(namesOf(problemsOf({ RECONNECT_POLICY_FILE: 'gone.json' })), ['RECONNECT_POLICY_FILE'])
    })

    it('that cannot be read is a problem, not "no policy"', () => {
      const unreadable = (): never => {
        throw new Error('EACCES: permission denied')
      }
      assert.deepEqual(namesOf(problemsOf({}, unreadable)), ['policy.json'])
      assert.deepEqual(namesOf(problemsOf({ RECONNECT_POLICY_FILE: 'p' }, unreadable)), ['RECONNECT_POLICY_FILE'])
    })

    it('problems say where: setting or file, and path', () => {
      const broken = '{"grants":[{"principal":"role:a"}]}'
      assert.deepEqual(namesOf(problemsOf({ RECONNECT_POLICY: broken })), ['RECONNECT_POLICY grants[0].scope'])
      assert.deepEqual(namesOf(problemsOf({ RECONNECT_POLICY_FILE: 'p' }, () => broken)), [
        'RECONNECT_POLICY_FILE grants[0].scope',
      ])
      assert.deepEqual(namesOf(problemsOf({}, () => broken)), ['policy.json grants[0].scope'])
      assert.deepEqual(namesOf(problemsOf({}, () => '')), ['policy.json'])
    })

    it('that is an unresolved reference is one problem, and no file is read in its place', () => {
      for (const name of ['RECONNECT_POLICY', 'RECONNECT_POLICY_FILE']) {
        assert.deepEqual(namesOf(problemsOf({ [name]: '@Microsoft.KeyVault(SecretUri=x)' }, () => 'broken')), [name])
      }
    })
  })
})
