/** An HTTP answer as plain facts, independent of the Functions library. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/** The same with bytes: a file. */
export interface FileReply extends Omit<Reply, 'body'> {
  readonly body: Uint8Array
}

/**
 * Headers of every answer: no cache may store it, and no browser may guess its type. No answer redirects, and none carries CORS
 * permissions: this API is for tools. `host.json` adds the same two headers to the answers of the Functions host itself (404).
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
