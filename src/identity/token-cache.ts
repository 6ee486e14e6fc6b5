import type { Clock } from '../shared/clock.ts'
import type { VerifiedToken } from './entra-claims.ts'

/** Callers at one time, not tokens ever seen: tools and people with a token each. At 16 KiB each this is 16 MiB at the very most. */
export const MAX_TOKENS = 1_000
/** A token that was verified with a key is accepted for this long after the issuer has withdrawn the key. */
export const MAX_AGE_MS = 5 * 60_000

/** Recently verified tokens. Saves verifying a signature again; decides nothing. */
export interface TokenCache {
  find(token: string): VerifiedToken | undefined
  remember(token: string, verified: VerifiedToken): void
}

/**
 * The key is the whole token, not a digest or a part of it: confusing two tokens would confuse two callers (fast-jwt GHSA-rp9m-7r4c-75qg).
 * Only valid tokens are cached, so that unauthenticated callers cannot fill it. The entry that was verified first is removed first.
 */
export function createTokenCache(clock: Clock): TokenCache {
  const entries = new Map<string, { readonly verified: VerifiedToken; readonly forgetAtEpochMs: number }>()

  return {
    find(token) {
      const entry = entries.get(token)
      if (entry === undefined) return undefined
      // The expiry is checked on every use: a cached token does not live longer.
      if (clock.now() < entry.forgetAtEpochMs) return entry.verified
      entries.delete(token)
      return undefined
    },

    remember(token, verified) {
      entries.delete(token)
      entries.set(token, { verified, forgetAtEpochMs: Math.min(verified.expiresAtEpochMs, clock.now() + MAX_AGE_MS) })
      const oldest = entries.keys().next()
      if (entries.size > MAX_TOKENS && !oldest.done) entries.delete(oldest.value)
    },
  }
}
