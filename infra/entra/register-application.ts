import { readFileSync } from 'node:fs'
import { deterministicId } from './deterministic-id.ts'
import { GraphError, type Graph } from './graph.ts'

/** What the registration must be. */
export interface Wish {
  readonly tenantId: string
  /** Name of the azd environment. */
  readonly environment: string
  /** Azure Monitor will post alerts. */
  readonly azureMonitor: boolean
  /** Event Grid will post events. */
  readonly eventGrid: boolean
  /** Object ids of people or groups that become Reconnect.Operator. */
  readonly operators: readonly string[]
  /** Object ids of owners: only an owner can create an action group that posts to this app. */
  readonly owners: readonly string[]
  readonly consoleUrls: readonly string[]
  /** `tenant`: api://<tenant id>/apim-reconnect-<environment>. `client`: api://<client id>, for tenants that allow no other. */
  readonly identifierUri: 'tenant' | 'client'
  readonly clients: typeof DEFINITION.clients
}

/** What the deployment needs. */
export interface Registered {
  readonly clientId: string
  readonly objectId: string
  readonly identifierUri: string
}

/** One thing that was done, was there already, or could not be done. */
export interface Step {
  readonly what: string
  readonly result: 'created' | 'changed' | 'unchanged' | 'refused'
  readonly detail?: string
}

interface Role {
  readonly id: string
  readonly value: string
}
interface Application {
  readonly id: string
  readonly appId: string
  readonly appRoles: readonly Role[]
  readonly identifierUris: readonly string[]
  readonly spa: { readonly redirectUris: readonly string[] }
  readonly api: {
    readonly requestedAccessTokenVersion: number | null
    readonly oauth2PermissionScopes: readonly Role[]
    readonly preAuthorizedApplications: readonly {
      readonly appId: string
      readonly delegatedPermissionIds: readonly string[]
    }[]
  }
}
interface Identified {
  readonly id: string
}

interface Definition {
  readonly clients: { readonly azureCli: string; readonly azureMonitor: string; readonly eventGrid: string }
  readonly scope: { readonly value: string }
  readonly roles: readonly { readonly value: string }[]
}

/** Shared with main.bicep. `ActionGroupsSecureWebhook` is the first role, because Azure's own script always assigns the first. */
export const DEFINITION = JSON.parse(readFileSync(new URL('application.json', import.meta.url), 'utf8')) as Definition

/**
 * Registers the application that stands for this app, or completes it: application, service principal, roles, owners. Idempotent: what is
 * there stays, also what other people have added. Throws GraphError where the account may not do it.
 */
export async function registerApplication(graph: Graph, wish: Wish, report: (step: Step) => void): Promise<Registered> {
  const application = await writeApplication(graph, wish, report)
  const principal = await servicePrincipal(graph, application.appId, 'the service principal of the application', report)
  const roleId = (value: string): string => application.appRoles.find((role) => role.value === value)?.id as string

  const owners = new Map(wish.owners.map((id) => [id, `owner ${id}`]))
  if (wish.azureMonitor) {
    const monitor = await servicePrincipal(
      graph,
      wish.clients.azureMonitor,
      'the service principal of Azure Monitor',
      report,
    )
    await assign(
      graph,
      principal,
      monitor.id,
      roleId('ActionGroupsSecureWebhook'),
      'ActionGroupsSecureWebhook for Azure Monitor',
      report,
    )
    owners.set(monitor.id, 'owner Azure Monitor')
  }
  if (wish.eventGrid) {
    const name = 'AzureEventGridSecureWebhookSubscriber'
    const events = await servicePrincipal(graph, wish.clients.eventGrid, 'the service principal of Event Grid', report)
    await assign(graph, principal, events.id, roleId(name), `${name} for Event Grid`, report)
    // Event Grid lets only an owner of the app, or a principal with this role, subscribe it.
    for (const owner of wish.owners) await assign(graph, principal, owner, roleId(name), `${name} for ${owner}`, report)
  }
  for (const id of wish.operators)
    await assign(graph, principal, id, roleId('Reconnect.Operator'), `Reconnect.Operator for ${id}`, report)
  await addOwners(graph, application.id, owners, report)
  return {
    clientId: application.appId,
    objectId: application.id,
    identifierUri: identifierUriOf(wish, application.appId),
  }
}

function identifierUriOf({ identifierUri, tenantId, environment }: Wish, clientId: string): string {
  return identifierUri === 'client' ? `api://${clientId}` : `api://${tenantId}/apim-reconnect-${environment}`
}

/**
 * Two writes, because the second one refers to what the first one makes: a pre-authorization names a scope, and api://<client id> the
 * client id.
 */
async function writeApplication(graph: Graph, wish: Wish, report: (step: Step) => void): Promise<Application> {
  const uniqueName = `apim-reconnect-${wish.environment}`
  const path = `/applications(uniqueName='${uniqueName}')`
  const before = (await graph.get(path)) as Application | undefined
  const id = (kind: string, value: string): string => deterministicId(wish.tenantId, uniqueName, kind, value)
  const first = {
    displayName: `APIM Reconnect (${wish.environment})`,
    signInAudience: 'AzureADMyOrg',
    appRoles: merge(
      DEFINITION.roles.map((role) => ({ ...role, id: id('role', role.value) })),
      before?.appRoles,
    ),
    spa: { redirectUris: union(before?.spa.redirectUris, wish.consoleUrls) },
    api: {
      requestedAccessTokenVersion: 2,
      oauth2PermissionScopes: merge(
        [{ ...DEFINITION.scope, id: id('scope', DEFINITION.scope.value) }],
        before?.api.oauth2PermissionScopes,
      ),
    },
  }
  const isWritten = before !== undefined && contains(before, first)
  if (!isWritten) await graph.patch(path, first, { prefer: 'create-if-missing' })
  const made = await read(graph, path, first)

  const scopeId = made.api.oauth2PermissionScopes.find(({ value }) => value === DEFINITION.scope.value)?.id as string
  const second = {
    // By the second one people ask for tokens without knowing the first.
    identifierUris: union(made.identifierUris, [identifierUriOf(wish, made.appId), `api://${made.appId}`]),
    api: { preAuthorizedApplications: preAuthorized(made, wish.clients.azureCli, scopeId) },
  }
  const isComplete = contains(made, second)
  if (!isComplete) await graph.patch(path, second)
  report({
    what: `application ${uniqueName}`,
    result: before === undefined ? 'created' : isWritten && isComplete ? 'unchanged' : 'changed',
  })
  return isComplete ? made : read(graph, path, second)
}

/** The application as it is once the write shows. Graph may answer from a replica that has not seen it: at most six looks. */
async function read(graph: Graph, path: string, written: object): Promise<Application> {
  for (let looks = 1; ; looks++) {
    const application = (await graph.get(path)) as Application | undefined
    if (application !== undefined && contains(application, written)) return application
    if (looks === 6) throw new Error(`${path} does not show what was written; run the command again in a minute`)
    await graph.pause(looks)
  }
}

/** Ours first and in their order, then what others have added. An id that exists stays: an enabled role cannot be removed. */
function merge(ours: readonly Role[], theirs: readonly Role[] = []): readonly Role[] {
  const kept = theirs.filter(({ value }) => !ours.some((role) => role.value === value))
  return [
    ...ours.map((role) => ({ ...role, id: theirs.find(({ value }) => value === role.value)?.id ?? role.id })),
    ...kept,
  ]
}

function preAuthorized({ api }: Application, client: string, scopeId: string) {
  const others = api.preAuthorizedApplications.filter(({ appId }) => appId !== client)
  const own = api.preAuthorizedApplications.find(({ appId }) => appId === client)
  return [...others, { appId: client, delegatedPermissionIds: union(own?.delegatedPermissionIds, [scopeId]) }]
}

async function servicePrincipal(
  graph: Graph,
  appId: string,
  what: string,
  report: (step: Step) => void,
): Promise<Identified> {
  const found = (await graph.get(`/servicePrincipals(appId='${appId}')`)) as Identified | undefined
  const principal = found ?? ((await graph.post('/servicePrincipals', { appId })) as Identified)
  report({ what, result: found === undefined ? 'created' : 'unchanged' })
  return principal
}

async function assign(
  graph: Graph,
  resource: Identified,
  principalId: string,
  appRoleId: string,
  what: string,
  report: (step: Step) => void,
): Promise<void> {
  const path = `/servicePrincipals/${resource.id}/appRoleAssignedTo`
  const assigned = (await graph.list(path)) as readonly { principalId: string; appRoleId: string }[]
  const isThere = assigned.some((one) => one.principalId === principalId && one.appRoleId === appRoleId)
  if (!isThere) await graph.post(path, { principalId, resourceId: resource.id, appRoleId })
  report({ what: `role ${what}`, result: isThere ? 'unchanged' : 'created' })
}

/** An owner that Graph refuses is reported and does not stop the rest: Azure Monitor is a service principal of Microsoft. */
async function addOwners(
  graph: Graph,
  applicationId: string,
  owners: ReadonlyMap<string, string>,
  report: (step: Step) => void,
): Promise<void> {
  const there = new Set(
    ((await graph.list(`/applications/${applicationId}/owners`)) as Identified[]).map(({ id }) => id),
  )
  for (const [id, what] of owners) {
    if (there.has(id)) {
      report({ what, result: 'unchanged' })
      continue
    }
    try {
      await graph.post(`/applications/${applicationId}/owners/$ref`, {
        '@odata.id': `${graph.endpoint}/v1.0/directoryObjects/${id}`,
      })
      report({ what, result: 'created' })
    } catch (error) {
      if (!(error instanceof GraphError) || error.status !== 400) throw error
      report({ what, result: 'refused', detail: error.message })
    }
  }
}

function union(before: readonly string[] = [], more: readonly string[]): readonly string[] {
  return [...new Set([...before, ...more])]
}

/** Whether every member of `part` is in `whole`. Graph adds members of its own, and returns lists in an order of its own. */
function contains(whole: unknown, part: unknown): boolean {
  if (Array.isArray(part))
    return (
      Array.isArray(whole) &&
      whole.length === part.length &&
      part.every((one) => whole.some((other) => contains(other, one)))
    )
  if (typeof part !== 'object' || part === null) return whole === part
  if (typeof whole !== 'object' || whole === null) return false
  return Object.entries(part).every(([name, value]) => contains((whole as Record<string, unknown>)[name], value))
}
