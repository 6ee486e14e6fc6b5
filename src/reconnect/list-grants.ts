import type { Caller } from '../domain/caller.ts'
import { ACTIONS, type Action, type Failure } from '../domain/failure.ts'
import type { Credentials } from '../identity/credentials.ts'
import type { Grant } from '../policy/policy-document.ts'
import type { Deadline } from '../shared/deadline.ts'
import { ok, type Result } from '../shared/result.ts'
import { readFor, type CallerPorts, type Reading } from './reading.ts'

export interface CallerGrants {
  readonly caller: Pick<Caller, 'kind' | 'id' | 'name'>
  readonly principals: readonly string[]
  readonly grants: readonly { readonly scope: string; readonly actions: readonly Action[] }[]
}

/** What may I do, and why not that: by which principals grants know the caller, and the grants that name one of them. */
export function listGrants(
  credentials: Credentials,
  checkQuery: () => Result<unknown, Failure>,
  deadline: Deadline,
  ports: CallerPorts,
): Promise<Reading<CallerGrants>> {
  return readFor<CallerGrants>(credentials, deadline, ports, async ({ kind, id, name, principals }) => {
    const query = checkQuery()
    if (!query.ok) return query
    const caller = { kind, id, ...(name === undefined ? {} : { name }) }
    return ok({ caller, principals, grants: mergeByScope(ports.grants.of(principals)) })
  })
}

/** Several grants of one scope count together; its first spelling is shown. */
function mergeByScope(grants: readonly Grant[]): CallerGrants['grants'] {
  const byScope = new Map<string, { readonly scope: string; readonly granted: Set<Action> }>()
  for (const { scope, actions } of grants) {
    const { granted } = byScope.get(scope.key) ?? { granted: new Set<Action>() }
    for (const action of actions) granted.add(action)
    if (!byScope.has(scope.key)) byScope.set(scope.key, { scope: scope.resourceId, granted })
  }
  return [...byScope.values()].map(({ scope, granted }) => ({
    scope,
    actions: ACTIONS.filter((action) => granted.has(action)),
  }))
}
