/**
 * What a deployment would write, predicted by the real Bicep compiler (`bicep snapshot`) for three azd environments. Nothing here asks
 * Azure: what only Azure can tell is listed in docs/deploy.md.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { deterministicId } from '../../infra/entra/deterministic-id.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { QUEUE_FUNCTIONS, ROUTES } from '../../src/functions/routes.ts'
import { parsePolicy } from '../../src/policy/policy-document.ts'
import { copyOfInfra, predict, SUBSCRIPTION, TENANT, withBicep, type Predicted } from './bicep.ts'
import {
  all,
  ALERT_QUERIES,
  assignments,
  CLIENT_ID,
  DEPRECATED_SETTINGS,
  EVERYTHING,
  IDENTITY_CLIENT_ID,
  named,
  namesRead,
  one,
  ONE,
  PLATFORM_SETTINGS,
  POLICY,
  PRIVATE,
  query,
  resolved,
  serviceOf,
  settingsOf,
  SMALLEST,
  TWO,
} from './variants.ts'

/** An id is an expression where a name depends on the cloud. */
const OWN_GROUP = new RegExp(
  `^(?:/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-|\\[resourceId\\('${SUBSCRIPTION}', 'rg-)`,
)

withBicep('a deployment', (bicep) => {
  const variants: Record<'smallest' | 'everything' | 'private', readonly Predicted[]> = {
    smallest: [],
    everything: [],
    private: [],
  }
  let removeFolder = (): Promise<void> => Promise.resolve()

  before(async () => {
    const folder = await copyOfInfra({ after: (undo) => (removeFolder = undo) })
    for (const [name, env] of Object.entries({ smallest: SMALLEST, everything: EVERYTHING, private: PRIVATE }))
      variants[name as keyof typeof variants] = await predict(bicep, folder, 'main.bicepparam', env)
  })
  after(() => removeFolder())

  const each = (check: (resources: readonly Predicted[], variant: keyof typeof variants) => void): void => {
    for (const [name, resources] of Object.entries(variants)) check(resources, name as keyof typeof variants)
  }

  it('is all in its own resource group, but for the role and the log setting of each API Management service', () => {
    const strangers = (resources: readonly Predicted[]) =>
      resources.filter(({ id }) => !OWN_GROUP.test(id)).map(({ type, id }) => [type, serviceOf(id)])
    assert.deepEqual(strangers(variants.smallest), [])
    assert.deepEqual(strangers(variants.everything), [
      ['Microsoft.Authorization/roleDefinitions', 'rg-apim-1'],
      ['Microsoft.Authorization/roleAssignments', 'apim-one'],
      ['Microsoft.Insights/diagnosticSettings', 'apim-one'],
    ])
    assert.deepEqual(strangers(variants.private), [
      ['Microsoft.Authorization/roleAssignments', 'apim-one'],
      ['Microsoft.Authorization/roleAssignments', 'apim-two'],
    ])
  })

  it('tags its own resources for azd, and no resource of API Management', () => {
    each((resources, variant) => {
      for (const { id, type, tags } of resources.filter(
        ({ id }) => !/providers\/Microsoft\.ApiManagement|rg-apim/.test(id),
      ))
        if (tags !== undefined || type === 'Microsoft.Resources/resourceGroups')
          assert.equal(
            tags?.['azd-env-name'],
            { smallest: 'small', everything: 'full', private: 'private' }[variant],
            id,
          )
      assert.equal(one(resources, 'Microsoft.Web/sites').tags['azd-service-name'], 'api')
      for (const { tags } of resources.filter(({ id }) => id.includes('rg-apim'))) assert.equal(tags, undefined)
    })
  })

  describe('the app settings', () => {
    it('are all known to the configuration reader or to the platform, and none is deprecated on Flex Consumption', () => {
      each((resources) => {
        const known = new Set([...namesRead(resources), ...PLATFORM_SETTINGS])
        for (const name of Object.keys(settingsOf(resources))) assert.ok(known.has(name), name)
        for (const name of Object.keys(settingsOf(resources))) assert.doesNotMatch(name, DEPRECATED_SETTINGS)
      })
    })

    it('make a valid configuration with the example policy, secrets included', () => {
      each((resources, variant) => {
        const webhooks = variant === 'everything' ? POLICY : '{"grants":[]}'
        const config = readConfig(resolved(resources), () => webhooks)
        assert.ok(config.ok, JSON.stringify(config))
        assert.deepEqual(
          [config.value.mode, config.value.entra.tenantId, config.value.entra.audiences[0], config.value.storage.kind],
          [variant === 'everything' ? 'on' : 'dry-run', TENANT, CLIENT_ID, 'identity'],
        )
        assert.equal(
          config.value.publicUrl,
          variant === 'everything' ? 'https://reconnect.contoso.example' : 'https://func.azurewebsites.net',
        )
        assert.deepEqual(config.value.arm.credential, { kind: 'managed-identity', clientId: IDENTITY_CLIENT_ID })
      })
    })

    it('begin with dry-run', () => {
      assert.equal(settingsOf(variants.smallest)['RECONNECT_MODE'], 'dry-run')
    })

    it('refer to the vault for each secret, under a name without underscores', () => {
      const vault = one(variants.everything, 'Microsoft.KeyVault/vaults').name
      for (const name of EVERYTHING.WEBHOOK_SECRETS.split(','))
        assert.equal(
          settingsOf(variants.everything)[name],
          `@Microsoft.KeyVault(VaultName=${vault};SecretName=${name.replaceAll('_', '-')})`,
        )
      assert.match(
        String(one(variants.everything, 'Microsoft.Web/sites').properties.keyVaultReferenceIdentity),
        /userAssignedIdentities\/id-/,
      )
    })

    it('hold no key and no connection string with one', () => {
      each((resources) => {
        const text = JSON.stringify(resources)
        assert.doesNotMatch(text, /listKeys|AccountKey|listAccountSas|InstrumentationKey=|SharedAccessSignature/i)
      })
    })
  })

  it('runs on Flex Consumption with Node 24, and 22 on request, with nothing always ready unless asked for', () => {
    const app = (variant: keyof typeof variants) =>
      one(variants[variant], 'Microsoft.Web/sites').properties.functionAppConfig
    assert.deepEqual(one(variants.smallest, 'Microsoft.Web/serverfarms').sku, { name: 'FC1', tier: 'FlexConsumption' })
    assert.deepEqual(app('smallest').runtime, { name: 'node', version: '24' })
    assert.deepEqual(app('smallest').scaleAndConcurrency.alwaysReady, [])
    assert.deepEqual(app('everything').runtime, { name: 'node', version: '22' })
    // In zones a group has at least two.
    assert.deepEqual(app('everything').scaleAndConcurrency.alwaysReady, [
      { name: 'http', instanceCount: 2 },
      { name: `function:${QUEUE_FUNCTIONS[0]?.name}`, instanceCount: 2 },
    ])
    for (const group of app('everything').scaleAndConcurrency.alwaysReady as { name: string }[])
      assert.ok(
        group.name === 'http' || QUEUE_FUNCTIONS.some(({ name }) => group.name === `function:${name}`),
        group.name,
      )
  })

  it('creates the queues that the code uses, behind the prefix where there is one', () => {
    const queues = (resources: readonly Predicted[]) =>
      all(resources, 'Microsoft.Storage/storageAccounts/queueServices/queues').map(({ name }) => name.split('/').at(-1))
    assert.deepEqual(
      queues(variants.smallest),
      QUEUE_FUNCTIONS.map(({ queueName }) => queueName),
    )
    assert.deepEqual(
      queues(variants.everything),
      QUEUE_FUNCTIONS.map(({ queueName }) => `blue${queueName}`),
    )
  })

  it('accepts no keys and passwords: storage, telemetry, deployment', () => {
    each((resources) => {
      const storage = one(resources, 'Microsoft.Storage/storageAccounts').properties
      assert.deepEqual(
        [
          storage.allowSharedKeyAccess,
          storage.allowBlobPublicAccess,
          storage.minimumTlsVersion,
          storage.supportsHttpsTrafficOnly,
        ],
        [false, false, 'TLS1_2', true],
      )
      assert.equal(one(resources, 'Microsoft.Insights/components').properties.DisableLocalAuth, true)
      for (const { properties } of all(resources, 'Microsoft.OperationalInsights/workspaces'))
        assert.equal(properties.features.disableLocalAuth, true)
      assert.deepEqual(
        all(resources, 'Microsoft.Web/sites/basicPublishingCredentialsPolicies').map(({ name, properties }) => [
          name.split('/')[1],
          properties.allow,
        ]),
        [
          ['scm', false],
          ['ftp', false],
        ],
      )
      assert.equal(one(resources, 'Microsoft.Web/sites').properties.httpsOnly, true)
      assert.equal(one(resources, 'Microsoft.KeyVault/vaults').properties.enableRbacAuthorization, true)
    })
  })

  describe('the roles', () => {
    it('are one action on API Management, in a role of its own', () => {
      const definitions = all(variants.everything, 'Microsoft.Authorization/roleDefinitions')
      assert.deepEqual(
        definitions.map(({ properties }) => [properties.permissions, properties.assignableScopes]),
        [
          [
            [
              {
                actions: ['Microsoft.ApiManagement/service/backends/reconnect/action'],
                notActions: [],
                dataActions: [],
                notDataActions: [],
              },
            ],
            [ONE.slice(0, ONE.indexOf('/providers/'))],
          ],
        ],
      )
      // Two environments share the definition: its name depends on the resource group alone.
      assert.equal(
        definitions[0]?.name,
        deterministicId(ONE.slice(0, ONE.indexOf('/providers/')), 'apim-backend-reconnect'),
      )
    })

    it('are an existing role where one is named, in the subscription of each service', () => {
      assert.deepEqual(all(variants.private, 'Microsoft.Authorization/roleDefinitions'), [])
      assert.deepEqual(
        assignments(variants.private)
          .filter(({ on }) => /apim-/.test(on))
          .map(({ role }) => role),
        [ONE, TWO].map(
          (id) =>
            `${id.slice(0, id.indexOf('/resourceGroups/'))}/providers/Microsoft.Authorization/roleDefinitions/${PRIVATE.RECONNECT_ROLE_GUID}`,
        ),
      )
    })

    it('are assigned to the identity of the app alone, each on the one resource that it is for', () => {
      each((resources, variant) => {
        const found = assignments(resources)
        const own = (guid: string): string =>
          `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/${guid}`
        assert.deepEqual(
          found
            .filter(({ on }) => !on.startsWith('apim-'))
            .map(({ on, role }) => `${on.replace(/-?[a-z0-9]{13}$/, '')} ${role}`)
            .toSorted(),
          [
            `appi ${own('3913510d-42f4-4e42-8a64-420c390055eb')}`,
            `kv ${own('4633458b-17de-408a-b874-0445c86b69e6')}`,
            `st ${own('0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3')}`,
            `st ${own('974c5e8b-45b9-4653-ba55-5f855dd0fb88')}`,
            `st ${own('b7e6dc6d-f1e8-4753-8033-0f276bb0955b')}`,
          ],
        )
        assert.deepEqual(
          found.filter(({ on }) => on.startsWith('apim-')).map(({ on }) => on),
          { smallest: [], everything: ['apim-one'], private: ['apim-one', 'apim-two'] }[variant],
        )
        for (const { principal, principalType } of found) {
          assert.match(
            principal,
            /^\[reference\('[^']+\/userAssignedIdentities\/id-[a-z0-9]{13}', '[0-9-]+'\)\.principalId\]$/,
          )
          assert.equal(principalType, 'ServicePrincipal')
        }
      })
    })
  })

  it('reaches storage and vault through private endpoints only, where the network is private', () => {
    const closed = (resources: readonly Predicted[]) =>
      ['Microsoft.Storage/storageAccounts', 'Microsoft.KeyVault/vaults'].map((type) => [
        one(resources, type).properties.publicNetworkAccess,
        one(resources, type).properties.networkAcls.defaultAction,
      ])
    assert.deepEqual(closed(variants.private), [
      ['Disabled', 'Deny'],
      ['Disabled', 'Deny'],
    ])
    assert.deepEqual(closed(variants.smallest), [
      ['Enabled', 'Allow'],
      ['Enabled', 'Allow'],
    ])
    const endpoints = all(variants.private, 'Microsoft.Network/privateEndpoints').map(
      ({ properties }) => properties.privateLinkServiceConnections[0].properties.groupIds[0],
    )
    assert.deepEqual(endpoints, ['blob', 'queue', 'table', 'vault'])
    const [app, ends] = one(variants.private, 'Microsoft.Network/virtualNetworks').properties.subnets
    assert.deepEqual([app.properties.addressPrefix, ends.properties.addressPrefix], ['10.90.0.0/26', '10.90.0.64/27'])
    assert.equal(app.properties.delegations[0].properties.serviceName, 'Microsoft.App/environments')
    assert.match(
      String(one(variants.private, 'Microsoft.Web/sites').properties.virtualNetworkSubnetId),
      /\/subnets\/app$/,
    )
    assert.equal(one(variants.smallest, 'Microsoft.Web/sites').properties.virtualNetworkSubnetId, null)
  })

  describe('the log alert on the backends', () => {
    it('posts to the route of the alerts, by a secure webhook with the common alert schema', () => {
      const [receiver] = named(variants.everything, 'ag-apim-reconnect').properties.webhookReceivers
      assert.match(
        receiver.serviceUri,
        /^\[format\('https:\/\/\{0\}', reference\('[^']+\/sites\/func-[a-z0-9]{13}', '[0-9-]+'\)\.defaultHostName\)\/alerts\/azure-monitor\]$|\/alerts\/azure-monitor/,
      )
      assert.ok(ROUTES.some(({ route }) => route === 'alerts/{webhook}'))
      assert.deepEqual(
        [
          receiver.useCommonAlertSchema,
          receiver.useAadAuth,
          receiver.objectId,
          receiver.identifierUri,
          receiver.tenantId,
        ],
        [true, true, EVERYTHING.ENTRA_OBJECT_ID, EVERYTHING.ENTRA_IDENTIFIER_URI, TENANT],
      )
    })

    it('asks failed-connections.kql, split by both of its columns, and says when it is over', () => {
      const rule = named(variants.everything, 'apim-backend-connection-failures').properties
      const [criterion, ...more] = rule.criteria.allOf
      assert.deepEqual(more, [])
      assert.equal(criterion.query, query('failed-connections.kql'))
      assert.deepEqual(
        criterion.dimensions.map(({ name }: { name: string }) => name),
        ['_ResourceId', 'BackendId'],
      )
      assert.equal(rule.autoMitigate, true)
      assert.deepEqual(rule.actions.actionGroups, [named(variants.everything, 'ag-apim-reconnect').id])
    })

    it('fires again while a backend stays broken, by a rule of its own that never says that it is over', () => {
      const rule = named(variants.everything, 'apim-backend-connection-failures-repeat').properties
      assert.equal(rule.criteria.allOf[0].query, query('failed-connections.kql'))
      // Only a rule that is not resolved automatically may be muted for a time.
      assert.deepEqual([rule.autoMitigate, rule.muteActionsDuration], [false, 'PT15M'])
      const group = named(variants.everything, 'ag-apim-reconnect-repeat')
      assert.deepEqual(rule.actions.actionGroups, [group.id])
      assert.match(group.properties.webhookReceivers[0].serviceUri, /\/alerts\/azure-monitor-repeat|-repeat/)
      const policy = parsePolicy(POLICY)
      const webhook = policy.ok && policy.value.webhooks.find(({ name }) => name === 'azure-monitor-repeat')
      assert.deepEqual(webhook && webhook.effect, { confirms: false })
    })

    it('has a name that the example policy matches', () => {
      const policy = parsePolicy(POLICY)
      assert.ok(policy.ok)
      const match = policy.value.webhooks.find(({ name }) => name === 'azure-monitor')?.match?.['alertRule']
      assert.ok(
        named(variants.everything, 'apim-backend-connection-failures').properties.displayName.startsWith(
          String(match).replace('*', ''),
        ),
      )
    })

    it('is there only where it is asked for', () => {
      assert.equal(
        variants.smallest.some(({ name }) => name === 'ag-apim-reconnect'),
        false,
      )
    })
  })

  describe('what watches the app', () => {
    it('is a rule for each alert query, on its own telemetry, to action groups that do not post to the app', () => {
      each((resources, variant) => {
        const rules = all(resources, 'Microsoft.Insights/scheduledQueryRules').filter(({ name }) =>
          name.startsWith('reconnect-'),
        )
        assert.deepEqual(
          new Set(rules.map(({ properties }) => String(properties.criteria.allOf[0].query))),
          new Set(ALERT_QUERIES.map(query)),
        )
        const groups =
          variant === 'everything'
            ? [named(resources, 'ag-apim-reconnect-operators').id, EVERYTHING.OPERATOR_ACTION_GROUP_ID]
            : []
        for (const { properties } of rules) {
          assert.deepEqual(properties.actions.actionGroups, groups)
          assert.deepEqual(properties.scopes, [one(resources, 'Microsoft.Insights/components').id])
          for (const { name } of properties.criteria.allOf[0].dimensions)
            assert.match(properties.criteria.allOf[0].query, new RegExp(`\\b${name} = `))
        }
      })
      assert.deepEqual(named(variants.everything, 'ag-apim-reconnect-operators').properties.webhookReceivers, undefined)
    })

    it('is a test of /health/ready from outside, on request', () => {
      assert.ok(ROUTES.some(({ route }) => route === 'health/ready'))
      assert.match(
        String(one(variants.everything, 'Microsoft.Insights/webtests').properties.Request.RequestUrl),
        /\/health\/ready/,
      )
      assert.deepEqual(all(variants.smallest, 'Microsoft.Insights/webtests'), [])
    })

    it('is a workbook whose queries are the files', () => {
      const { items } = JSON.parse(
        one(variants.smallest, 'Microsoft.Insights/workbooks').properties.serializedData,
      ) as { items: { type: number; name: string; content: { query: string; crossComponentResources: string[] } }[] }
      const tiles = items.filter(({ type }) => type === 3)
      assert.ok(tiles.length >= 10)
      for (const { name, content } of tiles) {
        assert.equal(content.query, query(`${name}.kql`), name)
        assert.deepEqual(content.crossComponentResources, [one(variants.smallest, 'Microsoft.Insights/components').id])
      }
      assert.equal(tiles[0]?.name, 'did-it-help')
    })

    it('keeps its telemetry as long as operations are kept, or in the workspace that is named', () => {
      assert.equal(one(variants.smallest, 'Microsoft.OperationalInsights/workspaces').properties.retentionInDays, 90)
      assert.deepEqual(all(variants.private, 'Microsoft.OperationalInsights/workspaces'), [])
      assert.equal(
        one(variants.private, 'Microsoft.Insights/components').properties.WorkspaceResourceId,
        PRIVATE.WORKSPACE_ID,
      )
    })
  })
})
