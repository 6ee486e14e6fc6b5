import type { Operation, OperationId } from '../domain/operation.ts'
import type { Slot } from './slot.ts'

/** A slot as it was read, with what a compare-and-set needs. No `etag`: there is no row yet. */
export interface SlotRead {
  readonly slot: Slot
  readonly etag?: string
}

export interface SlotChange {
  readonly from: SlotRead
  readonly to: Slot
}

/** How a write ended. `conflict`: somebody else's change was first, or our own was, and its answer was lost. */
export type WriteEnd = { readonly kind: 'written'; readonly etag: string } | { readonly kind: 'conflict' }

/** Storage failed, or did not answer in time: what was asked may have been done all the same. */
export class StorageFault extends Error {
  /** HTTP status, where there was an answer. */
  readonly status: number | undefined
  readonly code: string | undefined

  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : 'storage failed', { cause })
    this.name = 'StorageFault'
    const { statusCode, code, details } = cause as {
      statusCode?: unknown
      code?: unknown
      details?: { odataError?: { code?: unknown } }
    }
    const named = details?.odataError?.code ?? code
    this.status = typeof statusCode === 'number' ? statusCode : undefined
    this.code = typeof named === 'string' ? named : undefined
  }
}

/**
 * The rows of one backend in storage. Every call ends within its own bounded time; what fails throws, and may have been applied
 * all the same: the protocol above reads back.
 */
export interface SlotStore {
  readSlot(partitionKey: string): Promise<SlotRead>
  /** Changes the slot and writes operations, all or nothing. */
  changeSlot(partitionKey: string, change: SlotChange, operations: readonly Operation[]): Promise<WriteEnd>
  /** Writes operations of one backend, at most {@link MAX_BATCH}. Writing one again replaces it. */
  writeOperations(partitionKey: string, operations: readonly Operation[]): Promise<void>
}

/** What accepting alerts needs. */
export interface AcceptanceStore {
  /** Writes an operation unless there is one of this id: whoever delivers it may have been faster, and has the last word. */
  insertOperation(operation: Operation): Promise<void>
  /** So many alerts in all have joined this operation by way of this instance. An operation that is not there counts none. */
  countJoined(id: OperationId, instance: string, count: number): Promise<void>
}

/** Operations as they are looked up afterwards. */
export interface OperationStore {
  readOperation(id: OperationId): Promise<Operation | undefined>
  /** The operations of one backend, newest first, from `after` on. */
  listBackend(partitionKey: string, range: OperationRange): Promise<OperationPage>
  /** Copies for lists across backends; `month` as in `keys.ts`. Writing one again replaces it. */
  writeCopies(month: string, operations: readonly Operation[]): Promise<void>
  listMonth(month: string, range: OperationRange): Promise<OperationPage>
}

/** What retention needs. */
export interface ExpiryStore {
  /** Operations that were requested before then, at most `top`; reads no others. */
  listExpired(beforeEpochMs: number, top: number): Promise<readonly OperationId[]>
  /** Removes rows and copies. What is not there any more is no fault. */
  removeOperations(ids: readonly OperationId[]): Promise<void>
}

export interface OperationRange {
  readonly fromEpochMs: number
  readonly toEpochMs: number
  /** Row key of the last row of the page before. */
  readonly after?: string
  readonly top: number
}

export interface OperationPage {
  readonly rows: readonly { readonly rowKey: string; readonly operation: Operation }[]
  /** Whether the partition may hold more behind the last row. */
  readonly more: boolean
}

/** Entity group transactions take 100 changes; one is kept for the slot. */
export const MAX_BATCH = 99
