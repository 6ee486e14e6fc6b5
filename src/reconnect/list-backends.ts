import { parseBackendResourceId, type Backend } from '../domain/backend-id.ts'
import type { Caller } from '../domain/caller.ts'
import type { Action, Failure } from '../domain/failure.ts'
import type { Operation } from '../domain/operation.ts'
import { findPause, toShownPause, type Pause, type ShownPause } from '../domain/pause.ts'
import { isWithin, scopeKeysAt, scopeKeysCovering, type Scope } from '../domain/scope.ts'
import type { Credentials } from '../identity/credentials.ts'
import { actionsOn, isGranted } from '../policy/authorize.ts'
import type { Grant } from '../policy/policy-document.ts'
import type { Deadline } from '../shared/deadline.ts'
import { err, ok, type Result } from '../shared/result.ts'
import { toRfc3339 } from '../shared/rfc3339.ts'
import type { BackendDirectory, BackendStatus, Pauses } from './operator-ports.ts'
import { readFor, type CallerPorts, type Reading } from './reading.ts'

export interface BackendPorts extends CallerPorts {
  readonly directory: BackendDirectory
  readonly pauses: Pick<Pauses, 'list'>
}

export interface BackendListQuery {
  readonly service?: Scope
  readonly skipToken?: string
}

export interface ShownBackend {
  readonly id: string
  readonly actions: readonly Action[]
  readonly scheduled?: { readonly operation: string; readonly due: string }
  readonly inFlight?: { readonly operation: string }
  readonly paused?: ShownPause
  readonly last?: Operation
}

export interface BackendsPage {
  readonly backends: readonly ShownBackend[]
  readonly nextToken?: string
}

/**
 * What can I reconnect, and what goes on there: backends that a grant of the caller names, and those with operations in the last 90 days within
 * its scopes (contract, section 11). What was scheduled, paused and done last is shown with `read` only. ARM is not asked.
 */
export function listBackends(
  credentials: Credentials,
  parse: () => Result<BackendListQuery, Failure>,
  deadline: Deadline,
  ports: BackendPorts,
): Promise<Reading<BackendsPage>> {
  return readFor<BackendsPage>(credentials, deadline, ports, async (caller) => {
    const query = parse()
    if (!query.ok) return query
    const grants = ports.grants.of(caller.principals)
    if (grants.length === 0) return ok({ backends: [] })
    const { service, skipToken } = query.value
    const mayRead = (backend: Backend): boolean => isGranted(caller, 'read', backend, ports.grants)
    const [listed, pauses] = await Promise.all([
      ports.directory.list({
        named: namedBy(grants, service),
        scopes: scopesOf(grants, service),
        wantsLast: mayRead,
        ...(skipToken === undefined ? {} : { skipToken }),
      }),
      ports.grants.grantsAnywhere(caller.principals, 'read') ? ports.pauses.list() : [],
    ])
    switch (listed.kind) {
      case 'token_invalid':
        return err({ reason: 'parameter_invalid', parameter: '$skiptoken', expectation: 'the value of a nextLink' })
      case 'page': {
        const { backends, nextToken } = listed
        const shown = backends.map((status) =>
          show(status, caller, mayRead(status.backend) ? pauses : undefined, ports),
        )
        return ok({ backends: shown, ...(nextToken === undefined ? {} : { nextToken }) })
      }
    }
  })
}

/** Without pauses: the caller may not read the backend. */
function show(
  { backend, scheduled, inFlight, last }: BackendStatus,
  caller: Caller,
  pauses: readonly Pause[] | undefined,
  { grants, clock }: BackendPorts,
): ShownBackend {
  const actions = actionsOn(caller, backend, grants)
  const flying = inFlight === undefined ? {} : { inFlight: { operation: inFlight } }
  if (pauses === undefined) return { id: backend.resourceId, actions, ...flying }
  const paused = findPause(pauses, backend, undefined, clock.now())
  return {
    id: backend.resourceId,
    actions,
    ...(scheduled === undefined
      ? {}
      : { scheduled: { operation: scheduled.operationId, due: toRfc3339(scheduled.dueEpochMs) } }),
    ...flying,
    ...(paused === undefined ? {} : { paused: toShownPause(paused) }),
    ...(last === undefined ? {} : { last }),
  }
}

/** Backends that a grant names, each once. */
function namedBy(grants: readonly Grant[], service: Scope | undefined): readonly Backend[] {
  const named = new Map<string, Backend>()
  for (const { scope } of grants) {
    const backend = parseBackendResourceId(scope.resourceId)
    if (!backend.ok || named.has(backend.value.key)) continue
    if (service === undefined || scopeKeysCovering(backend.value).includes(service.key))
      named.set(backend.value.key, backend.value)
  }
  return [...named.values()]
}

/** The widest scopes of the grants, without single backends; of a service only that service. */
function scopesOf(grants: readonly Grant[], service: Scope | undefined): readonly Scope[] {
  const wide = grants.map(({ scope }) => scope).filter(({ resourceId }) => !parseBackendResourceId(resourceId).ok)
  if (service !== undefined) return wide.some((scope) => isWithin(service, scope)) ? [service] : []
  const keys = new Set(wide.map(({ key }) => key))
  const widest = wide.filter(
    (scope) =>
      !scopeKeysAt(scope)
        .slice(1)
        .some((key) => keys.has(key)),
  )
  return [...new Map(widest.map((scope) => [scope.key, scope])).values()]
}
