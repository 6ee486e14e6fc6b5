import type { Backend } from '../domain/backend-id.ts'
import type { OperationId } from '../domain/operation-id.ts'
import type { OperationQuery } from '../domain/operation-query.ts'
import type { Operation, Scheduled } from '../domain/operation.ts'
import type { Pause, PauseId } from '../domain/pause.ts'
import type { Scope } from '../domain/scope.ts'
import type { UnactedDelivery } from '../domain/unacted-delivery.ts'

/** What is looked up afterwards, and what people set: types only. `composition.ts` alone knows what fills them in. */

/** Operations as they are looked up afterwards. Rejects with a StorageFault while storage is away. */
export interface History {
  find(id: OperationId): Promise<Operation | undefined>
  /** Newest first. `mayRead` decides row by row what is shown; of the rest nothing is told. */
  list(query: OperationQuery, mayRead: (operation: Operation) => boolean): Promise<Listed>
}

export type Listed =
  | { readonly kind: 'page'; readonly operations: readonly Operation[]; readonly nextToken?: string }
  /** The token was not made by this app, or belongs to another query. */
  | { readonly kind: 'token_invalid' }

/** Pauses of automation (contract, section 11). What reads or changes storage rejects with a StorageFault while it is away. */
export interface Pauses {
  /** The pause that covers alerts of this webhook for this backend, as of a few seconds ago. Takes at most five seconds, and never rejects. */
  find(backend: Backend, webhook: string): Promise<PauseFound>
  /** Those that last, the newest first. */
  list(): Promise<readonly Pause[]>
  /** Undefined for one that is unknown or has ended. */
  read(id: PauseId): Promise<Pause | undefined>
  create(pause: Pause): Promise<void>
  /** False: there is none any more. */
  remove(id: PauseId): Promise<boolean>
}

export type PauseFound =
  | { readonly kind: 'none' }
  | { readonly kind: 'paused'; readonly pause: Pause }
  /** Storage cannot be read: nothing is paused, and the audit event says so. */
  | { readonly kind: 'unknown' }

/** Deliveries that did not act, for the people who ask why (contract, section 11). */
export interface DeliveryLog {
  /** Returns at once; written in the background, at most once a second. A webhook that the policy does not have is left out. */
  note(webhook: string, delivery: Omit<UnactedDelivery, 'at' | 'omitted'>): void
  /** The last ones, newest first. Rejects with a StorageFault while storage is away. */
  list(webhook: string): Promise<readonly UnactedDelivery[]>
}

/** Backends with what goes on at each (contract, section 11). Rejects with a StorageFault while storage is away. */
export interface BackendDirectory {
  list(query: BackendQuery): Promise<BackendsListed>
}

export interface BackendQuery {
  /** Listed first, in the order of their names, whether anything ever happened to them. */
  readonly named: readonly Backend[]
  /** After those the backends in these scopes that have operations. */
  readonly scopes: readonly Scope[]
  /** Whether the latest operation of a backend is wanted. */
  readonly wantsLast: (backend: Backend) => boolean
  readonly skipToken?: string
}

export type BackendsListed =
  | { readonly kind: 'page'; readonly backends: readonly BackendStatus[]; readonly nextToken?: string }
  /** The token was not made by this app, or belongs to another list. */
  | { readonly kind: 'token_invalid' }

export interface BackendStatus {
  readonly backend: Backend
  /** The reconnect that is to come. */
  readonly scheduled?: Scheduled
  /** The operation that waits for ARM. */
  readonly inFlight?: OperationId
  readonly last?: Operation
}
