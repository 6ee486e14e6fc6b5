import type { Backend } from '../domain/backend-id.ts'
import type { Principal } from '../domain/caller.ts'
import type { Action } from '../domain/failure.ts'
import { scopeKeysAt, scopeKeysCovering, type Scope } from '../domain/scope.ts'
import type { Grant } from './policy-document.ts'

/** The grants by scope, principal and action. */
export interface GrantIndex {
  /**
   * The grant that gives one of `principals` `action` on `backend`, at the narrowest scope. Costs four look-ups per principal for any number
   * of grants.
   */
  find(principals: readonly Principal[], action: Action, backend: Backend): Grant | undefined
  /** Whether a grant gives one of `principals` `action` on everything in `scope`. */
  covers(principals: readonly Principal[], action: Action, scope: Scope): boolean
  /** The grants to one of `principals`, in the order of the policy. */
  of(principals: readonly Principal[]): readonly Grant[]
  /** Whether any grant gives one of `principals` `action`. */
  grantsAnywhere(principals: readonly Principal[], action: Action): boolean
}

/** Uses maps, since a role may be called `__proto__` or `constructor`. */
export function createGrantIndex(grants: readonly Grant[]): GrantIndex {
  const byScope = new Map<string, Map<Principal, Map<Action, Grant>>>()
  const anywhere = new Map<Principal, Set<Action>>()
  const toPrincipal = new Map<Principal, Grant[]>()
  for (const grant of grants) {
    const byPrincipal = byScope.get(grant.scope.key) ?? new Map<Principal, Map<Action, Grant>>()
    byScope.set(grant.scope.key, byPrincipal)
    const byAction = byPrincipal.get(grant.principal) ?? new Map<Action, Grant>()
    byPrincipal.set(grant.principal, byAction)
    for (const action of grant.actions) if (!byAction.has(action)) byAction.set(action, grant)
    const own = toPrincipal.get(grant.principal) ?? []
    own.push(grant)
    toPrincipal.set(grant.principal, own)
    anywhere.set(grant.principal, new Set([...(anywhere.get(grant.principal) ?? []), ...grant.actions]))
  }
  return {
    grantsAnywhere: (principals, action) =>
      principals.some((principal) => anywhere.get(principal)?.has(action) === true),
    find: (principals, action, backend) => findAt(scopeKeysCovering(backend), principals, action),
    covers: (principals, action, scope) => findAt(scopeKeysAt(scope), principals, action) !== undefined,
    of: (principals) =>
      [...new Set(principals)]
        .flatMap((principal) => toPrincipal.get(principal) ?? [])
        .toSorted((a, b) => a.index - b.index),
  }

  function findAt(keys: readonly string[], principals: readonly Principal[], action: Action): Grant | undefined {
    for (const key of keys) {
      const byPrincipal = byScope.get(key)
      if (byPrincipal === undefined) continue
      for (const principal of principals) {
        const grant = byPrincipal.get(principal)?.get(action)
        if (grant !== undefined) return grant
      }
    }
    return undefined
  }
}
