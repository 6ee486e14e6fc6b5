/** Paths that the host keeps for itself: it answers them, whatever an app registers. */
const RESERVED = /^\/(?:admin|runtime)(?:\/|$)/i
const PING = /^\/admin\/host\/ping\/?$/i
/** These need the host's master key, which this host does not have. */
const KEYED = /^\/(?:admin\/(?:host\/status|functions|vfs)|runtime\/webhooks)(?:\/|$)/i

export function isReserved(path: string): boolean {
  return RESERVED.test(path)
}

/** What the host answers below its own paths to a caller without a key; undefined for every other path. */
export function hostStatus(method: string, path: string): 200 | 401 | 404 | undefined {
  if (!isReserved(path)) return undefined
  if (KEYED.test(path)) return 401
  return PING.test(path) && (method === 'GET' || method === 'POST') ? 200 : 404
}
