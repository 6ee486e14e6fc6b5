import type { Backend } from '../domain/backend-id.ts'
import type { EffectFacts, Watch, WatchOrigin } from '../domain/effect.ts'
import type { QueuedAlert } from '../domain/queued-alert.ts'
import type { Clock } from '../shared/clock.ts'
import { toRfc3339 } from '../shared/rfc3339.ts'
import { MessageComesBack } from './message-comes-back.ts'
import type { Effects, Enqueue } from './alert-ports.ts'

export interface JudgePorts {
  readonly effects: Effects
  readonly enqueue: Enqueue
  readonly auditEffect: (facts: EffectFacts) => void
  readonly clock: Clock
}

/** The clocks of storage and of this instance differ by less: such a message comes back, and one that is earlier is no message of ours. */
const EARLY_MS = 120_000
/** Storage hides a message for seven days at most. */
export const MAX_HIDDEN_MS = 6 * 86_400_000

/**
 * The message of a verdict. The slot says what it is about, which times count and what was noticed; the message says nothing. So a message that
 * is forged, early or a copy decides nothing. Throws {@link MessageComesBack} while storage is away.
 */
export async function judgeEffect(
  alert: QueuedAlert,
  { effects, enqueue, auditEffect, clock }: JudgePorts,
): Promise<void> {
  const { backend, operation } = alert
  const judged = await effects.judge(backend, operation.id, originOf(alert)).catch((fault: unknown) => {
    if (fault instanceof Error && fault.name === 'StorageFault') throw new MessageComesBack('storage_unavailable')
    throw fault
  })
  switch (judged.kind) {
    case 'decided':
      for (const decided of judged.decided) auditEffect({ backend: backend.resourceId, decided })
      return
    case 'nothing_open':
      return
    case 'early': {
      const earlyMs = judged.lookAtEpochMs - clock.now()
      if (earlyMs <= EARLY_MS) throw new MessageComesBack('it is too early for a verdict')
      // Only of a message that could not be hidden for long enough. Any other has a later one.
      if (clock.now() < alert.acceptedAtEpochMs + MAX_HIDDEN_MS) return
      const stored = await enqueue(alert, Math.min(earlyMs, MAX_HIDDEN_MS))
      if (!stored.ok) throw new MessageComesBack(`the next message could not be stored: ${stored.error}`)
    }
  }
}

export function originOf({ trigger, correlationId, traceparent }: QueuedAlert): WatchOrigin {
  const { webhook, alertRule } = trigger
  return {
    webhook,
    ...(alertRule === undefined ? {} : { alertRule }),
    correlationId,
    ...(traceparent === undefined ? {} : { traceparent }),
  }
}

/** A message that asks for the verdict on a watched reconnect. */
export function judgeMessage({ operationId, origin }: Watch, backend: Backend, nowEpochMs: number): QueuedAlert {
  const { webhook, alertRule, correlationId, traceparent } = origin
  const now = toRfc3339(nowEpochMs)
  const trigger = { kind: 'webhook', webhook, ...(alertRule === undefined ? {} : { alertRule }) } as const
  return {
    operation: {
      id: operationId,
      backend: backend.resourceId,
      state: 'accepted',
      requestedAt: now,
      updatedAt: now,
      caller: { kind: 'webhook', id: webhook },
      trigger,
      attempts: 0,
    },
    trigger,
    backend,
    acceptedAtEpochMs: nowEpochMs,
    generation: 0,
    tries: 0,
    correlationId,
    ...(traceparent === undefined ? {} : { traceparent }),
    judges: true,
  }
}
