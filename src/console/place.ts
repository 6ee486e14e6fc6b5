/** Where the reader of the page is. It is kept in the address, after `#`, so that a link leads there and sign-in returns there. */
export type View = 'now' | 'reconnect' | 'operation' | 'history' | 'webhook' | 'pauses' | 'grants'

export interface Place {
  readonly view: View
  /** Of an operation, or the name of a webhook. */
  readonly id?: string
  readonly query: Readonly<Record<string, string>>
}

const PATHS: Readonly<Record<View, string>> = {
  now: '',
  reconnect: 'reconnect',
  operation: 'operations',
  history: 'history',
  webhook: 'webhooks',
  pauses: 'pauses',
  grants: 'grants',
}

/** Any text is a place; what leads nowhere is Now. */
export function parsePlace(hash: string): Place {
  const [path = '', search = ''] = hash.replace(/^#?\/?/, '').split(/\?(.*)/s)
  const [first = '', second] = path.split('/')
  const view = (Object.keys(PATHS) as View[]).find((name) => PATHS[name] === first) ?? 'now'
  const id = decode(second)
  const query = Object.fromEntries([...new URLSearchParams(search)].filter(([, value]) => value !== ''))
  if (view === 'operation' && id === undefined) return { view: 'history', query }
  return { view, query, ...(id !== undefined && (view === 'operation' || view === 'webhook') ? { id } : {}) }
}

export function toHash(view: View, query: Readonly<Record<string, string | undefined>> = {}, id?: string): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== '') search.set(name, value)
  const text = search.toString()
  return `#/${PATHS[view]}${id === undefined ? '' : `/${encodeURIComponent(id)}`}${text === '' ? '' : `?${text}`}`
}

const OPERATION_ID = /^[A-Za-z0-9_-]{51}$/
const BACKEND_ID =
  /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.ApiManagement\/service\/[^/]+(\/backends\/[^/]+)?$/i

/**
 * The path of the reconnect route, each segment encoded. Undefined for a text that is no resource id of a backend: the address of the page may come
 * from a link of someone else, and must not choose another path.
 */
export function reconnectPath(backend: string): string | undefined {
  const segments = backend.split('/').slice(1)
  const isBackend = BACKEND_ID.exec(backend)?.[1] !== undefined
  return isBackend && !segments.some((segment) => segment === '.' || segment === '..')
    ? `/${segments.map(encodeURIComponent).join('/')}/reconnect`
    : undefined
}

/** Where a pasted text leads: an operation, the history of a backend or service, or of an alert id or a rule. */
export function findPlace(text: string): string {
  const pasted = text.trim()
  const resource = BACKEND_ID.exec(pasted)
  if (pasted === '') return toHash('history')
  if (OPERATION_ID.test(pasted)) return toHash('operation', {}, pasted)
  if (resource !== null) return toHash('history', { [resource[1] === undefined ? 'service' : 'backend']: pasted })
  return toHash('history', { find: pasted })
}

/** The path of a nextLink, which is absolute where the app knows its public address. Undefined where it leads elsewhere. */
export function nextPath(nextLink: string | undefined, expected: string): string | undefined {
  if (nextLink === undefined || !URL.canParse(nextLink, 'http://x')) return undefined
  const { pathname, search } = new URL(nextLink, 'http://x')
  return pathname === expected ? pathname + search : undefined
}

function decode(part: string | undefined): string | undefined {
  if (part === undefined || part === '') return undefined
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined
  }
}
