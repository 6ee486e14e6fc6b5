import type { AccessToken, TokenCredential } from '@azure/identity'
import { createCircuitBreaker } from '../shared/circuit-breaker.ts'
import type { Clock } from '../shared/clock.ts'
import { err, ok, type Result } from '../shared/result.ts'
import { createSingleFlight } from '../shared/single-flight.ts'
import { TIMED_OUT, within } from '../shared/within.ts'

/** Tokens of one identity for one scope, requested by one request at a time. */
export interface TokenSource {
  /** A token that is valid for at least 30 s more. The error is a detail for the log, without secrets. Never rejects. */
  get(limit: WaitLimit): Promise<Result<AccessToken, string>>
  /** The token that the latest successful request brought, also if it was refused since. Undefined before the first one. */
  current(): AccessToken | undefined
  /**
   * The service answered 401 to `token`: `get` returns it no longer. False, and nothing changes, within 30 s of an earlier drop: the token is a new
   * one already, and a storm of refusals must not reach the identity endpoint.
   */
  drop(token: AccessToken): boolean
}

/** How long a caller can wait; a Deadline is one. */
export interface WaitLimit {
  remainingMs(): number
  readonly signal?: AbortSignal
}

/** A token with less than this left is not used: it could expire on its way. */
const MIN_LIFETIME_MS = 30_000
/** From here on a new one is fetched in the background, while the old one is still used. */
const REFRESH_AHEAD_MS = 10 * 60_000
/** The credential ignores abort signals. A request that takes longer is abandoned, so that the next one may start. */
const ABANDON_AFTER_MS = 25_000
/** After a failure every caller gets it at once for this long: a storm must not reach the identity endpoint. */
const COOL_DOWN_MS = 1_000
/** The platform may return the same token again and again, ageing or refused: a better one is requested at most this often. */
const REFRESH_PAUSE_MS = 30_000

export function createTokenSource(
  credential: () => Promise<TokenCredential>,
  scope: string,
  clock: Clock,
): TokenSource {
  let held: AccessToken | undefined
  let refused: AccessToken | undefined
  let droppedAtEpochMs = -Infinity
  let requestedAtEpochMs = -Infinity
  const breaker = createCircuitBreaker({ clock, openAfterFaults: 1, openMs: COOL_DOWN_MS })

  const lifetimeMs = (token: AccessToken): number => token.expiresOnTimestamp - clock.now()

  async function request(): Promise<Result<AccessToken, string>> {
    try {
      const token = await (await credential()).getToken(scope)
      // The identity endpoint has been seen to return tokens that have already expired.
      if (token === null || lifetimeMs(token) < MIN_LIFETIME_MS)
        return err('the credential returned no token that is still valid')
      keep(token)
      return ok(token)
    } catch (error) {
      return err(error instanceof Error ? `${error.name}: ${error.message}` : 'the credential failed')
    }
  }

  /** An abandoned request may still be answered: a late token does not replace one that is valid for longer. */
  function keep(token: AccessToken): void {
    if (held !== undefined && held !== refused && token.expiresOnTimestamp <= held.expiresOnTimestamp) return
    held = token
    breaker.succeeded()
  }

  const refresh = createSingleFlight(async (): Promise<Result<AccessToken, string>> => {
    requestedAtEpochMs = clock.now()
    const answer = await within(request(), ABANDON_AFTER_MS, clock)
    const token = answer === TIMED_OUT ? err('the identity endpoint did not answer') : answer
    if (token.ok) breaker.succeeded()
    else breaker.failed(token.error)
    return token
  })

  return {
    current: () => held,

    drop(token) {
      if (held?.token !== token.token || held === refused) return true
      if (clock.now() - droppedAtEpochMs < REFRESH_PAUSE_MS) return false
      droppedAtEpochMs = clock.now()
      refused = held
      return true
    },

    async get(limit) {
      if (held !== undefined && held !== refused) {
        const leftMs = lifetimeMs(held)
        if (leftMs >= MIN_LIFETIME_MS) {
          if (leftMs < REFRESH_AHEAD_MS && clock.now() - requestedAtEpochMs >= REFRESH_PAUSE_MS) void refresh()
          return ok(held)
        }
      }
      const open = breaker.opened()
      if (open !== undefined) return err(open.detail)
      const token = await within(refresh(), limit.remainingMs(), clock, limit.signal)
      return token === TIMED_OUT ? err('the identity endpoint did not answer within the deadline') : token
    },
  }
}
