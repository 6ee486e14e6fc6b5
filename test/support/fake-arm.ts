import type { Forward, Forwarded, RequestIds } from '../../src/reconnect/ports.ts'
import type { ArmFailure } from '../../src/domain/failure.ts'
import { err, ok } from '../../src/shared/result.ts'
import type { FakeClock } from './fake-clock.ts'

/** How long the fake ARM takes. */
export const ARM_TOOK_MS = 250

export interface FakePost {
  readonly backend: string
  readonly apiVersion: string
  readonly ids: RequestIds
  readonly maxAttempts: number | undefined
  readonly atEpochMs: number
}

/** An ARM that counts what it is asked for. It accepts, unless a test says otherwise. */
export interface FakeArm {
  readonly forward: Forward
  readonly posts: readonly FakePost[]
  /** The next POSTs end so, one after the other; a function runs while the POST is in flight. */
  next(...answers: readonly (Forwarded | (() => Promise<Forwarded> | Forwarded))[]): void
}

export function createFakeArm(clock: FakeClock): FakeArm {
  const posts: FakePost[] = []
  const answers: (Forwarded | (() => Promise<Forwarded> | Forwarded))[] = []
  return {
    posts,
    next: (...more) => void answers.push(...more),
    async forward({ command }, ids, _deadline, maxAttempts) {
      const sentAtEpochMs = clock.now()
      const { backend, apiVersion } = command
      posts.push({ backend: backend.resourceId, apiVersion, ids, maxAttempts, atEpochMs: sentAtEpochMs })
      await clock.sleep(ARM_TOOK_MS)
      const answer = answers.shift()
      if (typeof answer === 'function') return answer()
      return answer ?? acceptedAt(sentAtEpochMs)
    },
  }
}

export function acceptedAt(sentAtEpochMs: number): Forwarded {
  const arm = { status: 202, requestId: 'r1', correlationId: 'c1' }
  return { result: ok({ sentAtEpochMs }), attempts: 1, ambiguous: false, arm }
}

/** ARM did not accept. */
export function failing(failure: ArmFailure, more: Partial<Forwarded> = {}): Forwarded {
  return { result: err(failure), attempts: 1, ambiguous: false, ...more }
}

export const UNAVAILABLE: Forwarded = failing(
  { reason: 'arm_unavailable', status: 503, detail: 'd' },
  { arm: { status: 503 } },
)
/** Sent, and no answer: ARM may have acted. */
export const NO_ANSWER: Forwarded = failing({ reason: 'outcome_unknown', detail: 'no answer' }, { ambiguous: true })
export const NOT_FOUND: Forwarded = failing(
  { reason: 'arm_rejected', status: 404, error: { code: 'ResourceNotFound', message: 'Backend not found.' } },
  { arm: { status: 404, requestId: 'r1' } },
)
