import type { Decided, Watch } from '../domain/effect.ts'
import type { Scheduled, StoredOperation } from '../domain/operation.ts'
import type { OperationId } from '../domain/operation-id.ts'
import type { Lease } from '../reconnect/ports.ts'
import type { Clock } from '../shared/clock.ts'
import { within } from '../shared/within.ts'
import type { SharedLease } from './lease.ts'
import type { Recent } from './recent.ts'
import type { AlertLimit, AlertSend, Slot } from './slot.ts'
import { watchAccepted, type Moved } from './slot-effects.ts'

/** Requests of this process wait so long for a result to be written down before they go on with it. */
const WAIT_FOR_RECORD_MS = 1_000

/** What a request brought back for those that waited for it. */
export interface Brought {
  readonly scheduled: Scheduled
  /** ARM accepted it while they waited. Otherwise it was only found. */
  readonly isNew: boolean
  /** An alert brought it. */
  readonly isAlert: boolean
}

/** A request that goes ahead for one backend, and lets those go on that wait for it. */
export interface Ahead {
  readonly key: string
  readonly leave: (brought?: Brought) => void
}

export interface Copies {
  /** What was written with the slot; its copy for lists is made in the background. */
  readonly copy: (operation: StoredOperation) => void
  /** The same for what is about to be sent: its end is likely to follow within moments. */
  readonly copyLater: (operation: StoredOperation) => void
  /** The row of this operation has a verdict now: its copy for lists is made again in the background. */
  readonly copyAgain: (id: OperationId) => void
}

export interface HeldLeaseOptions extends Copies {
  readonly clock: Clock
  readonly limit: AlertLimit
  readonly recent: Recent
}

/** Leases as the stories use them: their end is copied for lists, and lets the others of this process go on. */
export function createHeldLeases({ clock, limit, recent, copy, copyLater, copyAgain }: HeldLeaseOptions) {
  const settleWith =
    (isAlert: boolean, watch: Watch | undefined) =>
    (slot: Slot): Moved =>
      watchAccepted(slot, { nowEpochMs: clock.now(), isAlert, ...(watch === undefined ? {} : { watch }) })

  function copyVerdicts(decided: readonly Decided[] = []): readonly Decided[] {
    for (const { operationId } of decided) copyAgain(operationId)
    return decided
  }

  function ofAllInstances(shared: SharedLease, { key, leave }: Ahead, isAlert: boolean): Lease {
    const send = (): AlertSend => ({ atEpochMs: clock.now(), limit })
    copyLater(shared.operation)
    recent.forgetLook(key)
    return {
      ownerToken: shared.ownerToken,
      operation: shared.operation,
      async complete(operation, dueEpochMs, watch) {
        const scheduled = { operationId: operation.id, dueEpochMs }
        recent.sent.set(key, scheduled)
        copy(operation)
        const end = shared.complete(operation, scheduled, isAlert ? send() : undefined, settleWith(isAlert, watch))
        await within(end, WAIT_FOR_RECORD_MS, clock)
        leave({ scheduled, isNew: true, isAlert })
        return end
      },
      async release(operation, { mayHaveActed }) {
        copy(operation)
        const end = await shared.release(operation, isAlert && mayHaveActed ? send() : undefined)
        leave()
        return end
      },
      decided: () => copyVerdicts(shared.decided()),
      leave: () => leave(),
    }
  }

  /** Storage cannot be asked: the other requests of this process still wait for this one. */
  function ofThisProcess(operation: StoredOperation, { key, leave }: Ahead): Lease {
    return {
      ownerToken: '',
      operation,
      async complete({ id }, dueEpochMs) {
        const scheduled = { operationId: id, dueEpochMs }
        recent.sent.set(key, scheduled)
        leave({ scheduled, isNew: true, isAlert: false })
        return 'not_recorded'
      },
      async release() {
        leave()
        return 'not_recorded'
      },
      decided: () => [],
      leave: () => leave(),
    }
  }

  return { ofAllInstances, ofThisProcess, settleWith, copyVerdicts }
}
