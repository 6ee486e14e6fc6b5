import { noteServerTime } from './clock.ts'
import { toProblem, UNREACHABLE, type Problem } from './problem.ts'

/** A little more than the app's longest answer, which is 30 s by default. */
const TIMEOUT_MS = 40_000

export type Answer<T> =
  | { readonly ok: true; readonly value: T; readonly headers: Headers }
  | { readonly ok: false; readonly problem: Problem }

export interface Sending {
  readonly method: 'POST' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

export interface Api {
  get<T>(path: string, signal?: AbortSignal): Promise<Answer<T>>
  send<T>(path: string, sending: Sending): Promise<Answer<T>>
}

/** Talks to the API as any client does: with a bearer token, and never with a cookie. */
export function createApi(token: string, onSignedOut: () => void): Api {
  async function ask<T>(path: string, init: RequestInit): Promise<Answer<T>> {
    const timeout = AbortSignal.timeout(TIMEOUT_MS)
    try {
      // The token goes to the app that served this page, and nowhere else.
      const address = new URL(path, location.origin)
      if (address.origin !== location.origin) return { ok: false, problem: UNREACHABLE }
      const response = await fetch(address, {
        ...init,
        headers: { ...(init.headers as Record<string, string>), authorization: `Bearer ${token}` },
        credentials: 'omit',
        redirect: 'error',
        cache: 'no-store',
        signal: init.signal ? AbortSignal.any([init.signal, timeout]) : timeout,
      })
      noteServerTime(response.headers.get('date'))
      const value = parse(await response.text())
      if (response.ok) return { ok: true, value: value as T, headers: response.headers }
      if (response.status === 401) onSignedOut()
      return { ok: false, problem: toProblem(readRefusal(response, value)) }
    } catch {
      return { ok: false, problem: UNREACHABLE }
    }
  }

  return {
    get: (path, signal) => ask(path, signal === undefined ? {} : { signal }),
    send: (path, { method, headers, body }) =>
      ask(path, {
        method,
        headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
  }
}

/** Undefined for an empty body and for what is no JSON: a proxy in between may answer with a page. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function readRefusal({ status, headers }: Response, value: unknown) {
  const { code, message } = (value as { error?: { code?: unknown; message?: unknown } } | undefined)?.error ?? {}
  const correlationId = headers.get('x-ms-correlation-request-id')
  const seconds = Number(headers.get('retry-after') ?? Number.NaN)
  return {
    status,
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof message === 'string' ? { message } : {}),
    ...(correlationId === null ? {} : { correlationId }),
    ...(seconds >= 0 && seconds <= 86_400 ? { retryAfterSeconds: seconds } : {}),
  }
}
