import type { Clock } from '../shared/clock.ts'
import type { VerifiedToken } from './entra-claims.ts'

/** Callers at one time, not tokens ever seen: tools and people with a token each. At 16 KiB each this is 16 MiB at the very most. */
export const MAX_TOKENS = 1_000
/** A key that the issuer has withdrawn stops counting after this time, also for a token that was verified with it before. */
export const MAX_AGE_MS = 5 * 60_000

/** Tokens that have been verified lately: spares repeated signatures, decides nothing. */
export interface TokenCache {
  find(token: string): VerifiedToken | undefined
  remember(token: string, verified: VerifiedToken): void
}

/**
 * Keyed by the whole token, not by a digest or a part of it: a cache that takes one token for another lets one caller be another
 * (fast-jwt GHSA-rp9m-7r4c-75qg). Only successes are kept, so that strangers cannot fill it. The least recently used goes first.
 */
export function createTokenCache(clock: Clock): TokenCache {
  const entries = new Map<string, { readonly verified: VerifiedToken; readonly forgetAtEpochMs: number }>()

  return {
    find(token) {
      const entry = entries.get(token)
      if (entry === undefined) return undefined
      entries.delete(token)
      // The expiry is looked at on every use; a token does not live longer because it was seen before.
      if (clock.now() >= entry.forgetAtEpochMs) return undefined
      entries.set(token, entry)
      return entry.verified
    },

    remember(token, verified) {
      entries.delete(token)
      entries.set(token, { verified, forgetAtEpochMs: Math.min(verified.expiresAtEpochMs, clock.now() + MAX_AGE_MS) })
      const oldest = entries.keys().next()
      if (entries.size > MAX_TOKENS && !oldest.done) entries.delete(oldest.value)
    },
  }
}
