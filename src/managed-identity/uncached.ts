import type { AccessToken } from '@azure/identity'

/**
 * For an SDK that must ask before every request. Its own cache would keep a token after it was dropped, wait 3 s between attempts shortly before it
 * expires, and give every caller the failure of the first one whose signal aborts.
 */
export function uncached(token: AccessToken): AccessToken {
  return { token: token.token, expiresOnTimestamp: 0 }
}
