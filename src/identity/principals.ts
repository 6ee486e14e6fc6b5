import { parsePrincipal, type Caller, type Principal } from '../domain/caller.ts'
import { foldAscii } from '../domain/segments.ts'

/**
 * Only this many roles and this many groups of a caller are read. The rest is ignored, which can only remove permissions.
 * Entra puts at most 200 groups into a token. Beyond that it sends a link to Microsoft Graph instead (overage), which is NOT followed.
 * To stay below, grant to an app role, or assign the groups to the application.
 */
export const MAX_PRINCIPALS_PER_CLAIM = 256

/** Enough for a display name or a mail address in the record. */
const MAX_NAME_CHARS = 128

/** What was proven about a caller. {@link toPerson} and {@link toApplication} make principals of it. */
export interface ProvenIdentity {
  /** Object id of a person or client id of an application: a GUID. */
  readonly id: string
  readonly roles: readonly string[]
  readonly groups: readonly string[]
  /** For the record only. */
  readonly name: string | undefined
}

/** A person is `user:<object id>` and never `app:`: a grant to a tool is not a grant to everyone who uses it. */
export function toPerson(identity: ProvenIdentity): Caller {
  return toCaller('user', identity)
}

/** An application that acts for itself: `app:<client id>`. */
export function toApplication(identity: ProvenIdentity): Caller {
  return toCaller('app', identity)
}

function toCaller(kind: 'user' | 'app', identity: ProvenIdentity): Caller {
  const id = foldAscii(identity.id)
  const own = parsePrincipal(`${kind}:${id}`)
  if (own === undefined) throw new TypeError(`the id of a ${kind} must be a GUID`)
  const principals = [own, ...named('role', identity.roles), ...named('group', identity.groups)]
  const name = identity.name?.slice(0, MAX_NAME_CHARS)
  return { kind, id, ...(name === undefined ? {} : { name }), principals: [...new Set(principals)] }
}

/** Values that are no principal are left out: a group's name instead of its id, a role with a space. */
function named(kind: 'role' | 'group', values: readonly string[]): readonly Principal[] {
  return values
    .slice(0, MAX_PRINCIPALS_PER_CLAIM)
    .map((value) => parsePrincipal(`${kind}:${value}`))
    .filter((principal) => principal !== undefined)
}

/** The first claim that can serve as a name. */
export function firstName(...candidates: readonly unknown[]): string | undefined {
  return candidates.find((candidate): candidate is string => typeof candidate === 'string' && candidate !== '')
}
