import { randomUUID } from 'node:crypto'
import { DEFAULT_AFTER_MS } from '../domain/duration.ts'
import type { Operation } from '../domain/operation.ts'
import type { AuthorizedReconnect } from '../policy/authorize.ts'
import type { DescribeFailure, Forwarded, Ledger, Passage } from '../reconnect/ports.ts'
import type { Clock } from '../shared/clock.ts'
import { answerReserveMs, type Deadline } from '../shared/deadline.ts'
import { within } from '../shared/within.ts'
import { createFlights } from './flights.ts'
import { createOperationId, partitionKeyOf } from './keys.ts'
import { endOperation, startOperation, type Ending } from './operations.ts'
import type { Records } from './records.ts'
import { createReservations, LEASE_MARGIN_MS, type Acquired } from './reservations.ts'
import { CLOCK_TOLERANCE_MS, type Ask, type Scheduled } from './slot.ts'
import type { StorageClock } from './storage-clock.ts'
import type { SlotStore } from './store.ts'

export interface LedgerOptions {
  readonly store: SlotStore
  readonly records: Records
  /** The clock that instances share. */
  readonly storageClock: StorageClock
  readonly clock: Clock
  /** How long a request may take: the lease of whoever sends outlives it. */
  readonly deadlineMs: number
  readonly describe: DescribeFailure
  readonly random?: () => number
}

/** Of the time kept back for the answer; the rest is for the answer itself. */
const WRITING_SHARE = 0.7

/** What one request for a backend carries through its passage. */
interface Passing {
  readonly permit: AuthorizedReconnect
  readonly partitionKey: string
  readonly started: Operation
  /** By the clock that instances share. */
  readonly ask: () => Ask
  /** By our own clock, which no answer of storage sets: what this process remembers is told by it. */
  readonly askHere: () => Ask
}

/** Of the time of a request for which nothing is sent: what has not been written by then is not waited for. */
const NOTE_SHARE = 0.25

/** What this process remembers: due by its own clock, and as everybody is told it, word for word, whatever the clocks learn meanwhile. */
interface Remembered extends Scheduled {
  readonly told: Scheduled
}

/**
 * One reconnect per backend: first among the requests of this process (flights), then among instances (reservations). With storage away
 * the first still holds, and the passage says that nothing was recorded.
 */
export function createLedger({ store, records, storageClock, clock, deadlineMs, describe, random = Math.random }: LedgerOptions): Ledger {
  const flights = createFlights<Remembered>(clock)
  const reservations = createReservations({ store, clock, leaseMs: deadlineMs + LEASE_MARGIN_MS, createNonce: randomUUID, random })

  function begin(permit: AuthorizedReconnect): Passing {
    const { backend, after, force } = permit.command
    const partitionKey = partitionKeyOf(backend.key)
    const now = storageClock.now()
    const askAt = (nowEpochMs: number, toleranceMs: number): Ask => ({ nowEpochMs, wantedByEpochMs: nowEpochMs + (after?.ms ?? DEFAULT_AFTER_MS), force, toleranceMs })
    return {
      permit,
      partitionKey,
      askHere: () => askAt(clock.now(), 0),
      ask: () => askAt(storageClock.now(), CLOCK_TOLERANCE_MS + storageClock.uncertaintyMs()),
      started: startOperation(permit, createOperationId(partitionKey, now), now),
    }
  }

  const remember = (told: Scheduled): Remembered => ({ ...told, dueEpochMs: told.dueEpochMs + clock.now() - storageClock.now(), told })

  const ended = ({ started }: Passing, ending: Ending): Operation => endOperation(started, ending, storageClock.now())

  /** Whether it was written before the answer has to leave; if not, it may be written all the same, and nobody waits. */
  async function inTime(deadline: Deadline, written: Promise<boolean>): Promise<boolean> {
    return (await within(written, deadline.remainingMs() + answerReserveMs(deadlineMs) * WRITING_SHARE, clock)) === true
  }

  async function join(passing: Passing, deadline: Deadline, scheduled: Scheduled): Promise<Passage> {
    const operation = ended(passing, { kind: 'joined', scheduled })
    return { kind: 'joined', operation, dueEpochMs: scheduled.dueEpochMs, recorded: await inTime(deadline, records.write(operation)) }
  }

  async function refuse(passing: Passing, deadline: Deadline): Promise<Passage> {
    const operation = ended(passing, { kind: 'failed', error: describe({ reason: 'in_flight_elsewhere' }) })
    return { kind: 'busy', operation, recorded: await inTime(deadline, records.write(operation)) }
  }

  /** Storage decides between instances; without it this process goes on alone. */
  async function acquire(passing: Passing, deadline: Deadline): Promise<Acquired> {
    if (records.resting()) return { kind: 'unavailable', detail: 'storage failed a moment ago' }
    const acquired = await reservations.acquire({ ...passing, deadline, operation: () => passing.started })
    if (acquired.kind === 'unavailable') records.rest(acquired.detail)
    return acquired
  }

  /** Sends on a reservation, or without one, and ends it whatever happens. */
  async function sendOn(acquired: Extract<Acquired, { kind: 'start' | 'unavailable' }>, passing: Passing, deadline: Deadline, send: () => Promise<Forwarded>): Promise<Extract<Passage, { kind: 'sent' }>> {
    const reservation = acquired.kind === 'start' ? acquired.reservation : undefined
    if (reservation !== undefined) records.copy(passing.started)
    const record = async (operation: Operation, scheduled?: Scheduled): Promise<boolean> => {
      if (reservation === undefined) return false
      records.copy(operation)
      return inTime(deadline, records.attempt(() => (scheduled === undefined ? reservation.release(operation) : reservation.settle(scheduled, operation))))
    }
    const forwarded = await send().catch(async (defect: unknown) => {
      await record(ended(passing, { kind: 'failed', error: describe({ reason: 'defect', detail: '' }) }))
      throw defect
    })
    // Told by the clock that others compare with. Where ARM refused, nothing is due.
    const dueEpochMs = storageClock.now() + (passing.permit.command.after?.ms ?? DEFAULT_AFTER_MS)
    const { result } = forwarded
    const operation = ended(passing, result.ok ? { kind: 'forwarded', dueEpochMs, forwarded } : { kind: 'failed', error: describe(result.error), forwarded })
    const recorded = await record(operation, result.ok ? { operationId: operation.id, dueEpochMs } : undefined)
    return { kind: 'sent', operation, forwarded, dueEpochMs, recorded }
  }

  return {
    async once(permit, deadline, send) {
      const { key } = permit.command.backend
      const passing = begin(permit)
      const entry = await flights.enter(key, passing.askHere, deadline)
      if (entry.kind === 'join') return join(passing, deadline, entry.scheduled.told)
      if (entry.kind === 'busy') return refuse(passing, deadline)

      // From here on this request flies for its process: the others wait until it lands.
      let scheduled: Scheduled | undefined
      try {
        const acquired = await acquire(passing, deadline)
        if (acquired.kind === 'busy') return await refuse(passing, deadline)
        if (acquired.kind === 'join') {
          scheduled = acquired.scheduled
          return await join(passing, deadline, scheduled)
        }
        const passage = await sendOn(acquired, passing, deadline, send)
        if (passage.forwarded.result.ok) scheduled = { operationId: passage.operation.id, dueEpochMs: passage.dueEpochMs }
        return passage
      } finally {
        flights.land(key, scheduled === undefined ? undefined : remember(scheduled))
      }
    },

    async note(permit, failure) {
      const passing = begin(permit)
      const operation = ended(
        passing,
        failure === undefined ? { kind: 'dry-run', dueEpochMs: passing.ask().wantedByEpochMs } : { kind: 'failed', error: describe(failure) },
      )
      const recorded = await within(records.write(operation), deadlineMs * NOTE_SHARE, clock)
      return { operation, recorded: recorded === true }
    },
  }
}
