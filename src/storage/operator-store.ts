import type { Backend } from '../domain/backend-id.ts'
import type { Pause, PauseId } from '../domain/pause.ts'
import type { UnactedDelivery } from '../domain/unacted-delivery.ts'

/** What operators look at besides operations, in lists. Every call ends within its own bounded time; what fails throws a StorageFault. */
export interface OperatorStore {
  /** Pauses that end after this time, at most `top`. */
  listPauses(afterEpochMs: number, top: number): Promise<readonly Pause[]>
  readPause(id: PauseId): Promise<Pause | undefined>
  /** Under an id that is new. */
  writePause(pause: Pause): Promise<void>
  /** False: there is none. */
  removePause(id: PauseId): Promise<boolean>
  /** Backends that had an operation at this time: at most 100, each once. Writing one again replaces it. */
  writeBackends(backends: readonly SeenBackend[]): Promise<void>
  /** In the order of {@link BackendRow.rowKey}, which is the one of `keys.ts`. */
  listBackends(range: BackendRange): Promise<{ readonly rows: readonly BackendRow[]; readonly more: boolean }>
  /** Deliveries of one webhook: at most 100, oldest first. */
  writeDeliveries(webhook: string, deliveries: readonly UnactedDelivery[]): Promise<void>
  /** Newest first. */
  listDeliveries(webhook: string, sinceEpochMs: number, top: number): Promise<readonly UnactedDelivery[]>
  /** Removes at most 100 of those behind the newest `keep`. */
  trimDeliveries(webhook: string, keep: number): Promise<void>
  /** Removes rows of every list that may go by now, at most `top`. Answers how many those were, and the time by storage's own clock. */
  removeExpired(
    nowEpochMs: number,
    top: number,
    mayRemove: (storageEpochMs: number | undefined) => boolean,
  ): Promise<number>
}

export interface SeenBackend {
  readonly backend: Backend
  readonly seenAtEpochMs: number
}

export interface BackendRow {
  readonly rowKey: string
  /** Undefined: the row cannot be read. */
  readonly backend: Backend | undefined
}

export interface BackendRange {
  /** The first row key that may be in it. */
  readonly from: string
  /** Row key of the last row that was read. */
  readonly after?: string
  /** The first row key behind it. */
  readonly to: string
  readonly top: number
}
