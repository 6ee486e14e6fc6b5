import type { Caller } from '../domain/caller.ts'
import type { Failure } from '../domain/failure.ts'
import type { Credentials } from '../identity/credentials.ts'
import type { GrantIndex } from '../policy/grant-index.ts'
import type { Clock } from '../shared/clock.ts'
import type { Deadline } from '../shared/deadline.ts'
import { describeError } from '../shared/describe-error.ts'
import { err, type Result } from '../shared/result.ts'
import { TIMED_OUT, within } from '../shared/within.ts'
import type { Authenticate } from './ports.ts'

/** What every answer to an authenticated caller needs. */
export interface CallerPorts {
  readonly authenticate: Authenticate
  readonly grants: GrantIndex
  readonly clock: Clock
}

/** The answer, and who asked as far as that is known. */
export interface Reading<T> {
  readonly result: Result<T, Failure>
  readonly caller?: Caller
}

/** authenticate → read, within the deadline. Storage that is away is a failure of its own. */
export async function readFor<T>(
  credentials: Credentials,
  deadline: Deadline,
  { authenticate, clock }: CallerPorts,
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
