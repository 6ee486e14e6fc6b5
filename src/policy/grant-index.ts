import type { Backend } from '../domain/backend-id.ts'
import type { Principal } from '../domain/caller.ts'
import type { Action } from '../domain/failure.ts'
import { scopeKeysCovering } from '../domain/scope.ts'
import type { Grant } from './policy-document.ts'

/** The grants by scope, principal and action. */
export interface GrantIndex {
  /**
   * The grant that gives one of `principals` `action` on `backend`, at the narrowest scope. Costs four look-ups per principal for any number
   * of grants.
   */
  find(principals: readonly Principal[], action: Action, backend: Backend): Grant | undefined
  /** Whether any grant gives one of `principals` `action`. */
  grantsAnywhere(principals: readonly Principal[], action: Action): boolean
}

/** Uses maps, since a role may be called `__proto__` or `constructor`. */
export function createGrantIndex(grants: readonly Grant[]): GrantIndex {
  const byScope = new Map<string, Map<Principal, Map<Action, Grant>>>()
  const anywhere = new Map<Principal, Set<Action>>()
  for (const grant of grants) {
    const byPrincipal = byScope.get(grant.scope.key) ?? new Map<Principal, Map<Action, Grant>>()
    byScope.set(grant.scope.key, byPrincipal)
    const byAction = byPrincipal.get(grant.principal) ?? new Map<Action, Grant>()
    byPrincipal.set(grant.principal, byAction)
    for (const action of grant.actions) if (!byAction.has(action)) byAction.set(action, grant)
    anywhere.set(grant.principal, new Set([...(anywhere.get(grant.principal) ?? []), ...grant.actions]))
  }
  return {
    grantsAnywhere: (principals, action) =>
      principals.some((principal) => anywhere.get(principal)?.has(action) === true),
    find(principals, action, backend) {
      for (const key of scopeKeysCovering(backend)) {
        const byPrincipal = byScope.get(key)
        if (byPrincipal === undefined) continue
        for (const principal of principals) {
          const grant = byPrincipal.get(principal)?.get(action)
          if (grant !== undefined) return grant
        }
      }
      return undefined
    },
  }
}
