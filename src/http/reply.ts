/** An HTTP answer as plain facts, before the Functions library turns it into its own. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/**
 * On every answer: nothing here may be stored by a cache or guessed at by a browser. No answer redirects, and none carries
 * CORS permissions: this is an API for tools, and a page in a browser has no business with it. `host.json` adds the same two
 * headers to the answers that the Functions host makes without us (404).
 */
export const COMMON_HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const

export function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return {
    status,
    headers: { ...COMMON_HEADERS, ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(value),
  }
}

/** A 202 has no body, as ARM's has none. */
export function accepted(headers: Readonly<Record<string, string>>): Reply {
  return { status: 202, headers: { ...COMMON_HEADERS, ...headers } }
}
