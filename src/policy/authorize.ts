import { err, ok, type Result } from '../shared/result.ts'
import type { Backend } from '../domain/backend-id.ts'
import type { Caller } from '../domain/caller.ts'
import type { ReconnectCommand } from '../domain/command.ts'
import { ACTIONS, type Action, type AuthorizationFailure } from '../domain/failure.ts'
import type { Scope } from '../domain/scope.ts'
import type { GrantIndex } from './grant-index.ts'

declare const authorized: unique symbol

/** A command with the permission to send it. Only {@link authorize} makes one, and sending accepts nothing else. */
export interface AuthorizedReconnect {
  readonly [authorized]: true
  readonly command: ReconnectCommand
  readonly caller: Caller
}

/** Default deny: each action that the command needs must be granted at a scope that covers its backend (contract, section 8). */
export function authorize(
  caller: Caller,
  command: ReconnectCommand,
  grants: GrantIndex,
): Result<AuthorizedReconnect, AuthorizationFailure> {
  const needed: readonly Action[] = command.force ? ['reconnect', 'force'] : ['reconnect']
  for (const action of needed) {
    if (!isGranted(caller, action, command.backend, grants))
      return err({ reason: 'not_granted', action, scope: command.backend.resourceId })
  }
  return ok({ command, caller } as AuthorizedReconnect)
}

/** Whether a grant gives one of the caller's principals `action` at a scope that covers `backend`. */
export function isGranted(caller: Caller, action: Action, backend: Backend, grants: GrantIndex): boolean {
  return grants.find(caller.principals, action, backend) !== undefined
}

/** Whether the caller may `action` on everything in a scope: a grant at the scope or above it says so. */
export function isScopeGranted(caller: Caller, action: Action, scope: Scope, grants: GrantIndex): boolean {
  return grants.covers(caller.principals, action, scope)
}

/** Everything that the caller may do with a backend, in the order of the contract. */
export function actionsOn(caller: Caller, backend: Backend, grants: GrantIndex): readonly Action[] {
  return ACTIONS.filter((action) => isGranted(caller, action, backend, grants))
}
