import { DEFAULT_AFTER_MS } from '../domain/duration.ts'
import type { Trigger } from '../domain/trigger.ts'
import type { AuthorizedReconnect } from '../policy/authorize.ts'
import type { Deliveries, Forwarded, Ledger, Passage } from '../reconnect/ports.ts'
import type { Deadline } from '../shared/deadline.ts'
import { within } from '../shared/within.ts'
import { createDeliveries, type DeliveriesOptions } from './deliveries.ts'
import { createOperationId, partitionKeyOf } from './keys.ts'
import { startOperation } from './operations.ts'
import { createPassages, type Met, type Passing, type PassagesOptions, type Taken } from './passages.ts'

export interface LedgerOptions extends DeliveriesOptions, Pick<PassagesOptions, 'deadlineMs'> {
  readonly random?: () => number
}

/** Of the time of a request for which nothing is sent: what has not been written by then is not waited for. */
const NOTE_SHARE = 0.25

/**
 * One reconnect per backend. With storage away it still holds within this process for people and tools, and the passage says that nothing
 * was recorded; deliveries of alerts wait until storage is back.
 */
export function createLedger({ random = Math.random, ...options }: LedgerOptions): Ledger & Deliveries {
  const { records, storageClock, clock, deadlineMs, describe } = options
  const passages = createPassages({ ...options, random })

  function begin(permit: AuthorizedReconnect, trigger?: Trigger): Passing {
    const partitionKey = partitionKeyOf(permit.command.backend.key)
    const now = storageClock.now()
    return passages.begin(
      permit,
      partitionKey,
      startOperation(permit, createOperationId(partitionKey, now), now, trigger),
    )
  }

  /** What became of a request over HTTP, by what it met. */
  async function take(
    met: Met,
    passing: Passing,
    deadline: Deadline,
    send: () => Promise<Forwarded>,
  ): Promise<Taken<Passage>> {
    switch (met.kind) {
      case 'join': {
        const operation = passages.ended(passing, { kind: 'joined', scheduled: met.scheduled })
        return {
          passage: {
            kind: 'joined',
            operation,
            dueEpochMs: met.scheduled.dueEpochMs,
            recorded: await passages.inTime(deadline, records.write(operation)),
          },
        }
      }
      case 'busy': {
        const operation = passages.ended(passing, {
          kind: 'failed',
          error: describe({ reason: 'in_flight_elsewhere' }),
        })
        return {
          passage: { kind: 'busy', operation, recorded: await passages.inTime(deadline, records.write(operation)) },
        }
      }
      case 'start':
      case 'unavailable': {
        const { passage, ...taken } = await passages.sendOn(met, passing, deadline, send, (failed) => failed)
        return { passage: { kind: 'sent', ...passage }, ...taken }
      }
      case 'exhausted':
      case 'over':
        throw new Error(`a request over HTTP is never ${met.kind}`)
    }
  }

  return {
    once(permit, deadline, send) {
      const passing = begin(permit)
      return passages.pass(passing, deadline, (met) => take(met, passing, deadline, send))
    },

    async note(permit, failure, trigger) {
      const passing = begin(permit, trigger)
      const operation = passages.ended(
        passing,
        failure === undefined
          ? { kind: 'dry-run', dueEpochMs: storageClock.now() + (permit.command.after?.ms ?? DEFAULT_AFTER_MS) }
          : { kind: 'failed', error: describe(failure) },
      )
      const recorded = await within(records.write(operation), deadlineMs * NOTE_SHARE, clock)
      return { operation, recorded: recorded === true }
    },

    ...createDeliveries(passages, options),
  }
}
