import { DEFAULT_AFTER_MS } from '../domain/duration.ts'
import type { Firing, KnownAlert } from '../domain/effect.ts'
import { startOperation, type StoredOperation } from '../domain/operation.ts'
import type { OperationId } from '../domain/operation-id.ts'
import type { AlertTrigger } from '../domain/trigger.ts'
import type { AuthorizedReconnect } from '../policy/authorize.ts'
import type { Acceptance, AlertBatches } from '../reconnect/alert-ports.ts'
import type { CircuitBreaker } from '../shared/circuit-breaker.ts'
import type { Clock } from '../shared/clock.ts'
import { ok, type Result } from '../shared/result.ts'
import { TIMED_OUT, within } from '../shared/within.ts'
import { createOperationId, operationKeysOf } from '../storage/keys.ts'
import { StorageFault, type BackendStore } from '../storage/store.ts'
import { covers, isSafeToShare, JOIN_MARGIN_MS, type Slot } from './slot.ts'

export interface AlertBatchesOptions {
  readonly store: BackendStore
  readonly breaker: CircuitBreaker
  readonly clock: Clock
  readonly deliverWithinMs: number
  /** The row was written: its copy for lists is made in the background. */
  readonly copy: (operation: StoredOperation) => void
  readonly countJoined: (id: OperationId, alert?: KnownAlert) => void
}

/** Contract, section 5: a row counts as read for so long. A slower answer counts as none. */
const FRESH_MS = 1_000
/** An alert shares an operation that is still to be sent only while most of `deliverWithin` lies before it, and no longer than this. */
const MAX_PENDING_MS = 300_000
/** Alerts beyond the loop guard share one operation for so long: each of their own would end the same way. */
const MAX_EXHAUSTED_MS = 60_000
/** Backends that are remembered at once; beyond it the oldest go. Forgetting costs a message, which joins when it is delivered. */
const MAX_BATCHES = 10_000

/** Alerts of one webhook for one backend that share an operation. */
interface Batch {
  /** Settles when the message is stored, or cannot be. */
  readonly stored: Promise<Result<StoredOperation, string>>
  /** Whether that is still to come: until then nothing of it can have been sent. */
  isStoring: boolean
  /** Settles when the row was written, or could not be. */
  readonly recorded: Promise<boolean>
  /** One look at storage at a time; alerts that come while it runs share it. */
  looking?: Promise<Seen | undefined>
}

interface Seen {
  readonly slot: Slot
  readonly operation: StoredOperation
}

/**
 * One operation, one message and one row for many alerts. Durable first: the message is stored before the row, so a row never waits for a
 * message that does not exist.
 *
 *   alert 1 ── store message ── write row ── 202 ······ sent, due ──▶ over
 *   alerts 2…n └── wait ──┘ join  └ look at storage: join          └ not covered: the next one begins anew
 *
 * Alerts that came before the message was stored join without a look: nothing can have been sent yet (invariant 9).
 */
export function createAlertBatches(options: AlertBatchesOptions): AlertBatches {
  const { store, breaker, clock, deliverWithinMs, copy, countJoined } = options
  const batches = new Map<string, Batch>()

  function begin(
    key: string,
    permit: AuthorizedReconnect,
    trigger: AlertTrigger,
    firing: Firing | undefined,
    put: Put,
  ): Batch {
    const { backend } = permit.command
    const now = clock.now()
    const begun = startOperation(permit, createOperationId(backend.key, now), now, trigger)
    const operation: StoredOperation = { ...begun, ...(firing === undefined ? {} : { firing }) }
    const stored = put(operation)
      .then((end): Result<StoredOperation, string> => (end.ok ? ok(operation) : end))
      .finally(() => (batch.isStoring = false))
    const recorded = stored.then((end) => end.ok && insert(operation))
    const batch: Batch = { isStoring: true, stored, recorded }
    stored.then(
      (end) => end.ok || forget(key, batch),
      () => forget(key, batch),
    )
    // A defect is thrown where the row is waited for.
    recorded.catch(() => undefined)
    batches.set(key, batch)
    if (batches.size > MAX_BATCHES) batches.delete(batches.keys().next().value as string)
    return batch
  }

  function forget(key: string, batch: Batch): void {
    if (batches.get(key) === batch) batches.delete(key)
  }

  /** The message holds everything the row would say: where the row cannot be written, the delivery writes it. */
  async function insert(operation: StoredOperation): Promise<boolean> {
    if (breaker.isOpen()) return false
    copy(operation)
    try {
      await store.commit(partitionOf(operation.id), { operation: { from: { value: undefined }, to: operation } })
      return true
    } catch (fault) {
      if (!(fault instanceof StorageFault)) throw fault
      return false
    }
  }

  /** Undefined: storage could not be read in time, and an alert that needs to know makes a message of its own. */
  async function look(begun: StoredOperation, recorded: Promise<boolean>): Promise<Seen | undefined> {
    if (breaker.isOpen()) return undefined
    const partitionKey = partitionOf(begun.id)
    const reads = recorded.then(() => Promise.all([store.readSlot(partitionKey), store.readOperation(begun.id)]))
    const seen = await within(
      reads.catch(() => undefined),
      FRESH_MS,
      clock,
    )
    if (seen === TIMED_OUT || seen?.[1].value === undefined) return undefined
    return { slot: seen[0].value, operation: seen[1].value }
  }

  /** Whether the operation serves an alert that comes now as well as an operation of its own would. */
  function serves({ slot, operation }: Seen, permit: AuthorizedReconnect): boolean {
    const now = clock.now()
    switch (operation.state) {
      case 'accepted': {
        const acceptedAt = Date.parse(operation.requestedAt)
        const isYoung = now - acceptedAt < Math.min(MAX_PENDING_MS, deliverWithinMs / 4)
        return isYoung && isNotSentBefore(operation, slot, now) && isSafeToShare(slot, acceptedAt, now)
      }
      case 'forwarded':
      case 'joined': {
        // What a later reconnect has replaced does not count: the slot says which one does.
        const { scheduled } = slot
        if (scheduled === undefined || scheduled.operationId !== (operation.joined ?? operation.id)) return false
        const wantedByEpochMs = now + (permit.command.after?.ms ?? DEFAULT_AFTER_MS)
        return covers(scheduled, { nowEpochMs: now, sinceEpochMs: now, wantedByEpochMs, force: false })
      }
      case 'exhausted':
        return now - Date.parse(operation.updatedAt) < MAX_EXHAUSTED_MS
      case 'failed':
      case 'abandoned':
      case 'dry-run':
        return false
    }
  }

  return {
    async accept(permit, trigger, put, firing): Promise<Acceptance> {
      const { backend, after } = permit.command
      const key = `${trigger.webhook} ${after?.ms ?? DEFAULT_AFTER_MS} ${backend.key}`
      for (;;) {
        const batch = batches.get(key)
        if (batch === undefined) {
          const begun = begin(key, permit, trigger, firing, put)
          const stored = await begun.stored
          if (!stored.ok) return { kind: 'unavailable', detail: stored.error }
          return { kind: 'accepted', operation: stored.value, recorded: await begun.recorded }
        }
        if (batch.isStoring) {
          const stored = await batch.stored
          if (!stored.ok) return { kind: 'unavailable', detail: stored.error }
          countJoined(stored.value.id, firing?.alert)
          return { kind: 'joined', operation: stored.value }
        }
        const begun = await batch.stored
        if (begun.ok) {
          batch.looking ??= look(begun.value, batch.recorded).finally(() => delete batch.looking)
          const seen = await batch.looking
          if (seen !== undefined && serves(seen, permit)) {
            countJoined(begun.value.id, firing?.alert)
            return { kind: 'joined', operation: seen.operation }
          }
        }
        // Not covered, or not known: this alert, or one that was faster, begins anew.
        forget(key, batch)
      }
    },
  }
}

/**
 * Whether the operation's own reconnect comes after an alert of this moment: it is not being sent, or the slot says that it is due later.
 * The slot may know more than the row, which was read beside it.
 */
function isNotSentBefore(
  { id, sendingBy }: StoredOperation,
  { inFlight, scheduled }: Slot,
  nowEpochMs: number,
): boolean {
  const own = scheduled?.operationId === id ? scheduled.dueEpochMs : undefined
  const dueEpochMs = own ?? (inFlight?.operationId === id ? inFlight.earliestDueEpochMs : undefined)
  return dueEpochMs === undefined ? sendingBy === undefined : dueEpochMs >= nowEpochMs + JOIN_MARGIN_MS
}

type Put = (operation: StoredOperation) => Promise<Result<void, string>>

function partitionOf(id: OperationId): string {
  return operationKeysOf(id).partitionKey
}
