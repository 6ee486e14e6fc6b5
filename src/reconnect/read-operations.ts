import type { Caller } from '../domain/caller.ts'
import { parseBackendResourceId } from '../domain/backend-id.ts'
import type { Failure } from '../domain/failure.ts'
import type { OperationQuery } from '../domain/operation-query.ts'
import type { Operation } from '../domain/operation.ts'
import type { OperationId } from '../domain/operation-id.ts'
import type { Credentials } from '../identity/credentials.ts'
import { isGranted } from '../policy/authorize.ts'
import type { GrantIndex } from '../policy/grant-index.ts'
import type { Deadline } from '../shared/deadline.ts'
import { err, ok, type Result } from '../shared/result.ts'
import type { History } from './operator-ports.ts'
import { readFor, type CallerPorts, type Reading } from './reading.ts'

export interface ReadPorts extends CallerPorts {
  readonly history: History
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

function mayRead(caller: Caller, operation: Operation, grants: GrantIndex): boolean {
  const backend = parseBackendResourceId(operation.backend)
  return backend.ok && isGranted(caller, 'read', backend.value, grants)
}

/** Contract, section 7: `Location` leads the caller that made the operation to it. */
function isMaker(caller: Caller, { caller: maker }: Operation): boolean {
  return caller.kind === maker.kind && caller.id === maker.id
}
