import { err, ok, type Result } from '../shared/result.ts'
import type { Backend } from '../domain/backend-id.ts'
import type { Caller } from '../domain/caller.ts'
import type { ReconnectCommand } from '../domain/command.ts'
import type { Action, AuthorizationFailure } from '../domain/failure.ts'
import type { GrantIndex } from './grant-index.ts'

declare const authorized: unique symbol

/** A command that its caller may give. {@link authorize} is the only producer, and sending takes nothing else. */
export interface AuthorizedReconnect {
  readonly [authorized]: true
  readonly command: ReconnectCommand
  readonly caller: Caller
}

/** Default deny: every action that the command needs must be granted at a scope that covers its backend. */
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

/** Whether one of the caller's principals holds `action` at a scope that covers `backend`. */
export function isGranted(caller: Caller, action: Action, backend: Backend, grants: GrantIndex): boolean {
  return grants.find(caller.principals, action, backend) !== undefined
}
