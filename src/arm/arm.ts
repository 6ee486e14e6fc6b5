import type { ArmConfig } from '../config/config.ts'
import type { ArmFailure } from '../domain/failure.ts'
import type { AuthorizedReconnect } from '../policy/authorize.ts'
import type { ArmTrace, Forward, Forwarded, PrepareForward, RequestIds } from '../reconnect/ports.ts'
import type { TokenSource } from '../managed-identity/token-source.ts'
import type { Clock } from '../shared/clock.ts'
import { once } from '../shared/once.ts'
import { err, ok } from '../shared/result.ts'
import type { ArmAnswer } from './answer.ts'
import type { createClientPool } from './client-pool.ts'
import { decideRetry, MAX_ATTEMPTS, MIN_ATTEMPT_MS } from './decide-retry.ts'
import { interpretReconnect } from './interpret-reconnect.ts'
import type { sendReconnect } from './send-reconnect.ts'

/** The modules of this room that need the SDK: passed in, because they are loaded late. */
export interface ArmSdk {
  readonly createClientPool: typeof createClientPool
  readonly sendReconnect: typeof sendReconnect
}

type Send = (permit: AuthorizedReconnect, ids: RequestIds, timeoutMs: number) => Promise<ArmAnswer>

export interface Arm {
  readonly forward: Forward
  readonly prepareForward: PrepareForward
  /** Reads the SDK. Sends nothing, to ARM or to the identity endpoint. */
  preload(): Promise<void>
}

/** The scope that the SDK itself would ask for. */
export function armScope({ endpoint }: Pick<ArmConfig, 'endpoint'>): string {
  return `${endpoint}/.default`
}

/**
 * Sends a reconnect: token → POST → interpret → wait and POST again while that may help and fits. Bounded by the deadline whatever the
 * identity endpoint or ARM do. At most three POSTs; at most one after an unknown outcome; one with a new token after a 401.
 */
export function createArm(
  config: Pick<ArmConfig, 'endpoint'>,
  tokens: TokenSource,
  clock: Clock,
  loadSdk: () => Promise<ArmSdk>,
  random: () => number = Math.random,
): Arm {
  const sdk = once(async (): Promise<Send> => {
    const { createClientPool, sendReconnect } = await loadSdk()
    const { endpoint } = config
    const clients = createClientPool({ endpoint, tokenScope: armScope(config), currentToken: () => tokens.current() })
    return (permit, ids, timeoutMs) => sendReconnect(permit, ids, { clients, clock, timeoutMs })
  })

  async function forward(
    ...[permit, ids, deadline, maxAttempts = MAX_ATTEMPTS]: Parameters<Forward>
  ): Promise<Forwarded> {
    let attempts = 0
    let ambiguous = false
    let renewed = false
    let trace: ArmTrace | undefined
    const ended = (result: Forwarded['result'], retryAfterMs?: number): Forwarded => ({
      result,
      attempts,
      ambiguous,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(trace === undefined ? {} : { arm: trace }),
    })

    let token = await tokens.get(deadline)
    if (!token.ok) return ended(err({ reason: 'identity_unavailable', detail: token.error }))

    const send = await sdk()
    if (deadline.remainingMs() < MIN_ATTEMPT_MS)
      return ended(err({ reason: 'deadline_exceeded', detail: 'the token came too late' }))
    for (;;) {
      attempts += 1
      // The first attempt gets half of the remaining time: a connection that hangs leaves time for the one repetition.
      const timeoutMs =
        attempts === 1 && maxAttempts > 1
          ? Math.max(MIN_ATTEMPT_MS, deadline.remainingMs() / 2)
          : deadline.remainingMs()
      const sentAtEpochMs = clock.now()
      const answer = await send(permit, ids, timeoutMs)
      trace = traceOf(answer) ?? trace
      const interpretation = interpretReconnect(answer, permit.command.backend.resourceId, clock.now())
      if (interpretation.result.ok) return ended(ok({ sentAtEpochMs }))
      const waitMs = decideRetry(interpretation, {
        attempts,
        maxAttempts,
        ambiguous,
        canRenewToken: !renewed && interpretation.repeat === 'with_new_token' && tokens.drop(token.value),
        remainingMs: deadline.remainingMs(),
        random: random(),
      })
      const before = ambiguous
      // An answer that makes no sense is not repeated, and its outcome is not known either.
      if (interpretation.repeat === 'once' || interpretation.result.error.reason === 'arm_answer_invalid')
        ambiguous = true
      if (waitMs === undefined)
        return ended(err(withUnknownOutcome(interpretation.result.error, before)), interpretation.waitMs)
      await clock.sleep(waitMs, deadline.signal)
      if (interpretation.repeat !== 'with_new_token') continue
      renewed = true
      token = await tokens.get(deadline)
      if (!token.ok) return ended(err({ reason: 'identity_unavailable', detail: `after a 401: ${token.error}` }))
      if (deadline.remainingMs() < MIN_ATTEMPT_MS) return ended(interpretation.result)
    }
  }

  return {
    forward,
    prepareForward(_, deadline) {
      if (tokens.current() === undefined) void tokens.get(deadline)
    },
    async preload() {
      await sdk()
    },
  }
}

/** "Nothing was sent" would be wrong when only the last attempt was not sent. */
function withUnknownOutcome(failure: ArmFailure, ambiguous: boolean): ArmFailure {
  if (!ambiguous) return failure
  if (failure.reason === 'deadline_exceeded') return { reason: 'outcome_unknown', detail: failure.detail }
  return failure.reason === 'arm_unreachable' ? { reason: 'arm_connection_lost', detail: failure.detail } : failure
}

/** Printable ASCII of limited length: these values become headers of this app's answer. */
const HEADER_VALUE = /^[ -~]{1,256}$/

function traceOf(answer: ArmAnswer): ArmTrace | undefined {
  if (answer.kind !== 'answered') return undefined
  const read = (name: string): string | undefined => {
    const value = answer.header(name)
    return value !== undefined && HEADER_VALUE.test(value) ? value : undefined
  }
  const requestId = read('x-ms-request-id')
  const correlationId = read('x-ms-correlation-request-id')
  const routingRequestId = read('x-ms-routing-request-id')
  return {
    status: answer.status,
    ...(requestId === undefined ? {} : { requestId }),
    ...(correlationId === undefined ? {} : { correlationId }),
    ...(routingRequestId === undefined ? {} : { routingRequestId }),
  }
}
