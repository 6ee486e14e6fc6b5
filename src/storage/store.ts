import type { StoredOperation } from '../domain/operation.ts'
import type { OperationId } from '../domain/operation-id.ts'
import type { Slot } from '../coordination/slot.ts'
import type { Decided, KnownAlert } from '../domain/effect.ts'

/** A row as it was read, with the ETag that a compare-and-set needs. Without `etag` there was no row. */
export interface Versioned<T> {
  readonly value: T
  readonly etag?: string
}

/** Changes that are written together or not at all. Each applies only to the version that was read. */
export interface Commit {
  readonly slot?: { readonly from: Versioned<Slot>; readonly to: Slot }
  readonly operation?: { readonly from: Versioned<unknown>; readonly to: StoredOperation }
  /**
   * Verdicts on other operations. Each is a column of its operation's row that nothing else writes, so no version is compared: the slot's
   * version decides. They never make a commit conflict, also where a row is missing.
   */
  readonly verdicts?: readonly Pick<Decided, 'operationId' | 'effect'>[]
}

/** `conflict`: another change was first, or this one was applied before and its answer was lost. */
export type Committed =
  | { readonly kind: 'written'; readonly slotEtag?: string; readonly operationEtag?: string }
  | { readonly kind: 'conflict' }

/** Of this app: no code of the service is spelled like this. */
const UNREADABLE = 'unreadable-row'

/** Storage failed, or did not answer in time. Unless it is a refusal, what was asked may have been done. */
export class StorageFault extends Error {
  override readonly name = 'StorageFault'
  /** HTTP status, where there was an answer. */
  readonly status: number | undefined
  readonly code: string | undefined

  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : 'storage failed', { cause })
    const { statusCode, code, details } = cause as {
      statusCode?: unknown
      code?: unknown
      details?: { odataError?: { code?: unknown } }
    }
    const named = details?.odataError?.code ?? code
    this.status = typeof statusCode === 'number' ? statusCode : undefined
    this.code = typeof named === 'string' ? named : undefined
  }

  /** The row is there, and what it says cannot be read. */
  static unreadable(): StorageFault {
    return new StorageFault(Object.assign(new Error('the row of the operation cannot be read'), { code: UNREADABLE }))
  }

  get isUnreadable(): boolean {
    return this.code === UNREADABLE
  }

  /** Storage will not have what was sent (400, 413), or a row cannot be read: the rows are at fault, not storage. Nothing was applied. */
  get isRefusal(): boolean {
    return this.status === 400 || this.status === 413 || this.isUnreadable
  }
}

/** One backend's slot and operations. Every call ends within its own bounded time; what fails throws {@link StorageFault}. */
export interface BackendStore {
  readSlot(partitionKey: string): Promise<Versioned<Slot>>
  /** Undefined: there is none. One that cannot be read is a fault ({@link StorageFault.isUnreadable}): it may be over. */
  readOperation(id: OperationId): Promise<Versioned<StoredOperation | undefined>>
  commit(partitionKey: string, commit: Commit): Promise<Committed>
  /** Writes operations of one backend under ids that only this process writes: at most {@link MAX_BATCH}, repeatable. */
  writeOperations(partitionKey: string, operations: readonly StoredOperation[]): Promise<void>
  /**
   * So many alerts in all have joined this operation through this instance, and these of them are known by a key: at most
   * {@link MAX_KNOWN_ALERTS} and one. Without a row nothing is counted.
   */
  countJoined(id: OperationId, instance: string, count: number, alerts?: readonly KnownAlert[]): Promise<void>
}

/** Operations as they are looked up afterwards. */
export interface HistoryStore {
  readOperation(id: OperationId): Promise<Versioned<StoredOperation | undefined>>
  /** The operations of one backend, newest first. */
  listBackend(partitionKey: string, range: OperationRange): Promise<OperationPage>
  listMonth(month: string, range: OperationRange): Promise<OperationPage>
  /** Copies for lists across backends; `month` as in `keys.ts`. Writing one again replaces it. */
  writeCopies(month: string, operations: readonly StoredOperation[]): Promise<void>
}

/** What retention needs. */
export interface ExpiryStore {
  /** Operations that were requested before then, at most `top`, and the time by storage's own clock. Reads no others. */
  listExpired(
    beforeEpochMs: number,
    top: number,
  ): Promise<{ readonly ids: readonly OperationId[]; readonly storageEpochMs?: number }>
  /** Removes rows and copies. One that is already gone is no fault. */
  removeOperations(ids: readonly OperationId[]): Promise<void>
}

/** What the readiness check and the page tokens need. */
export interface AppStore {
  /** Writes a row. Fails where this identity may not write. */
  probe(): Promise<void>
  /** A secret that all instances share: the first writer's. 32 bytes. */
  sharedSecret(name: string, proposal: Buffer): Promise<Buffer>
}

export type Store = BackendStore & HistoryStore & ExpiryStore & AppStore

export interface OperationRange {
  readonly fromEpochMs: number
  readonly toEpochMs: number
  /** Row key of the last row of the page before. */
  readonly after?: string
  readonly top: number
}

export interface OperationEntry {
  readonly rowKey: string
  /** Undefined: only a verdict is left, or what was asked cannot be read. */
  readonly operation: StoredOperation | undefined
  /** Something in the row cannot be read. */
  readonly isIncomplete?: true
}

export interface OperationPage {
  readonly rows: readonly OperationEntry[]
  /** Whether the partition may hold more behind the last row. */
  readonly more: boolean
}

/** Entity group transactions take 100 changes. */
export const MAX_BATCH = 100
