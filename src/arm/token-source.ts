import type { AccessToken, TokenCredential } from '@azure/identity'
import type { Clock } from '../shared/clock.ts'
import type { Deadline } from '../shared/deadline.ts'
import { err, ok, type Result } from '../shared/result.ts'
import { TIMED_OUT, within } from '../shared/within.ts'

/** Our identity's token for ARM: one per process, asked for by one request at a time. */
export interface TokenSource {
  /** A token that is good for another half minute at least. The error is a detail for the log, without secrets. */
  get(deadline: Deadline): Promise<Result<AccessToken, string>>
  /** The token that `get` returned last. */
  current(): AccessToken | undefined
}

/** A token with less than this left is not used: it could expire on its way. */
const MIN_LIFETIME_MS = 30_000
/** From here on a new one is fetched in the background, while the old one is still used. */
const REFRESH_AHEAD_MS = 10 * 60_000
/** The credential ignores abort signals; a request that hangs longer is given up, so that the next one may be begun. */
const ABANDON_AFTER_MS = 25_000
/** After a failure everybody is told so at once for this long: a storm must not reach the identity endpoint. */
const COOL_DOWN_MS = 1_000
/** The platform may hand out the same ageing token again and again: asking for a better one is worth this much patience. */
const REFRESH_PAUSE_MS = 30_000

export function createTokenSource(
  credential: () => Promise<TokenCredential>,
  scope: string,
  clock: Clock,
): TokenSource {
  let held: AccessToken | undefined
  let pending: Promise<Result<AccessToken, string>> | undefined
  let failure: { readonly detail: string; readonly untilEpochMs: number } | undefined
  let askedAtEpochMs = -Infinity

  const lifetimeMs = (): number => (held === undefined ? 0 : held.expiresOnTimestamp - clock.now())

  async function request(): Promise<Result<AccessToken, string>> {
    try {
      const token = await (await credential()).getToken(scope)
      // The identity endpoint has been seen to hand out tokens that have already expired.
      if (token === null || token.expiresOnTimestamp - clock.now() < MIN_LIFETIME_MS)
        return fail('the credential returned no token that is still valid')
      // A request that was given up may still be answered: a late token does not replace a better one.
      if (held === undefined || token.expiresOnTimestamp > held.expiresOnTimestamp) held = token
      failure = undefined
      return ok(token)
    } catch (error) {
      return fail(error instanceof Error ? `${error.name}: ${error.message}` : 'the credential failed')
    }
  }

  function fail(detail: string): Result<AccessToken, string> {
    failure = { detail, untilEpochMs: clock.now() + COOL_DOWN_MS }
    return err(detail)
  }

  /** Starts a request unless one is under way; it frees the slot only while the slot is its own. */
  function refresh(): Promise<Result<AccessToken, string>> {
    if (pending !== undefined) return pending
    askedAtEpochMs = clock.now()
    const started = within(request(), ABANDON_AFTER_MS, clock).then((token) => {
      if (pending === started) pending = undefined
      return token === TIMED_OUT ? fail('the identity endpoint did not answer') : token
    })
    pending = started
    return started
  }

  return {
    current: () => held,
    async get(deadline) {
      const left = lifetimeMs()
      const coolingDown = failure !== undefined && clock.now() < failure.untilEpochMs
      if (held !== undefined && left >= MIN_LIFETIME_MS) {
        if (left < REFRESH_AHEAD_MS && clock.now() - askedAtEpochMs >= REFRESH_PAUSE_MS) void refresh()
        return ok(held)
      }
      if (pending === undefined && coolingDown && failure !== undefined) return err(failure.detail)
      const token = await within(refresh(), deadline.remainingMs(), clock)
      return token === TIMED_OUT ? err('the identity endpoint did not answer within the deadline') : token
    },
  }
}
