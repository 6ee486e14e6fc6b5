/** `npm run entra:register` against a simulated Microsoft Graph: what it makes, that it changes nothing when run again, and what it says. */
import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { deterministicId } from '../../infra/entra/deterministic-id.ts'
import { createGraph, GraphError } from '../../infra/entra/graph.ts'
import { DEFINITION, registerApplication, type Step, type Wish } from '../../infra/entra/register-application.ts'
import { bash } from '../support/terminal.ts'
import {
  AZURE_MONITOR,
  COLLEAGUE,
  DEPLOYER,
  EVENT_GRID,
  PIPELINE,
  startSimulatedGraph,
  TENANT,
  type StoredApplication,
} from './simulated-graph.ts'

const NAME = 'apim-reconnect-prod'
const WISH: Wish = {
  tenantId: TENANT,
  environment: 'prod',
  azureMonitor: true,
  eventGrid: false,
  operators: [],
  owners: [DEPLOYER],
  consoleUrls: [],
  identifierUri: 'tenant',
  clients: DEFINITION.clients,
}
const id = (kind: string, value: string): string => deterministicId(TENANT, NAME, kind, value)

async function start(t: TestContext) {
  const graph = await startSimulatedGraph(t)
  const waitedMs: number[] = []
  const register = async (change: Partial<Wish> = {}) => {
    const steps: Step[] = []
    const client = createGraph({ ...graph, sleep: (ms) => Promise.resolve(void waitedMs.push(ms)) })
    const registered = await registerApplication(client, { ...WISH, ...change }, (step) => steps.push(step))
    return { registered, steps, results: steps.map(({ result }) => result) }
  }
  const principalOf = (appId: string): string =>
    graph.principals.find((one) => one.appId === appId)?.id ?? assert.fail(appId)
  return {
    graph,
    register,
    waitedMs,
    principalOf,
    application: () => graph.applications[0] ?? assert.fail('no application'),
  }
}

describe('the registration', () => {
  it('is one application with the roles of the alert senders and of people, a scope, and Azure CLI pre-authorized', async (t) => {
    const { register, application } = await start(t)
    const { registered } = await register()
    const { appRoles, api, identifierUris, signInAudience, displayName, ...rest } = application()
    assert.deepEqual(registered, { clientId: rest.appId, objectId: rest.id, identifierUri: `api://${TENANT}/${NAME}` })
    assert.deepEqual(
      [displayName, signInAudience, identifierUris],
      ['APIM Reconnect (prod)', 'AzureADMyOrg', [registered.identifierUri, `api://${rest.appId}`]],
    )
    // First, because Azure's own script always assigns the first role.
    assert.deepEqual(
      appRoles.map(({ value }) => value),
      ['ActionGroupsSecureWebhook', 'Reconnect.Operator', 'Reconnect.Reader', 'AzureEventGridSecureWebhookSubscriber'],
    )
    for (const role of appRoles) assert.equal(role.id, id('role', role.value))
    assert.deepEqual(
      [api.requestedAccessTokenVersion, api.oauth2PermissionScopes.map(({ value }) => value)],
      [2, ['Reconnect.Invoke']],
    )
    assert.deepEqual(api.preAuthorizedApplications, [
      { appId: '04b07795-8ddb-461a-bbee-02f9e1bf7b46', delegatedPermissionIds: [id('scope', 'Reconnect.Invoke')] },
    ])
  })

  it('belongs to the deployer and to the action groups of Azure Monitor, which hold their role', async (t) => {
    const { graph, register, application, principalOf } = await start(t)
    await register({ owners: [DEPLOYER, PIPELINE] })
    assert.deepEqual(graph.owners.get(application().id), [DEPLOYER, PIPELINE, principalOf(AZURE_MONITOR)])
    assert.deepEqual(
      graph.assignments.map(({ principalId, resourceId, appRoleId }) => [principalId, resourceId, appRoleId]),
      [[principalOf(AZURE_MONITOR), principalOf(application().appId), id('role', 'ActionGroupsSecureWebhook')]],
    )
  })

  it('gives Event Grid, and the owners who will subscribe it, its role; operators theirs', async (t) => {
    const { graph, register, principalOf } = await start(t)
    await register({ azureMonitor: false, eventGrid: true, operators: [COLLEAGUE] })
    assert.deepEqual(
      graph.assignments.map(({ principalId, appRoleId }) => [principalId, appRoleId]),
      [
        [principalOf(EVENT_GRID), id('role', 'AzureEventGridSecureWebhookSubscriber')],
        [DEPLOYER, id('role', 'AzureEventGridSecureWebhookSubscriber')],
        [COLLEAGUE, id('role', 'Reconnect.Operator')],
      ],
    )
    assert.equal(
      graph.principals.some(({ appId }) => appId === AZURE_MONITOR),
      false,
    )
  })

  it('is not written when it is complete', async (t) => {
    const { graph, register } = await start(t)
    const first = await register({ eventGrid: true, operators: [COLLEAGUE] })
    const writes = graph.writes.length
    const second = await register({ eventGrid: true, operators: [COLLEAGUE] })
    assert.deepEqual(second.registered, first.registered)
    assert.deepEqual(new Set(second.results), new Set(['unchanged']))
    assert.equal(graph.writes.length, writes)
  })

  it('keeps what others have added, and completes what they have removed', async (t) => {
    const { register, application } = await start(t)
    await register({ consoleUrls: ['https://one.example/console'] })
    const own = application()
    const foreign = {
      id: 'ffffffff-0000-4000-8000-000000000001',
      value: 'Team.Role',
      isEnabled: true,
      allowedMemberTypes: ['User'],
    }
    own.appRoles.push(foreign)
    own.identifierUris.push('api://other')
    own.api.preAuthorizedApplications = [
      { appId: foreign.id, delegatedPermissionIds: [id('scope', 'Reconnect.Invoke')] },
    ]
    // Made by hand, under an id of its own: it is assigned already.
    const operator = own.appRoles.find(
      ({ value }) => value === 'Reconnect.Operator',
    ) as StoredApplication['appRoles'][number]
    operator.id = 'ffffffff-0000-4000-8000-000000000002'
    const { results } = await register({ consoleUrls: ['https://two.example/console'] })
    const after = application()
    assert.equal(results[0], 'changed')
    assert.deepEqual(after.spa.redirectUris, ['https://one.example/console', 'https://two.example/console'])
    assert.deepEqual(after.identifierUris, [`api://${TENANT}/${NAME}`, `api://${after.appId}`, 'api://other'])
    assert.deepEqual(after.appRoles.at(-1), foreign)
    assert.equal(after.appRoles[1]?.id, operator.id)
    assert.deepEqual(
      after.api.preAuthorizedApplications.map(({ appId }) => appId),
      [foreign.id, DEFINITION.clients.azureCli],
    )
  })

  it('is called api://<client id> for tenants that allow no other name', async (t) => {
    const { graph, register } = await start(t)
    graph.faults.strictUris = true
    await assert.rejects(register(), { name: 'GraphError', code: 'HostNameNotOnVerifiedDomain' })
    const { registered } = await register({ identifierUri: 'client' })
    assert.equal(registered.identifierUri, `api://${registered.clientId}`)
  })

  it('waits for replicas that have not seen the application yet, and when Graph is busy', async (t) => {
    const { graph, register, waitedMs } = await start(t)
    Object.assign(graph.faults, { staleReads: 3, throttled: 2 })
    await register()
    assert.deepEqual(waitedMs.slice(0, 2), [7_000, 7_000])
    assert.ok(waitedMs.length >= 5, String(waitedMs))
    graph.faults.throttled = 100
    await assert.rejects(register(), { status: 429 })
    assert.equal(graph.faults.throttled, 94)
  })

  it('says so where Azure Monitor cannot become an owner, and does the rest', async (t) => {
    const { graph, register, application } = await start(t)
    graph.faults.refusesForeignOwner = true
    const { steps } = await register()
    assert.deepEqual(steps.at(-1), {
      what: 'owner Azure Monitor',
      result: 'refused',
      detail: 'The reference target is not a valid owner.',
    })
    assert.deepEqual(graph.owners.get(application().id), [DEPLOYER])
  })

  it('fails with Graph’s own code where the account may not do it', async (t) => {
    const { graph, register } = await start(t)
    graph.faults.may = { applications: true, roles: false }
    await assert.rejects(
      register(),
      (error) => error instanceof GraphError && error.status === 403 && error.code === 'Authorization_RequestDenied',
    )
  })

  it('sends no token to another host that a next page names', async (t) => {
    const { graph } = await start(t)
    const client = createGraph({ ...graph, sleep: () => Promise.resolve() })
    const other = await startSimulatedGraph(t)
    t.mock.method(globalThis, 'fetch', () =>
      Promise.resolve(Response.json({ value: [], '@odata.nextLink': `${other.endpoint}/v1.0/applications` })),
    )
    await assert.rejects(client.list('/applications'), /another host/)
  })
})

describe('npm run entra:register', () => {
  /** A signed-in Azure CLI: it answers exactly the two commands that the script runs. */
  async function terminal(t: TestContext) {
    const graph = await startSimulatedGraph(t)
    const folder = await mkdtemp(join(tmpdir(), 'az-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    const script = `#!/bin/sh
case "$*" in
'cloud show --query endpoints.microsoftGraphResourceId -o tsv') echo '${graph.endpoint}/' ;;
'account get-access-token --resource-type ms-graph --query accessToken -o tsv') echo '${graph.token}' ;;
*) echo "unexpected: $*" >&2; exit 2 ;;
esac
`
    await writeFile(join(folder, 'az'), script)
    await chmod(join(folder, 'az'), 0o755)
    const run = (args: string) =>
      bash(`npm run --silent entra:register -- ${args}`, undefined, {
        PATH: `${folder}${delimiter}${process.env['PATH']}`,
      })
    return { graph, run }
  }

  it('prints the three values as commands, the steps beside them, and no token', async (t) => {
    const { graph, run } = await terminal(t)
    const { code, stdout, stderr } = await run(
      `--environment prod --operator ${COLLEAGUE} --console-url https://app.example/console`,
    )
    const { appId, id: objectId, spa } = graph.applications[0] ?? assert.fail(stderr)
    assert.equal(code, 0, stderr)
    assert.equal(
      stdout,
      `azd env set ENTRA_CLIENT_ID ${appId}\nazd env set ENTRA_OBJECT_ID ${objectId}\nazd env set ENTRA_IDENTIFIER_URI api://${TENANT}/${NAME}\n`,
    )
    assert.match(stderr, /^created {3}application apim-reconnect-prod$/m)
    assert.equal(`${stdout}${stderr}`.includes(graph.token), false)
    assert.deepEqual([graph.owners.get(objectId)?.[0], spa.redirectUris], [DEPLOYER, ['https://app.example/console']])
  })

  it('says who may do it where the account may not', async (t) => {
    const { graph, run } = await terminal(t)
    graph.faults.may = { applications: false, roles: false }
    const { code, stdout, stderr } = await run('--environment prod')
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(stderr, /Graph answered 403 Authorization_RequestDenied/)
    assert.match(stderr, /An Application Administrator .*--owner <your object id>/s)
  })

  it('refuses arguments that it does not understand, before it sends a request', async (t) => {
    const { graph, run } = await terminal(t)
    for (const args of [
      '--environment "x\') or (\'"',
      '--environment prod --owner me',
      '--environment prod --console-url http://x/console',
    ])
      assert.equal((await run(args)).code, 1, args)
    assert.deepEqual(graph.writes, [])
  })
})

it('deterministicId is guid() of Bicep: UUID version 5 over the texts joined with hyphens', () => {
  // Computed by the Bicep compiler.
  assert.equal(
    deterministicId('88888888-2222-3333-4444-555555555555', 'apim-reconnect-demo', 'role', 'Reconnect.Operator'),
    'ea8b0ace-6f6f-54a3-9496-e2f79ed23268',
  )
})
