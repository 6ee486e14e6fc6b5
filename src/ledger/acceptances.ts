import { DEFAULT_AFTER_MS } from '../domain/duration.ts'
import type { Operation } from '../domain/operation.ts'
import type { AlertTrigger } from '../domain/trigger.ts'
import type { AuthorizedReconnect } from '../policy/authorize.ts'
import type { Acceptance, Acceptances } from '../reconnect/ports.ts'
import type { Clock } from '../shared/clock.ts'
import type { Result } from '../shared/result.ts'
import type { JoinCounter } from './join-counter.ts'
import { createOperationId, partitionKeyOf } from './keys.ts'
import { startOperation } from './operations.ts'
import type { Records } from './records.ts'
import { CLOCK_TOLERANCE_MS, isJoinable } from './slot.ts'
import type { StorageClock } from './storage-clock.ts'
import type { AcceptanceStore, OperationStore } from './store.ts'

export interface AcceptancesOptions {
  readonly store: AcceptanceStore & Pick<OperationStore, 'readOperation'>
  readonly records: Records
  readonly joins: JoinCounter
  readonly storageClock: StorageClock
  readonly clock: Clock
  readonly deliverWithinMs: number
}

/** An alert joins an operation that is still to be delivered only while most of `deliverWithin` lies before it, and no longer than this. */
const PENDING_JOIN_MS = 300_000
/** Alerts beyond the loop guard share one operation for as long: each of their own would end the same. */
const EXHAUSTED_JOIN_MS = 60_000
/** What is remembered is forgotten after this long: a longer `after` costs an operation more than it had to, and nothing else. */
const REMEMBERED_MS = 600_000
/** Backends that are remembered at once; beyond it the oldest go. */
const MAX_REMEMBERED = 10_000

/** What alerts of one webhook for one backend are gathered at. */
interface Gathering {
  readonly sinceEpochMs: number
  readonly begun: Promise<Begun>
  /** One look at the row at a time; who comes while it is under way shares it. */
  looking?: Promise<Operation>
  /** As a look found it at its end: nobody has to look again. */
  ended?: Operation
}

type Begun = Extract<Acceptance, { kind: 'accepted' | 'unavailable' }>

/**
 * One operation, one message and one row for many alerts of a backend. The first alert begins it and the others wait for its end; later
 * ones look at how it stands and join it while it covers them. Durable first: the message is stored before the row, so that what was answered
 * 2xx survives, and a row never waits for a message that does not exist.
 *
 *   alert 1 ── enqueue ── row ── accepted ······ delivered, due ──▶ over
 *   alerts 2…n    └ wait ┘ joined   └ look, joined ┘                 └ the next one begins anew
 */
export function createAcceptances({
  store,
  records,
  joins,
  storageClock,
  clock,
  deliverWithinMs,
}: AcceptancesOptions): Acceptances {
  const gatherings = new Map<string, Gathering>()

  async function begin(
    permit: AuthorizedReconnect,
    trigger: AlertTrigger,
    enqueue: (operation: Operation) => Promise<Result<void, string>>,
  ): Promise<Begun> {
    const now = storageClock.now()
    const operation = startOperation(
      permit,
      createOperationId(partitionKeyOf(permit.command.backend.key), now),
      now,
      trigger,
    )
    const enqueued = await enqueue(operation)
    if (!enqueued.ok) return { kind: 'unavailable', detail: enqueued.error }
    records.copy(operation)
    // The message has everything that the row would say: without one, whoever delivers it writes it.
    const recorded = !records.resting() && (await records.attempt(() => store.insertOperation(operation)))
    return { kind: 'accepted', operation, recorded }
  }

  /** As it stands. Without a row, or with storage away, it stands where it was begun: nothing is delivered that cannot be written down. */
  async function look(begun: Operation): Promise<Operation> {
    if (records.resting()) return begun
    try {
      return (await store.readOperation(begun.id)) ?? begun
    } catch (fault) {
      records.rest(String(fault))
      return begun
    }
  }

  /** Whether an alert that comes now is served by it as well as by an operation of its own. */
  function covers(operation: Operation, permit: AuthorizedReconnect): boolean {
    const now = storageClock.now()
    switch (operation.state) {
      case 'accepted':
        return now - Date.parse(operation.requestedAt) < Math.min(PENDING_JOIN_MS, deliverWithinMs / 4)
      case 'forwarded':
      case 'joined': {
        const dueEpochMs = Date.parse(operation.due ?? '')
        const wantedByEpochMs = now + (permit.command.after?.ms ?? DEFAULT_AFTER_MS)
        return isJoinable(
          { operationId: operation.id, dueEpochMs },
          {
            nowEpochMs: now,
            wantedByEpochMs,
            force: false,
            toleranceMs: CLOCK_TOLERANCE_MS + storageClock.uncertaintyMs(),
          },
        )
      }
      case 'exhausted':
        return now - Date.parse(operation.updatedAt) < EXHAUSTED_JOIN_MS
      case 'failed':
      case 'abandoned':
      case 'dry-run':
        return false
    }
  }

  /** Drops what is over, then the oldest: a backend that is forgotten costs one message more, which joins when it is delivered. */
  function makeRoom(nowEpochMs: number): void {
    for (const [key, { sinceEpochMs }] of gatherings) {
      if (gatherings.size < MAX_REMEMBERED && nowEpochMs - sinceEpochMs < REMEMBERED_MS) return
      gatherings.delete(key)
    }
  }

  return {
    async accept(permit, trigger, enqueue) {
      const { backend, after } = permit.command
      const key = `${trigger.webhook} ${after?.ms ?? DEFAULT_AFTER_MS} ${backend.key}`
      for (;;) {
        const gathering = gatherings.get(key)
        if (gathering === undefined) {
          const sinceEpochMs = clock.now()
          makeRoom(sinceEpochMs)
          const begun = begin(permit, trigger, enqueue)
          const own: Gathering = { sinceEpochMs, begun }
          gatherings.set(key, own)
          const end = await begun.catch((defect: unknown) => {
            gatherings.delete(key)
            throw defect
          })
          if (end.kind === 'unavailable' && gatherings.get(key) === own) gatherings.delete(key)
          return end
        }
        const begun = await gathering.begun
        // Who waited for a message that could not be stored would only fail at the same thing.
        if (begun.kind === 'unavailable') return begun
        const operation =
          gathering.ended ??
          (await (gathering.looking ??= look(begun.operation).finally(() => delete gathering.looking)))
        if (operation.state !== 'accepted') gathering.ended = operation
        if (covers(operation, permit)) {
          joins.count(operation.id)
          return { kind: 'joined', operation }
        }
        // Over: this alert, or one that was faster, begins anew.
        if (gatherings.get(key) === gathering) gatherings.delete(key)
      }
    },
  }
}
