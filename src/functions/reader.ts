import type { HttpRequest, InvocationContext } from '@azure/functions'
import { printable } from '../audit/redact.ts'
import { composition, type App } from '../composition.ts'
import type { Caller } from '../domain/caller.ts'
import type { Failure } from '../domain/failure.ts'
import { toFailureReply } from '../http/failure-reply.ts'
import type { Reply } from '../http/reply.ts'
import { readRequestIds } from '../http/request-ids.ts'
import { StorageFault } from '../ledger/store.ts'
import { createDeadline } from '../shared/deadline.ts'
import { TIMED_OUT, within } from '../shared/within.ts'

export interface Reading {
  readonly app: App
  readonly caller: Caller
  readonly correlationId: string
}

/** Authenticates whoever wants to read operations; what they may read is decided operation by operation. Storage that is away is a 503. */
export async function admitReader(
  request: HttpRequest,
  context: InvocationContext,
  read: (reading: Reading) => Promise<Reply>,
): Promise<Reply> {
  const { correlationId } = readRequestIds(request.headers)
  const app = composition()
  const refuse = (failure: Failure): Reply => {
    const detail = 'detail' in failure && failure.detail !== undefined ? { detail: printable(failure.detail) } : {}
    context.warn(
      JSON.stringify({ event: 'reconnect.read', correlationId, outcome: 'refused', reason: failure.reason, ...detail }),
    )
    return toFailureReply(failure, correlationId, app.ok ? app.value.challenge : undefined)
  }
  if (!app.ok) return refuse({ reason: 'configuration_invalid' })

  const deadline = createDeadline(app.value.ports.clock, app.value.deadlineMs)
  try {
    const header = (name: string): string | undefined => request.headers.get(name) ?? undefined
    const caller = await app.value.ports.authenticate(
      { authorization: header('authorization'), clientPrincipal: header('x-ms-client-principal') },
      deadline,
    )
    if (!caller.ok) return refuse(caller.error)
    try {
      const reply = await within(
        read({ app: app.value, caller: caller.value, correlationId }),
        deadline.remainingMs(),
        app.value.ports.clock,
      )
      return reply === TIMED_OUT
        ? refuse({ reason: 'storage_unavailable', detail: 'storage did not answer within the deadline' })
        : reply
    } catch (fault) {
      if (!(fault instanceof StorageFault)) throw fault
      return refuse({ reason: 'storage_unavailable', detail: fault.message })
    }
  } finally {
    deadline.dispose()
  }
}
