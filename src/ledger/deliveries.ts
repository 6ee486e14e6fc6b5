import { isOvertaken, type Operation } from '../domain/operation.ts'
import type { Delivered, Deliveries, Delivery, Forwarded } from '../reconnect/ports.ts'
import type { Deadline } from '../shared/deadline.ts'
import { operationKeysOf } from './keys.ts'
import { endOperation } from './operations.ts'
import type { Met, Passages, PassagesOptions, Sent, Taken } from './passages.ts'
import type { AlertLimit } from './slot.ts'
import type { OperationStore } from './store.ts'

/** Longer than storage is left alone after it has failed. */
const WRITE_AGAIN_MS = 6_000
/** What ARM has answered is not known twice: it is written down with more patience than anything else, while the lease runs. */
const WRITE_TRIES = 4

export interface DeliveriesOptions extends Omit<PassagesOptions, 'random' | 'deadlineMs'> {
  readonly store: PassagesOptions['store'] & Pick<OperationStore, 'readOperation'>
  readonly limit: AlertLimit & { readonly window: string }
}

type Passed = Exclude<Delivered, { kind: 'sent' }> | ({ readonly kind: 'sent' } & Sent)

/**
 * Operations of alerts on their way. The same passage as that of a request over HTTP, with three differences: the operation exists already
 * and may be delivered twice; alerts are limited; and nothing is sent that storage does not know of.
 */
export function createDeliveries(
  passages: Passages,
  { store, records, storageClock, clock, describe, limit }: DeliveriesOptions,
): Deliveries {
  async function take(
    met: Met,
    passing: ReturnType<Passages['begin']>,
    deadline: Deadline,
    send: () => Promise<Forwarded>,
    judge: Parameters<Deliveries['deliver']>[3],
  ): Promise<Taken<Passed>> {
    /** What could not be written down has not happened: the message comes again. */
    const written = async <D extends { readonly operation: Operation }>(
      delivered: D,
    ): Promise<(D & { readonly recorded: true }) | { readonly kind: 'unavailable'; readonly detail: string }> =>
      (await passages.inTime(deadline, records.write(delivered.operation)))
        ? { ...delivered, recorded: true }
        : { kind: 'unavailable', detail: 'storage did not take it' }

    switch (met.kind) {
      case 'join': {
        const { scheduled } = met
        if (scheduled.operationId === passing.started.id) return { passage: { kind: 'over' } }
        return {
          passage: await written({
            kind: 'joined' as const,
            operation: passages.ended(passing, { kind: 'joined', scheduled }),
            dueEpochMs: scheduled.dueEpochMs,
          }),
        }
      }
      case 'exhausted': {
        const failure = { reason: 'loop_guard', count: limit.count, window: limit.window } as const
        return {
          passage: await written({
            kind: 'exhausted' as const,
            failure,
            operation: passages.ended(passing, { kind: 'exhausted', error: describe(failure) }),
          }),
        }
      }
      case 'start': {
        const { passage, ...taken } = await passages.sendOn(
          met,
          passing,
          deadline,
          send,
          async (failed, { result, retryAfterMs }) => {
            const judged = result.ok ? 'failed' : await judge(result.error, retryAfterMs)
            return judged === 'failed' ? failed : { ...failed, kind: 'accepted', delivery: judged.tries }
          },
        )
        return { passage: { kind: 'sent', ...passage }, ...taken }
      }
      case 'busy':
      case 'over':
      case 'unavailable':
        return { passage: met }
    }
  }

  async function insist(recordAgain: () => Promise<boolean>): Promise<boolean> {
    for (let tries = 0; tries < WRITE_TRIES; tries += 1) {
      await clock.sleep(WRITE_AGAIN_MS)
      if (await recordAgain()) return true
    }
    return false
  }

  return {
    async deliver({ permit, accepted, tries }: Delivery, deadline, send, judge) {
      const passing = passages.begin(permit, operationKeysOf(accepted.id).partitionKey, accepted, limit)
      async function isOver(): Promise<boolean> {
        const current = (await store.readOperation(accepted.id)) ?? accepted
        // Written with the slot, before anything is sent.
        passing.started = { ...current, delivery: tries }
        return isOvertaken(current, tries)
      }
      const passed = await passages.pass(passing, deadline, (met) => take(met, passing, deadline, send, judge), isOver)
      if (passed.kind !== 'sent') return passed
      const { recordAgain, ...delivered } = passed
      // What goes on is written down by whoever goes on with it: a write that comes late must not undo what has been done meanwhile.
      if (delivered.recorded || delivered.operation.state === 'accepted') return delivered
      return { ...delivered, recorded: await insist(recordAgain) }
    },

    async find(accepted) {
      if (records.resting()) return undefined
      try {
        return (await store.readOperation(accepted.id)) ?? accepted
      } catch (fault) {
        records.rest(String(fault))
        return undefined
      }
    },

    /** Accepted: an end written in the moment between another delivery's look and its answer from ARM is replaced by that answer, or replaces it. Both are ends. */
    async end(operation, ending) {
      const now = storageClock.now()
      const ended = endOperation(
        operation,
        ending.state === 'dry-run'
          ? { kind: 'dry-run', dueEpochMs: now + ending.afterMs }
          : { kind: ending.state, error: describe(ending.failure) },
        now,
      )
      return { operation: ended, recorded: await records.write(ended) }
    },
  }
}
