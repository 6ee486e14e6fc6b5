import type { Caller } from '../domain/caller.ts'
import { parseBackendResourceId } from '../domain/backend-id.ts'
import type { Failure } from '../domain/failure.ts'
import type { OperationQuery } from '../domain/operation-query.ts'
import type { Operation, OperationId } from '../domain/operation.ts'
import type { Credentials } from '../identity/credentials.ts'
import { isGranted } from '../policy/authorize.ts'
import type { GrantIndex } from '../policy/grant-index.ts'
import type { Clock } from '../shared/clock.ts'
import type { Deadline } from '../shared/deadline.ts'
import { describeError } from '../shared/describe-error.ts'
import { err, ok, type Result } from '../shared/result.ts'
import { TIMED_OUT, within } from '../shared/within.ts'
import type { Authenticate, History } from './ports.ts'

export interface ReadPorts {
  readonly authenticate: Authenticate
  readonly grants: GrantIndex
  readonly history: History
  readonly clock: Clock
}

/** Of a read: the answer, and who asked as far as that is known. */
export interface Reading<T> {
  readonly result: Result<T, Failure>
  readonly caller?: Caller
}

export interface OperationsPage {
  readonly operations: readonly Operation[]
  readonly nextToken?: string
}

/** One operation, for who may read its backend or made it. What the caller may not read does not exist. */
export function readOperation(
  credentials: Credentials,
  id: OperationId | undefined,
  deadline: Deadline,
  ports: ReadPorts,
): Promise<Reading<Operation>> {
  return readFor(credentials, deadline, ports, async (caller) => {
    const operation = id === undefined ? undefined : await ports.history.find(id)
    if (operation !== undefined && (isMaker(caller, operation) || mayRead(caller, operation, ports.grants)))
      return ok(operation)
    return err({ reason: 'operation_not_found' })
  })
}

/** Newest first, only what the caller may read; of the rest not even the number is told. */
export function listOperations(
  credentials: Credentials,
  parse: () => Result<OperationQuery, Failure>,
  deadline: Deadline,
  ports: ReadPorts,
): Promise<Reading<OperationsPage>> {
  return readFor<OperationsPage>(credentials, deadline, ports, async (caller) => {
    const query = parse()
    if (!query.ok) return query
    // Who may read nothing learns nothing, also not from how many pages there are.
    if (!ports.grants.grantsAnywhere(caller.principals, 'read')) return ok({ operations: [] })
    const listed = await ports.history.list(query.value, (operation) => mayRead(caller, operation, ports.grants))
    switch (listed.kind) {
      case 'token_invalid':
        return err({ reason: 'parameter_invalid', parameter: '$skiptoken', expectation: 'the value of a nextLink' })
      case 'page':
        return ok(listed)
    }
  })
}

/** authenticate → read, within the deadline. Storage that is away is a failure of its own. */
async function readFor<T>(
  credentials: Credentials,
  deadline: Deadline,
  { authenticate, clock }: ReadPorts,
  read: (caller: Caller) => Promise<Result<T, Failure>>,
): Promise<Reading<T>> {
  const caller = await authenticate(credentials, deadline)
  if (!caller.ok) return { result: caller }
  const known = { caller: caller.value }
  try {
    const result = await within(read(caller.value), deadline.remainingMs(), clock)
    if (result !== TIMED_OUT) return { ...known, result }
    const detail = 'storage did not answer within the deadline'
    return { ...known, result: err({ reason: 'storage_unavailable', detail }) }
  } catch (fault) {
    const isStorage = fault instanceof Error && fault.name === 'StorageFault'
    const failure: Failure = isStorage
      ? { reason: 'storage_unavailable', detail: fault.message }
      : { reason: 'defect', detail: describeError(fault) }
    return { ...known, result: err(failure) }
  }
}

function mayRead(caller: Caller, operation: Operation, grants: GrantIndex): boolean {
  const backend = parseBackendResourceId(operation.backend)
  return backend.ok && isGranted(caller, 'read', backend.value, grants)
}

/** Contract, section 7: `Location` leads the caller that made the operation to it. */
function isMaker(caller: Caller, { caller: maker }: Operation): boolean {
  return caller.kind === maker.kind && caller.id === maker.id
}
