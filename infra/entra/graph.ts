/** Microsoft Graph, as far as a registration needs it. */
export interface Graph {
  /** Origin. */
  readonly endpoint: string
  /** Undefined for a 404. */
  get(path: string): Promise<unknown>
  /** All pages of a collection. */
  list(path: string): Promise<readonly unknown[]>
  post(path: string, body: unknown): Promise<unknown>
  patch(path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<void>
  /** Waits before a further look; longer each time. */
  pause(looks: number): Promise<void>
}

export interface GraphOptions {
  /** Origin, such as `https://graph.microsoft.com`. */
  readonly endpoint: string
  readonly token: string
  readonly sleep: (ms: number) => Promise<void>
}

/** Graph refused a request. `message` is Graph's own; it holds no credential. */
export class GraphError extends Error {
  override readonly name = 'GraphError'
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

const MAX_TRIES = 6
const MAX_WAIT_MS = 30_000
const MAX_PAGES = 100
const REQUEST_TIMEOUT_MS = 60_000
/** A new object is not at once visible everywhere: what refers to it is refused for some seconds. */
const NOT_YET_VISIBLE = new Set(['Request_ResourceNotFound', 'NoBackingApplicationObject'])

/** Repeats throttled requests, server errors, and writes that refer to an object which is not visible yet: at most six tries. */
export function createGraph({ endpoint, token, sleep }: GraphOptions): Graph {
  const origin = new URL(endpoint).origin

  async function once(method: string, path: string, body?: unknown, headers = {}): Promise<Response> {
    return fetch(new URL(`/v1.0${path}`, origin), {
      method,
      redirect: 'error',
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  }

  async function send(method: string, path: string, body?: unknown, headers = {}): Promise<unknown> {
    for (let tries = 1; ; tries++) {
      const response = await once(method, path, body, headers)
      const text = await response.text()
      if (response.ok) return text === '' ? undefined : (JSON.parse(text) as unknown)
      const error = toError(response.status, text)
      const isPassing =
        response.status === 429 || response.status >= 500 || (method !== 'GET' && NOT_YET_VISIBLE.has(error.code))
      if (!isPassing || tries === MAX_TRIES) throw error
      await sleep(waitMs(response.headers.get('retry-after'), tries))
    }
  }

  async function get(path: string): Promise<unknown> {
    try {
      return await send('GET', path)
    } catch (error) {
      if (error instanceof GraphError && error.status === 404) return undefined
      throw error
    }
  }

  return {
    endpoint: origin,
    pause: (looks) => sleep(waitMs(null, looks)),
    get,
    async list(path) {
      const all: unknown[] = []
      let next: string | undefined = path
      for (let pages = 0; next !== undefined; pages++) {
        if (pages === MAX_PAGES) throw new Error(`Graph returned more than ${MAX_PAGES} pages of ${path}`)
        const page = (await send('GET', next)) as { value: unknown[]; '@odata.nextLink'?: string }
        all.push(...page.value)
        next = page['@odata.nextLink'] === undefined ? undefined : pathOf(page['@odata.nextLink'], origin)
      }
      return all
    },
    post: (path, body) => send('POST', path, body),
    async patch(path, body, headers) {
      await send('PATCH', path, body, headers)
    },
  }
}

/** An answer must not lead the token to another host. */
function pathOf(link: string, origin: string): string {
  const url = new URL(link)
  if (url.origin !== origin) throw new Error(`Graph named a next page at another host: ${url.origin}`)
  return `${url.pathname.replace(/^\/v1\.0/, '')}${url.search}`
}

function waitMs(retryAfter: string | null, tries: number): number {
  const asked = /^[0-9]{1,4}$/.test(retryAfter ?? '') ? Number(retryAfter) * 1_000 : 1_000 * 2 ** tries
  return Math.min(Math.max(asked, 1_000), MAX_WAIT_MS)
}

function toError(status: number, text: string): GraphError {
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string } }
    return new GraphError(status, error.code, error.message)
  } catch {
    return new GraphError(status, 'unknown', `Graph answered ${status} without an error document`)
  }
}
