import type { WebhookConfig } from '../config/config.ts'
import type { Backend } from '../domain/backend-id.ts'
import type { Caller } from '../domain/caller.ts'
import type { Decided, Firing, Notice, Watch, WatchOrigin } from '../domain/effect.ts'
import type { OperationId } from '../domain/operation-id.ts'
import type { Operation, StoredOperation } from '../domain/operation.ts'
import type { QueuedAlert } from '../domain/queued-alert.ts'
import type { AlertTrigger } from '../domain/trigger.ts'
import type { AuthorizedReconnect } from '../policy/authorize.ts'
import type { Result } from '../shared/result.ts'
import type { DeliveryLog, Pauses } from './operator-ports.ts'
import type { StoryPorts } from './ports.ts'

/** What the stories of alerts need from others: types only. `composition.ts` alone knows what fills them in. */

/** What the story of an alert that is accepted needs from others. */
export interface AlertPorts extends StoryPorts {
  readonly batches: AlertBatches
  readonly pauses: Pick<Pauses, 'find'>
  readonly deliveries: Pick<DeliveryLog, 'note'>
  readonly effects: Effects
  readonly createOperationId: (backendKey: string, epochMs: number) => OperationId
  readonly enqueue: Enqueue
  /** Of ARM's API, for what alerts cause. */
  readonly apiVersion: string
}

/** One operation and one message for many alerts of a backend (contract, sections 5 and 6). */
export interface AlertBatches {
  /** Joins an operation that covers this alert too, or begins one: `put` stores its message, and only then its row is written. */
  accept(
    permit: AuthorizedReconnect,
    trigger: AlertTrigger,
    put: (operation: StoredOperation) => Promise<Result<void, string>>,
    firing?: Firing,
  ): Promise<Acceptance>
}

/** Verdicts from later notifications and from time (contract, section 12). */
export interface Effects {
  /**
   * Keeps a notification that is about a watched reconnect of the backend, and decides where it can. One call to storage where nothing is
   * watched. `not_kept`: storage failed, and the notification is lost as evidence.
   */
  notice(backend: Backend, notice: Notice): Promise<Noticed>
  /** Decides what the slot's own times and notices allow. Rejects with a StorageFault while storage is away. */
  judge(backend: Backend, id: OperationId, origin: WatchOrigin): Promise<Judged>
}

export type Noticed =
  | { readonly kind: 'not_watched' }
  | { readonly kind: 'not_kept'; readonly detail: string }
  /** `looks`: reconnects that can be decided at these times, before their own messages come. */
  | { readonly kind: 'kept'; readonly decided: readonly Decided[]; readonly looks: readonly Look[] }

export interface Look {
  readonly watch: Watch
  readonly atEpochMs: number
}

export type Judged =
  | { readonly kind: 'decided'; readonly decided: readonly Decided[] }
  /** The slot says that it is too early. */
  | { readonly kind: 'early'; readonly lookAtEpochMs: number }
  /** There is a verdict already, or the operation was never accepted by ARM. */
  | { readonly kind: 'nothing_open' }

export type Acceptance =
  | { readonly kind: 'accepted'; readonly operation: Operation; readonly recorded: boolean }
  /** The operation as it was just read. */
  | { readonly kind: 'joined'; readonly operation: Operation }
  | { readonly kind: 'unavailable'; readonly detail: string }

/** Stores a message for `reconnect-deliver`, visible after the delay. Ok: stored. An error: unknown; it may still be stored. */
export type Enqueue = (alert: QueuedAlert, delayMs?: number) => Promise<Result<void, string>>

/** ARM's write budget per subscription, as far as this process knows it. */
export interface RateLimiter {
  /**
   * Milliseconds to wait before the call. At most `maxWaitMs`: the call was taken from the budget. More: nothing was taken, and the caller
   * comes again then.
   */
  take(subscriptionId: string, maxWaitMs: number): number
  /** ARM has throttled the subscription: the budget is spent for so long, at most five minutes. */
  throttled(subscriptionId: string, retryAfterMs: number): void
}

/** What a sender brought to prove itself. */
export interface WebhookCredentials {
  /** A header's value; repeated ones arrive joined with commas. */
  readonly header: (name: string) => string | undefined
  /** Every value of a query parameter of exactly this name. */
  readonly query: (name: string) => readonly string[]
}

/** A request whose sender has proved itself, with the body that the proof covers. */
export interface VerifiedPost {
  readonly webhook: WebhookConfig
  readonly caller: Caller
  readonly body: Uint8Array
}
