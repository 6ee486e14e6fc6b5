import { toFailureReply } from '../http/failure-reply.ts'
import type { Reply } from '../http/reply.ts'
import type { Reading } from '../reconnect/reading.ts'
import { outcomeOf } from '../reconnect/reconnect.ts'
import { httpFunction, type Invocation } from './invocation.ts'
import type { Handle } from './routes.ts'

/**
 * A request of an authenticated caller about what this app keeps. A read that succeeds is no decision and has no audit event; a change writes
 * its own. Everything that fails has one (contract, section 9).
 */
export function readFunction<T>(
  read: (invocation: Invocation) => Promise<Reading<T>>,
  toReply: (value: T, invocation: Invocation) => Reply,
): Handle {
  return httpFunction(
    { deadlineMs: ({ deadlineMs }) => deadlineMs, trigger: () => ({ kind: 'http' }) },
    async (invocation) => {
      const { app, ids, audit } = invocation
      const startedAtEpochMs = app.clock.now()
      const { result, caller } = await read(invocation)
      if (result.ok) return toReply(result.value, invocation)
      audit({
        ...ids,
        ...(caller === undefined ? {} : { caller }),
        trigger: { kind: 'http' },
        outcome: outcomeOf(result.error),
        failure: result.error,
        durationMs: app.clock.now() - startedAtEpochMs,
      })
      return toFailureReply(result.error, ids.correlationId, app.challenge)
    },
  )
}
