import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Scope } from '../support/start-sandbox.ts'

export const TENANT = '88888888-0000-4000-8000-000000000001'
export const DEPLOYER = 'dddddddd-0000-4000-8000-000000000001'
export const COLLEAGUE = 'dddddddd-0000-4000-8000-000000000002'
export const PIPELINE = 'dddddddd-0000-4000-8000-000000000003'
export const AZURE_MONITOR = '461e8683-5575-4561-ac7f-899cc907d62a'
export const EVENT_GRID = '4962773b-9cdb-44cf-a8bf-237846a00ab7'

export interface Entitlement {
  id: string
  value: string
  isEnabled: boolean
  allowedMemberTypes?: string[]
}
export interface StoredApplication {
  id: string
  appId: string
  uniqueName: string
  displayName: string
  signInAudience: string
  identifierUris: string[]
  appRoles: Entitlement[]
  spa: { redirectUris: string[] }
  api: {
    requestedAccessTokenVersion: number | null
    oauth2PermissionScopes: Entitlement[]
    preAuthorizedApplications: { appId: string; delegatedPermissionIds: string[] }[]
  }
}
interface Principal {
  readonly id: string
  readonly type: 'User' | 'Application'
  readonly appId?: string
}
interface Assignment {
  readonly id: string
  readonly principalId: string
  readonly resourceId: string
  readonly appRoleId: string
}

/** Faults of the real Graph. */
export interface GraphFaults {
  /** What the account may do; by default everything. */
  may?: { readonly applications: boolean; readonly roles: boolean }
  /** How many requests do not see an object that was just made: replicas. */
  staleReads?: number
  /** How many requests are answered 429 first. */
  throttled?: number
  /** Service principals of Microsoft cannot own an application. */
  refusesForeignOwner?: boolean
  /** The tenant allows identifier URIs with the client id only. */
  strictUris?: boolean
}

export interface SimulatedGraph {
  readonly endpoint: string
  readonly token: string
  readonly faults: GraphFaults
  readonly applications: readonly StoredApplication[]
  readonly principals: readonly Principal[]
  readonly assignments: readonly Assignment[]
  readonly owners: ReadonlyMap<string, readonly string[]>
  /** Method and path of every request that was meant to change something, oldest first. */
  readonly writes: readonly string[]
}

class Refusal extends Error {
  readonly status: number
  readonly code: string
  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}
const bad = (message: string, code = 'Request_BadRequest') => new Refusal(400, code, message)
const missing = (id: string) =>
  new Refusal(
    404,
    'Request_ResourceNotFound',
    `Resource '${id}' does not exist or one of its queried reference-property objects are not present.`,
  )

const WRITABLE = new Set(['displayName', 'signInAudience', 'identifierUris', 'appRoles', 'spa', 'api'])
const PAGE_SIZE = 2

/** As much of Microsoft Graph as a registration touches, as strict as its documentation, over loopback. */
export async function startSimulatedGraph(scope: Scope): Promise<SimulatedGraph> {
  const claims = Buffer.from(JSON.stringify({ tid: TENANT, oid: DEPLOYER })).toString('base64url')
  const token = `e30.${claims}.${randomUUID()}`
  const faults: GraphFaults = {}
  const applications: StoredApplication[] = []
  const principals: Principal[] = [DEPLOYER, COLLEAGUE].map((id) => ({ id, type: 'User' }))
  principals.push({ id: PIPELINE, type: 'Application' }, { id: randomUUID(), type: 'Application', appId: EVENT_GRID })
  const assignments: Assignment[] = []
  const owners = new Map<string, string[]>()
  const writes: string[] = []
  let stale = 0

  function may(what: 'applications' | 'roles'): void {
    if (faults.may?.[what] === false)
      throw new Refusal(403, 'Authorization_RequestDenied', 'Insufficient privileges to complete the operation.')
  }

  function patchApplication(
    uniqueName: string,
    body: Partial<StoredApplication>,
    prefer: string | undefined,
  ): [number, unknown] {
    may('applications')
    for (const name of Object.keys(body)) if (!WRITABLE.has(name)) throw bad(`Invalid property '${name}'.`)
    const found = applications.find((one) => one.uniqueName === uniqueName)
    if (found === undefined && prefer !== 'create-if-missing') throw missing(uniqueName)
    if (found === undefined && body.displayName === undefined) throw bad("Property 'displayName' is required.")
    const before: StoredApplication = found ?? {
      id: randomUUID(),
      appId: randomUUID(),
      uniqueName,
      displayName: '',
      signInAudience: 'AzureADMyOrg',
      identifierUris: [],
      appRoles: [],
      spa: { redirectUris: [] },
      api: { requestedAccessTokenVersion: null, oauth2PermissionScopes: [], preAuthorizedApplications: [] },
    }
    const after = { ...before, ...body, api: { ...before.api, ...body.api } }
    checkEntitlements(before.appRoles, after.appRoles)
    checkEntitlements(before.api.oauth2PermissionScopes, after.api.oauth2PermissionScopes)
    for (const { delegatedPermissionIds } of after.api.preAuthorizedApplications)
      for (const id of delegatedPermissionIds)
        // What is being made in the same request does not count yet.
        if (!before.api.oauth2PermissionScopes.some((one) => one.id === id))
          throw bad(`The delegated permission '${id}' does not exist.`)
    for (const uri of after.identifierUris.filter((one) => !before.identifierUris.includes(one))) checkUri(uri, before)
    if (found === undefined) {
      applications.push(after)
      owners.set(after.id, [])
      stale = faults.staleReads ?? 0
      return [201, after]
    }
    Object.assign(found, after)
    return [204, undefined]
  }

  function checkEntitlements(before: readonly Entitlement[], after: readonly Entitlement[]): void {
    for (const list of [after.map(({ id }) => id), after.map(({ value }) => value)])
      if (new Set(list).size !== list.length) throw bad('Request contains a property with duplicate values.')
    for (const one of before)
      if (one.isEnabled && !after.some(({ id }) => id === one.id))
        throw bad(
          'Permission (scope or role) cannot be deleted or updated unless disabled first.',
          'CannotDeleteOrUpdateEnabledEntitlement',
        )
    for (const one of after) if (Object.hasOwn(one, 'origin')) throw bad("Property 'origin' is read-only.")
  }

  function checkUri(uri: string, { appId }: StoredApplication): void {
    const allowed = faults.strictUris === true ? [`api://${appId}`, `api://${TENANT}/${appId}`] : undefined
    if (allowed?.includes(uri) === false || !(uri === `api://${appId}` || uri.startsWith(`api://${TENANT}/`)))
      throw bad(
        'Failed to add identifier URI. All newly added URIs must contain a tenant verified domain, tenant ID, or app ID.',
        'HostNameNotOnVerifiedDomain',
      )
    if (applications.some((one) => one.identifierUris.includes(uri)))
      throw bad('Another object with the same value for property identifierUris already exists.', 'ObjectConflict')
  }

  function addPrincipal({ appId, ...more }: { appId?: string }): Principal {
    may('applications')
    if (Object.keys(more).length > 0) throw bad('Invalid property.')
    const application = applications.find((one) => one.appId === appId)
    if (application !== undefined && stale-- > 0)
      throw bad(`The appId '${appId}' does not reference a valid application object.`, 'NoBackingApplicationObject')
    if (application === undefined && appId !== AZURE_MONITOR && appId !== EVENT_GRID)
      throw bad('No such application.', 'NoBackingApplicationObject')
    if (principals.some((one) => one.appId === appId))
      throw new Refusal(409, 'Request_MultipleObjectsWithSameKeyValue', 'The service principal already exists.')
    const principal: Principal = { id: randomUUID(), type: 'Application', appId: appId as string }
    principals.push(principal)
    return principal
  }

  function assign(resourceId: string, body: Omit<Assignment, 'id'>): Assignment {
    may('roles')
    const resource = principals.find(({ id }) => id === resourceId)
    const application = applications.find(({ appId }) => appId === resource?.appId)
    const principal = principals.find(({ id }) => id === body.principalId)
    if (resource === undefined || principal === undefined || body.resourceId !== resourceId)
      throw missing(body.principalId)
    const role = application?.appRoles.find(({ id }) => id === body.appRoleId)
    if (role === undefined) throw bad('Permission being assigned was not found on application')
    if (role.allowedMemberTypes?.includes(principal.type) !== true)
      throw bad('Permission being assigned is not allowed for this kind of principal')
    if (
      assignments.some(
        (one) =>
          one.principalId === body.principalId && one.appRoleId === body.appRoleId && one.resourceId === resourceId,
      )
    )
      throw bad('Permission being assigned already exists on the object')
    const assignment = { id: randomUUID(), ...body }
    assignments.push(assignment)
    return assignment
  }

  function addOwner(applicationId: string, reference: string): void {
    may('applications')
    const list = owners.get(applicationId)
    const id = new RegExp(`^${endpoint}/v1\\.0/directoryObjects/([0-9a-f-]{36})$`).exec(reference)?.[1]
    const principal = principals.find((one) => one.id === id)
    if (list === undefined || principal === undefined) throw missing(reference)
    if (list.includes(principal.id))
      throw bad("One or more added object references already exist for the following modified properties: 'owners'.")
    if (faults.refusesForeignOwner === true && principal.appId === AZURE_MONITOR)
      throw bad('The reference target is not a valid owner.')
    list.push(principal.id)
  }

  function answer(method: string, url: URL, body: unknown, prefer: string | undefined): [number, unknown] {
    const path = url.pathname
    let match: RegExpExecArray | null
    if (method !== 'GET') writes.push(`${method} ${path.replace('/v1.0', '')}`)
    if ((match = /^\/v1\.0\/applications\(uniqueName='([^']+)'\)$/.exec(path)) !== null) {
      if (method === 'PATCH') return patchApplication(match[1] as string, body as Partial<StoredApplication>, prefer)
      const found = applications.find(({ uniqueName }) => uniqueName === match?.[1])
      if (found === undefined || stale-- > 0) throw missing(match[1] as string)
      // In an order of its own.
      const { appRoles, ...more } = found
      return [200, { '@odata.context': 'x', createdDateTime: 'x', ...more, appRoles: appRoles.toReversed() }]
    }
    if ((match = /^\/v1\.0\/servicePrincipals\(appId='([^']+)'\)$/.exec(path)) !== null && method === 'GET') {
      const found = principals.find(({ appId }) => appId === match?.[1])
      if (found === undefined) throw missing(match[1] as string)
      return [200, found]
    }
    if (path === '/v1.0/servicePrincipals' && method === 'POST') return [201, addPrincipal(body as object)]
    if ((match = /^\/v1\.0\/servicePrincipals\/([^/]+)\/appRoleAssignedTo$/.exec(path)) !== null)
      return method === 'POST'
        ? [201, assign(match[1] as string, body as Assignment)]
        : [
            200,
            page(
              url,
              assignments.filter(({ resourceId }) => resourceId === match?.[1]),
            ),
          ]
    if ((match = /^\/v1\.0\/applications\/([^/]+)\/owners$/.exec(path)) !== null && method === 'GET')
      return [
        200,
        page(
          url,
          (owners.get(match[1] as string) ?? []).map((id) => ({ id })),
        ),
      ]
    if ((match = /^\/v1\.0\/applications\/([^/]+)\/owners\/\$ref$/.exec(path)) !== null && method === 'POST') {
      addOwner(match[1] as string, (body as Record<string, string>)['@odata.id'] ?? '')
      return [204, undefined]
    }
    throw new Refusal(400, 'BadRequest', `Resource not found for the segment '${path}'.`)
  }

  function page(url: URL, list: readonly unknown[]): unknown {
    const from = Number(url.searchParams.get('$skiptoken') ?? 0)
    const next = new URL(url)
    next.searchParams.set('$skiptoken', String(from + PAGE_SIZE))
    return {
      value: list.slice(from, from + PAGE_SIZE),
      ...(from + PAGE_SIZE < list.length ? { '@odata.nextLink': next.href } : {}),
    }
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString('utf8')
    try {
      if (request.headers.authorization !== `Bearer ${token}`)
        throw new Refusal(401, 'InvalidAuthenticationToken', 'Access token is empty.')
      if ((faults.throttled ?? 0) > 0) {
        faults.throttled = (faults.throttled ?? 0) - 1
        response.setHeader('retry-after', '7')
        throw new Refusal(429, 'TooManyRequests', 'Too many requests')
      }
      if (text !== '' && request.headers['content-type'] !== 'application/json') throw bad('A content type is needed.')
      const [status, body] = answer(
        request.method ?? '',
        new URL(request.url ?? '', endpoint),
        text === '' ? undefined : JSON.parse(text),
        request.headers.prefer as string | undefined,
      )
      response
        .writeHead(status, { 'content-type': 'application/json' })
        .end(body === undefined ? undefined : JSON.stringify(body))
    } catch (error) {
      const { status = 500, code = 'Service_Error', message } = error as Partial<Refusal>
      response
        .writeHead(status, { 'content-type': 'application/json' })
        .end(JSON.stringify({ error: { code, message } }))
    }
  }

  const server = createServer((request, response) => void serve(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  scope.after(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  )
  return { endpoint, token, faults, applications, principals, assignments, owners, writes }
}
