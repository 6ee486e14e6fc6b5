import { randomUUID } from 'node:crypto'
import { DEFAULT_AFTER_MS } from '../domain/duration.ts'
import type { Operation } from '../domain/operation.ts'
import type { AuthorizedReconnect } from '../policy/authorize.ts'
import type { DescribeFailure, Forwarded } from '../reconnect/ports.ts'
import type { Clock } from '../shared/clock.ts'
import { answerReserveMs, type Deadline } from '../shared/deadline.ts'
import { within } from '../shared/within.ts'
import { createFlights } from './flights.ts'
import { endOperation, type Ending } from './operations.ts'
import type { Records } from './records.ts'
import { createReservations, LEASE_MARGIN_MS, type Acquired, type ReservationRequest } from './reservations.ts'
import { CLOCK_TOLERANCE_MS, type AlertLimit, type Ask, type Scheduled } from './slot.ts'
import type { StorageClock } from './storage-clock.ts'
import type { SlotStore } from './store.ts'

export interface PassagesOptions {
  readonly store: SlotStore
  readonly records: Records
  /** The clock that instances share. */
  readonly storageClock: StorageClock
  readonly clock: Clock
  /** How long a request may take: the lease of whoever sends outlives it. */
  readonly deadlineMs: number
  readonly describe: DescribeFailure
  readonly random: () => number
}

/** Of the time kept back for the answer; the rest is for the answer itself. */
const WRITING_SHARE = 0.7

/** What one request for a backend carries through its passage. */
export interface Passing {
  readonly permit: AuthorizedReconnect
  readonly partitionKey: string
  /** As it stands: a delivery learns on its way what has become of it so far. */
  started: Operation
  /** By the clock that instances share. */
  readonly ask: () => Ask
  /** By our own clock, which no answer of storage sets: what this process remembers is told by it. */
  readonly askHere: () => Ask
}

/** What a request meets on its passage. Who meets `start` sends, and settles or releases. */
export type Met = Acquired

export type Sending = Extract<Acquired, { kind: 'start' | 'unavailable' }>

/** What was made of it, and the reconnect that is scheduled now, where that is known. */
export interface Taken<P> {
  readonly passage: P
  readonly scheduled?: Remembered
}

export interface Sent {
  readonly operation: Operation
  readonly forwarded: Forwarded
  readonly dueEpochMs: number
  readonly recorded: boolean
  /** Writes down what could not be written in time: the outcome, and while the lease runs also what is scheduled now. */
  readonly recordAgain: () => Promise<boolean>
}

/** What this process remembers: due by its own clock, and as everybody is told it, word for word, whatever the clocks learn meanwhile. */
interface Remembered extends Scheduled {
  readonly told: Scheduled
}

/** The way that every request for a backend takes: first among the requests of this process (flights), then among instances (reservations). */
export function createPassages({ store, records, storageClock, clock, deadlineMs, describe, random }: PassagesOptions) {
  const flights = createFlights<Remembered>(clock)
  const reservations = createReservations({
    store,
    clock,
    leaseMs: deadlineMs + LEASE_MARGIN_MS,
    createNonce: randomUUID,
    random,
  })

  function begin(permit: AuthorizedReconnect, partitionKey: string, started: Operation, limit?: AlertLimit): Passing {
    const { after, force } = permit.command
    const askAt = (nowEpochMs: number, toleranceMs: number): Ask => ({
      nowEpochMs,
      wantedByEpochMs: nowEpochMs + (after?.ms ?? DEFAULT_AFTER_MS),
      force,
      toleranceMs,
      ...(limit === undefined ? {} : { limit }),
    })
    return {
      permit,
      partitionKey,
      started,
      askHere: () => askAt(clock.now(), 0),
      ask: () => askAt(storageClock.now(), CLOCK_TOLERANCE_MS + storageClock.uncertaintyMs()),
    }
  }

  const here = (told: Scheduled): Remembered => ({
    ...told,
    dueEpochMs: told.dueEpochMs + clock.now() - storageClock.now(),
    told,
  })

  const ended = ({ started }: Passing, ending: Ending): Operation => endOperation(started, ending, storageClock.now())

  /** Whether it was written before the answer has to leave; if not, it may be written all the same, and nobody waits. */
  async function inTime(deadline: Deadline, written: Promise<boolean>): Promise<boolean> {
    return (await within(written, deadline.remainingMs() + answerReserveMs(deadlineMs) * WRITING_SHARE, clock)) === true
  }

  /** Storage decides between instances; without it there is nobody to ask. */
  async function acquire(
    passing: Passing,
    deadline: Deadline,
    isOver: ReservationRequest['isOver'],
  ): Promise<Acquired> {
    if (records.resting()) return { kind: 'unavailable', detail: 'storage failed a moment ago' }
    const acquired = await reservations.acquire({
      ...passing,
      deadline,
      operation: () => passing.started,
      ...(isOver === undefined ? {} : { isOver }),
    })
    if (acquired.kind === 'unavailable') records.rest(acquired.detail)
    return acquired
  }

  /** Joins, waits or takes off, and makes of it what `take` does: the others of this process wait until it has landed. */
  async function pass<P>(
    passing: Passing,
    deadline: Deadline,
    take: (met: Met) => Promise<Taken<P>>,
    isOver?: () => Promise<boolean>,
  ): Promise<P> {
    const { key } = passing.permit.command.backend
    const entry = await flights.enter(key, passing.askHere, deadline)
    if (entry.kind !== 'took_off')
      return (await take(entry.kind === 'join' ? { kind: 'join', scheduled: entry.scheduled.told } : entry)).passage
    let scheduled: Remembered | undefined
    try {
      const met = await acquire(passing, deadline, isOver)
      const taken = await take(met)
      scheduled = met.kind === 'join' ? here(met.scheduled) : taken.scheduled
      return taken.passage
    } finally {
      flights.land(key, scheduled)
    }
  }

  /** Sends on a reservation, or without one, and ends it whatever happens; `judge` says what becomes of what ARM did not accept. */
  async function sendOn(
    sending: Sending,
    passing: Passing,
    deadline: Deadline,
    send: () => Promise<Forwarded>,
    judge: (failed: Extract<Ending, { kind: 'failed' }>, forwarded: Forwarded) => Ending | Promise<Ending>,
  ): Promise<Taken<Sent>> {
    const reservation = sending.kind === 'start' ? sending.reservation : undefined
    if (reservation !== undefined) records.copy(passing.started)
    const record = async (operation: Operation, scheduled?: Scheduled): Promise<boolean> => {
      if (reservation === undefined) return false
      records.copy(operation)
      return records.attempt(() =>
        scheduled === undefined ? reservation.release(operation) : reservation.settle(scheduled, operation),
      )
    }
    const forwarded = await send().catch(async (defect: unknown) => {
      await inTime(
        deadline,
        record(ended(passing, { kind: 'failed', error: describe({ reason: 'defect', detail: '' }) })),
      )
      throw defect
    })
    // Told by the clock that others compare with. Where ARM refused, nothing is due.
    const dueEpochMs = storageClock.now() + (passing.permit.command.after?.ms ?? DEFAULT_AFTER_MS)
    const { result } = forwarded
    const operation = ended(
      passing,
      result.ok
        ? { kind: 'forwarded', dueEpochMs, forwarded }
        : await judge({ kind: 'failed', error: describe(result.error), forwarded }, forwarded),
    )
    const scheduled = result.ok ? { operationId: operation.id, dueEpochMs } : undefined
    // Before anything is written: what storage answers may set its clock, and who comes next would find it due a moment too late.
    const remembered = scheduled === undefined ? {} : { scheduled: here(scheduled) }
    const recordAgain = (): Promise<boolean> => record(operation, scheduled)
    const sent = {
      operation,
      forwarded,
      dueEpochMs,
      recorded: await inTime(deadline, record(operation, scheduled)),
      recordAgain,
    }
    return { passage: sent, ...remembered }
  }

  return { begin, ended, inTime, pass, sendOn }
}

export type Passages = ReturnType<typeof createPassages>
