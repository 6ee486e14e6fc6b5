import type { Backend } from './backend-id.ts'
import type { Caller } from './caller.ts'
import { scopeKeysCovering, type Scope } from './scope.ts'

declare const opaque: unique symbol

/** Opaque, URL-safe and unguessable. */
export type PauseId = string & { readonly [opaque]: true }

/** A time in which alerts for the backends in a scope do not act (contract, section 11). */
export interface Pause {
  readonly id: PauseId
  readonly scope: Scope
  /** Only alerts of this webhook. Absent: of all webhooks. */
  readonly webhook?: string
  /** As it was sent, RFC 3339. */
  readonly until: string
  readonly untilEpochMs: number
  readonly reason: string
  /** RFC 3339. */
  readonly createdAt: string
  readonly createdBy: { readonly kind: Caller['kind']; readonly id: string; readonly name?: string }
}

/** What is sent to create one. */
export type NewPause = Pick<Pause, 'scope' | 'webhook' | 'until' | 'untilEpochMs' | 'reason'>

/** Contract, section 11. */
export const MAX_PAUSE_MS = 24 * 3_600_000
/** The same bound as for the reason of a reconnect. */
export const MAX_PAUSE_REASON_CHARS = 200
/** Every decision about an alert compares with all of them, and every instance reads all of them every few seconds. */
export const MAX_PAUSES = 100

/** It ends by itself, at `until` exactly. */
export function isLasting({ untilEpochMs }: Pause, nowEpochMs: number): boolean {
  return nowEpochMs < untilEpochMs
}

/** The pause that covers alerts of this webhook for this backend and ends last. Of any webhook: `webhook` is undefined. */
export function findPause(
  pauses: readonly Pause[],
  backend: Backend,
  webhook: string | undefined,
  nowEpochMs: number,
): Pause | undefined {
  const keys: readonly string[] = scopeKeysCovering(backend)
  return pauses
    .filter(
      (pause) =>
        isLasting(pause, nowEpochMs) &&
        keys.includes(pause.scope.key) &&
        (webhook === undefined || pause.webhook === undefined || pause.webhook === webhook),
    )
    .toSorted((a, b) => b.untilEpochMs - a.untilEpochMs)[0]
}

/** As it is shown and stored (contract, section 11). */
export type ShownPause = Omit<Pause, 'scope' | 'untilEpochMs'> & { readonly scope: string }

export function toShownPause({ id, scope, webhook, until, reason, createdAt, createdBy }: Pause): ShownPause {
  return {
    id,
    scope: scope.resourceId,
    ...(webhook === undefined ? {} : { webhook }),
    until,
    reason,
    createdAt,
    createdBy,
  }
}

/** What is known when a pause begins, or is ended early: its audit event is made of it. */
export interface PauseFacts {
  readonly correlationId: string
  readonly clientRequestId?: string
  readonly caller: Caller
  readonly outcome: 'created' | 'deleted'
  readonly pause: Pause
  readonly durationMs: number
}
