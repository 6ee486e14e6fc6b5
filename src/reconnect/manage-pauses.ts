import type { Caller } from '../domain/caller.ts'
import type { Failure, RequestFailure } from '../domain/failure.ts'
import { isLasting, MAX_PAUSES, type NewPause, type Pause, type PauseFacts, type PauseId } from '../domain/pause.ts'
import type { Credentials } from '../identity/credentials.ts'
import { isScopeGranted } from '../policy/authorize.ts'
import type { Deadline } from '../shared/deadline.ts'
import { err, ok, type Result } from '../shared/result.ts'
import { toRfc3339 } from '../shared/rfc3339.ts'
import type { Pauses } from './operator-ports.ts'
import type { RequestIds } from './ports.ts'
import { readFor, type CallerPorts, type Reading } from './reading.ts'

export interface PausePorts extends CallerPorts {
  readonly pauses: Omit<Pauses, 'find'>
  /** Names of the webhooks that the policy has. */
  readonly webhooks: { has(name: string): boolean }
  readonly createPauseId: () => PauseId
}

/** The part that differs from request to request. */
export interface PauseRequest {
  readonly ids: RequestIds
  readonly credentials: Credentials
  readonly deadline: Deadline
  readonly audit: (facts: PauseFacts) => void
}

const MAX_NAME_CHARS = 256

/** Pauses that last, on scopes that the caller may read. */
export function listPauses(
  credentials: Credentials,
  checkQuery: () => Result<unknown, Failure>,
  deadline: Deadline,
  ports: PausePorts,
): Promise<Reading<readonly Pause[]>> {
  return readFor<readonly Pause[]>(credentials, deadline, ports, async (caller) => {
    const query = checkQuery()
    if (!query.ok) return query
    if (!ports.grants.grantsAnywhere(caller.principals, 'read')) return ok([])
    const pauses = await ports.pauses.list()
    return ok(pauses.filter(({ scope }) => isScopeGranted(caller, 'read', scope, ports.grants)))
  })
}

/**
 * check framing → authenticate → read the body → authorize → store. 503: storage did not confirm it. If it was stored,
 * it is in the list and ends by itself.
 */
export async function createPause(
  request: PauseRequest & {
    readonly checkFraming: () => Result<void, RequestFailure>
    readonly readPause: (nowEpochMs: number) => Promise<Result<NewPause, Failure>>
  },
  ports: PausePorts,
): Promise<Reading<Pause>> {
  const startedAtEpochMs = ports.clock.now()
  const framing = request.checkFraming()
  if (!framing.ok) return { result: framing }
  return readFor<Pause>(request.credentials, request.deadline, ports, async (caller) => {
    const read = await request.readPause(ports.clock.now())
    if (!read.ok) return read
    const { scope, webhook } = read.value
    if (!isScopeGranted(caller, 'pause', scope, ports.grants)) return err(denied(scope.resourceId))
    // Asked only now: which webhooks there are is not for everyone.
    if (webhook !== undefined && !ports.webhooks.has(webhook))
      return err({ reason: 'body_malformed', expectation: "'webhook' to be the name of a webhook of the policy" })
    if ((await ports.pauses.list()).length >= MAX_PAUSES) return err({ reason: 'pause_limit', limit: MAX_PAUSES })
    const now = ports.clock.now()
    const pause: Pause = {
      ...read.value,
      id: ports.createPauseId(),
      createdAt: toRfc3339(now),
      createdBy: toCreator(caller),
    }
    await ports.pauses.create(pause)
    request.audit(factsOf('created', pause, caller, request, ports.clock.now() - startedAtEpochMs))
    return ok(pause)
  })
}

/** authenticate → authorize → remove. A pause that the caller may neither end nor read does not exist for it. */
export async function deletePause(
  request: PauseRequest & {
    readonly checkQuery: () => Result<unknown, Failure>
    readonly id: PauseId | undefined
  },
  ports: PausePorts,
): Promise<Reading<void>> {
  const startedAtEpochMs = ports.clock.now()
  return readFor<void>(request.credentials, request.deadline, ports, async (caller) => {
    const query = request.checkQuery()
    if (!query.ok) return query
    const notFound = err({ reason: 'pause_not_found' } as const)
    const { grants, pauses, clock } = ports
    const isConcerned = (['pause', 'read'] as const).some((action) => grants.grantsAnywhere(caller.principals, action))
    if (request.id === undefined || !isConcerned) return notFound
    const pause = await pauses.read(request.id)
    if (pause === undefined || !isLasting(pause, clock.now())) return notFound
    if (!isScopeGranted(caller, 'pause', pause.scope, grants))
      return isScopeGranted(caller, 'read', pause.scope, grants) ? err(denied(pause.scope.resourceId)) : notFound
    if (!(await pauses.remove(pause.id))) return notFound
    request.audit(factsOf('deleted', pause, caller, request, clock.now() - startedAtEpochMs))
    return ok(undefined)
  })
}

function denied(scope: string): Failure {
  return { reason: 'not_granted', action: 'pause', scope }
}

function factsOf(
  outcome: PauseFacts['outcome'],
  pause: Pause,
  caller: Caller,
  { ids }: PauseRequest,
  durationMs: number,
): PauseFacts {
  return { ...ids, caller, outcome, pause, durationMs }
}

function toCreator({ kind, id, name }: Caller): Pause['createdBy'] {
  return { kind, id, ...(name === undefined ? {} : { name: name.slice(0, MAX_NAME_CHARS) }) }
}
