import type { Trigger } from './trigger.ts'

declare const opaque: unique symbol

/** Opaque, URL-safe and unguessable: it names an operation to whoever may read it. */
export type OperationId = string & { readonly [opaque]: true }

export const OPERATION_STATES = [
  'accepted',
  'forwarded',
  'joined',
  'failed',
  'abandoned',
  'exhausted',
  'dry-run',
] as const
export type OperationState = (typeof OPERATION_STATES)[number]

/** What was asked and what became of it, as `/operations` shows it (contract, section 7). */
export interface Operation {
  readonly id: OperationId
  /** ARM resource id of the backend. */
  readonly backend: string
  readonly state: OperationState
  /** The operation whose reconnect covers this one. */
  readonly joined?: OperationId
  /** ISO 8601 duration, as given. */
  readonly after?: string
  /** When the gateway reconnects, RFC 3339. */
  readonly due?: string
  readonly requestedAt: string
  readonly updatedAt: string
  /** ARM may have accepted more often than was asked, or nobody knows whether it did. */
  readonly ambiguous?: true
  readonly caller: { readonly kind: string; readonly id: string; readonly name?: string }
  readonly trigger: Trigger
  /** Alerts that joined this operation without an operation of their own. */
  readonly joinedCount?: number
  /** POSTs that may have reached ARM. */
  readonly attempts: number
  /** While an alert is `accepted`: the tries behind the latest of its messages. Not shown. */
  readonly delivery?: number
  readonly arm?: { readonly status: number; readonly requestId?: string; readonly correlationId?: string }
  readonly error?: { readonly code: string; readonly message: string }
}

/**
 * Whether a message with so many tries behind it has nothing left to do: the operation has ended, or a later message stands for it. Copies of a message
 * (queues deliver at least once) would otherwise multiply with every try.
 */
export function isOvertaken({ state, delivery = 0 }: Operation, tries: number): boolean {
  return state !== 'accepted' || delivery > tries
}
