import type { Alert } from '../alerts/alert.ts'
import type { Backend } from '../domain/backend-id.ts'
import type { EffectFacts } from '../domain/effect.ts'
import { isGranted } from '../policy/authorize.ts'
import type { GrantIndex } from '../policy/grant-index.ts'
import type { Clock } from '../shared/clock.ts'
import { describeError } from '../shared/describe-error.ts'
import { TIMED_OUT, within } from '../shared/within.ts'
import { toNotice } from './alert-evidence.ts'
import { judgeMessage } from './judge-effect.ts'
import type { Effects, Enqueue, VerifiedPost } from './alert-ports.ts'

export interface NoticePorts {
  readonly grants: GrantIndex
  readonly effects: Effects
  readonly enqueue: Enqueue
  readonly auditEffect: (facts: EffectFacts) => void
  readonly clock: Clock
}

/** The sender waits no longer for what is kept of all the notifications of its payload. Work that takes longer goes on. */
export const NOTICES_WAIT_MS = 1_000

/**
 * Keeps what the end of an alert tells about reconnects of its backend. Undefined, or why it does not count: never a reason for another answer.
 * Only a sender that is granted the backend can tell something about it.
 */
export async function notice(
  alert: Alert,
  backend: Backend,
  { webhook, caller }: Pick<VerifiedPost, 'webhook' | 'caller'>,
  waitUntilEpochMs: number,
  ports: NoticePorts,
): Promise<string | undefined> {
  const { grants, clock } = ports
  const told = toNotice(alert, webhook, clock.now())
  if (told === undefined || !isGranted(caller, 'reconnect', backend, grants)) return undefined
  const noted = keep(backend, told, ports).catch((error: unknown) => `not kept as evidence: ${describeError(error)}`)
  const detail = await within(noted, Math.max(0, waitUntilEpochMs - clock.now()), clock)
  return detail === TIMED_OUT ? 'not kept as evidence yet: storage is slow' : detail
}

async function keep(
  backend: Backend,
  told: NonNullable<ReturnType<typeof toNotice>>,
  { effects, enqueue, auditEffect, clock }: NoticePorts,
): Promise<string | undefined> {
  const noticed = await effects.notice(backend, told)
  switch (noticed.kind) {
    case 'not_watched':
      return undefined
    case 'not_kept':
      return `not kept as evidence: ${noticed.detail}`
    case 'kept': {
      const { resourceId } = backend
      for (const decided of noticed.decided) auditEffect({ backend: resourceId, decided })
      // If such a message cannot be stored, the reconnect's own one decides, later.
      for (const { watch, atEpochMs } of noticed.looks)
        await enqueue(judgeMessage(watch, backend, clock.now()), atEpochMs - clock.now() + AFTER_MS)
      return 'kept as evidence'
    }
  }
}

/** Behind the moment, so that the clocks need not agree to the millisecond. */
const AFTER_MS = 1_000
