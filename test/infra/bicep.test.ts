/** The templates of infra/ with the real Bicep compiler, offline: no finding, the house format, one source for both registrations. */
import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { deterministicId } from '../../infra/entra/deterministic-id.ts'
import { DEFINITION } from '../../infra/entra/register-application.ts'
import { copyOfInfra, INFRA, predict, TENANT, withBicep, withGraphTypes } from './bicep.ts'
import { CLIENT_ID, one, SMALLEST } from './variants.ts'

withBicep('the templates', ({ run }) => {
  it('compile and lint without any output: type errors are only warnings to the compiler', async (t) => {
    assert.deepEqual(await run(await copyOfInfra(t), ['lint', '--pattern', '**/*.bicep']), { code: 0, text: '' })
  })

  it('are formatted as bicepconfig.json says', async (t) => {
    const own = await copyOfInfra(t)
    assert.deepEqual(await run(own, ['format', '--pattern', '**/*.bicep*']), { code: 0, text: '' })
    for (const name of (await readdir(own, { recursive: true })).filter((path) => /\.bicep(?:param)?$/.test(path)))
      assert.equal(await readFile(join(own, name), 'utf8'), await readFile(join(INFRA, name), 'utf8'), name)
  })

  it('stop with the reason where the client id of the registration is missing', async (t) => {
    await assert.rejects(
      predict({ run }, await copyOfInfra(t), 'main.bicepparam', { ...SMALLEST, ENTRA_CLIENT_ID: '' }),
      { message: /ENTRA_CLIENT_ID is not set\. Register the application first/ },
    )
  })

  it('event-grid.bicep subscribes the app to both circuit breaker events, in CloudEvents, by Entra or by a secret address', async (t) => {
    const folder = await copyOfInfra(t)
    const subscription = async (entra: string) => {
      const parameters = `param apimName = 'apim-one'\nparam location = 'westeurope'\nparam webhookUrl = 'https://app.example/alerts/event-grid'`
      await writeFile(join(folder, 'event-grid.bicepparam'), `using 'event-grid.bicep'\n${parameters}\n${entra}`)
      const resources = await predict({ run }, folder, 'event-grid.bicepparam', {}, 'rg-apim-1')
      assert.equal(
        one(resources, 'Microsoft.EventGrid/systemTopics').properties.topicType,
        'Microsoft.ApiManagement.Service',
      )
      return one(resources, 'Microsoft.EventGrid/systemTopics/eventSubscriptions').properties
    }
    const { destination, filter, eventDeliverySchema } = await subscription(
      `param entraApplicationIdOrUri = '${CLIENT_ID}'`,
    )
    assert.deepEqual(filter.includedEventTypes, [
      'Microsoft.ApiManagement.CircuitBreaker.Opened',
      'Microsoft.ApiManagement.CircuitBreaker.Closed',
    ])
    assert.equal(eventDeliverySchema, 'CloudEventSchemaV1_0')
    const proof = ({ properties }: typeof destination) => [
      properties.azureActiveDirectoryTenantId,
      properties.azureActiveDirectoryApplicationIdOrUri,
    ]
    assert.deepEqual(proof(destination), [TENANT, CLIENT_ID])
    // Never in a log of deployments: the address may hold a secret.
    assert.equal(destination.properties.endpointUrl, "[parameters('webhookUrl')]")
  })

  it('entra/main.bicep registers what register.ts registers, under the same ids', async (t) => {
    const own = await withGraphTypes({ run }, t)
    await writeFile(
      join(own, 'main.bicepparam'),
      "using 'main.bicep'\nparam environmentName = 'full'\nparam eventGrid = true\n",
    )
    assert.deepEqual(await run(own, ['lint', 'main.bicep']), { code: 0, text: '' })
    const resources = await predict({ run }, own, 'main.bicepparam', {})
    const application = resources.find(({ type }) => type.startsWith('Microsoft.Graph/applications@'))?.properties
    const id = (kind: string, value: string) => deterministicId(TENANT, 'apim-reconnect-full', kind, value)
    const scope = { ...DEFINITION.scope, id: id('scope', 'Reconnect.Invoke') }
    assert.deepEqual(
      application.appRoles,
      DEFINITION.roles.map((role) => ({ ...role, id: id('role', role.value) })),
    )
    assert.deepEqual(application.api, {
      requestedAccessTokenVersion: 2,
      oauth2PermissionScopes: [scope],
      preAuthorizedApplications: [{ appId: DEFINITION.clients.azureCli, delegatedPermissionIds: [scope.id] }],
    })
    assert.deepEqual(application.identifierUris, [`api://${TENANT}/apim-reconnect-full`])
    assert.deepEqual(
      resources
        .filter(({ type }) => type.startsWith('Microsoft.Graph/appRoleAssignedTo@'))
        .map(({ properties }) => properties.appRoleId),
      [
        id('role', 'ActionGroupsSecureWebhook'),
        id('role', 'AzureEventGridSecureWebhookSubscriber'),
        id('role', 'AzureEventGridSecureWebhookSubscriber'),
      ],
    )
  })
})
