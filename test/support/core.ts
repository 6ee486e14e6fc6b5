import { createAlertBatches } from '../../src/coordination/alert-batch.ts'
import { createCoordinator, createSlotBreaker } from '../../src/coordination/coordinator.ts'
import type { Slot } from '../../src/coordination/slot.ts'
import type { Backend } from '../../src/domain/backend-id.ts'
import type { StoredOperation } from '../../src/domain/operation.ts'
import type { OperationId } from '../../src/domain/operation-id.ts'
import { createOperationLog } from '../../src/operations/operation-log.ts'
import { createRequestJoins } from '../../src/operations/request-joins.ts'
import type { AlertBatches } from '../../src/reconnect/alert-ports.ts'
import type { Coordinator, OperationLog, RecordJoin } from '../../src/reconnect/ports.ts'
import type { CircuitBreaker } from '../../src/shared/circuit-breaker.ts'
import type { Deadline } from '../../src/shared/deadline.ts'
import { partitionKeyOf } from '../../src/storage/keys.ts'
import type { Store } from '../../src/storage/store.ts'
import { A_LIMIT, aBackend, aDeadline } from './builders.ts'
import { createFakeClock, type FakeClock } from './fake-clock.ts'
import { createMemoryRows, createMemoryStore, type Happen, type MemoryRows } from './memory-store.ts'
import { createStoreFaults, type StoreFaults } from './store-faults.ts'

export const DEADLINE_MS = 30_000

export interface CoreOptions {
  readonly clock?: FakeClock
  /** Shared by all instances. */
  readonly rows?: MemoryRows
  readonly limitCount?: number
  readonly deliverWithinMs?: number
  /** Each call to storage takes this long. */
  readonly latencyMs?: number
}

/** One instance's coordinator, operation log and alert batches, as composition.ts wires them, on an in-memory store with faults of its own. */
export interface Core {
  readonly clock: FakeClock
  readonly rows: MemoryRows
  readonly faults: StoreFaults
  readonly store: Store
  readonly breaker: CircuitBreaker
  readonly coordinator: Coordinator
  readonly operations: OperationLog
  readonly recordJoin: RecordJoin
  readonly batches: AlertBatches
  /** Copies that were ordered, oldest first. */
  readonly copies: readonly StoredOperation[]
  /** Operations that alerts, and requests in a storm, have joined without an operation of their own: one entry for each. */
  readonly joins: readonly OperationId[]
  /** Another instance on the same rows and the same clock. */
  beside(): Core
  deadline(ms?: number): Deadline & { abort(): void }
  slot(backend?: Backend): Slot
  /** A change of the slot by another instance. */
  putSlot(slot: Slot, backend?: Backend): void
  row(id: OperationId): StoredOperation | undefined
  /** A change of an operation's row by another instance. */
  putRow(operation: StoredOperation): void
}

export function createCore(options: CoreOptions = {}): Core {
  const { clock = createFakeClock(), limitCount = A_LIMIT.count, deliverWithinMs = 6 * 3_600_000 } = options
  const { rows = createMemoryRows(clock.now), latencyMs = 0 } = options
  const faults = createStoreFaults()
  const slowly: Happen = async (name, effect) => {
    await clock.sleep(latencyMs)
    return faults.happen(name, effect)
  }
  const store = createMemoryStore(rows, latencyMs === 0 ? faults.happen : slowly)
  const breaker = createSlotBreaker(clock)
  const copies: StoredOperation[] = []
  const joins: OperationId[] = []
  const copy = (operation: StoredOperation): void => void copies.push(operation)
  const countJoined = (id: OperationId): void => void joins.push(id)
  const operations = createOperationLog({ store, breaker, clock, copy })
  const limit = { count: limitCount, windowMs: A_LIMIT.windowMs }
  const nextEtag = (): string => `W/"${(rows.version += 1)}"`
  return {
    clock,
    rows,
    faults,
    store,
    breaker,
    copies,
    joins,
    coordinator: createCoordinator({
      store,
      breaker,
      clock,
      deadlineMs: DEADLINE_MS,
      limit,
      notHelpingLimit: 3,
      copy,
      copyLater: copy,
      copyAgain: () => undefined,
      random: () => 0.5,
    }),
    operations,
    recordJoin: createRequestJoins({ record: operations.record, countJoined }),
    batches: createAlertBatches({
      store,
      breaker,
      clock,
      deliverWithinMs,
      copy,
      countJoined,
    }),
    beside: () => createCore({ ...options, clock, rows }),
    deadline: (ms = DEADLINE_MS) => aDeadline(clock, ms),
    slot: (backend = aBackend()) => rows.slots.get(partitionKeyOf(backend.key))?.value ?? {},
    putSlot: (slot, backend = aBackend()) =>
      void rows.slots.set(partitionKeyOf(backend.key), { value: slot, etag: nextEtag() }),
    row: (id) => rows.operations.get(id)?.value,
    putRow: (operation) => void rows.operations.set(operation.id, { value: operation, etag: nextEtag() }),
  }
}
