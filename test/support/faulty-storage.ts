import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Scope } from './start-sandbox.ts'
import {
  isWrite,
  limitRefusal,
  queueRefusal,
  readQueueCall,
  readTableCall,
  tableRefusal,
  type Refusal,
  type StorageCall,
} from './storage-calls.ts'

/** Which calls a fault meets. Every member that is given must agree. */
export interface CallFilter {
  readonly service?: StorageCall['service']
  readonly method?: string
  /** A table or a queue. */
  readonly name?: string
  readonly about?: StorageCall['about']
  /** Whether it changes something in storage. */
  readonly write?: boolean
  /** Text in path, query or body. */
  readonly contains?: string
}

/** What a fault does to the calls that it meets. */
export type FaultEffect =
  /** 503, as from an account that is throttled. Nothing is applied. */
  | { readonly kind: 'busy' }
  /** Nothing is applied and nothing is answered. */
  | { readonly kind: 'hang' }
  /** The call is applied, and the connection ends instead of the answer. */
  | { readonly kind: 'lose-answer' }
  /** The call is applied after this time, and answered then. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** The call is applied at once, and answered after this time. */
  | { readonly kind: 'slow-answer'; readonly delayMs: number }
  /** Nothing is applied. Of a transaction, the first entity with the filter's text is the one that is refused. */
  | { readonly kind: 'refuse'; readonly refusal: Refusal }
  /** Applied with another page size: the real service may always answer with fewer rows than were asked for. */
  | { readonly kind: 'page-size'; readonly rows: number }

export interface ActiveFault {
  /** Calls that it has met. */
  met(): number
  lift(): void
}

/** An account of a storage emulator, tables and queues, behind a door that can do what a real account does on a bad day. */
export interface FaultyStorage {
  /** For the app: by way of the faults. */
  readonly connectionString: string
  /** For the test: past the faults. */
  readonly direct: string
  /** The first fault that was added and that matches is the one that meets a call; `times` counts down. */
  add(filter: CallFilter, effect: FaultEffect, options?: { readonly times?: number }): ActiveFault
  clear(): void
  /** Every call so far, oldest first. */
  calls(filter?: CallFilter): readonly StorageCall[]
  /** Shifts the `Date` header of every answer: a stale header is as real as a cache. */
  shiftDate(ms: number): void
}

interface Entry {
  readonly filter: CallFilter
  readonly effect: FaultEffect
  left: number
  met: number
}

const ENDPOINTS = {
  table: /TableEndpoint=http:\/\/([^:/;]+):([0-9]+)/,
  queue: /QueueEndpoint=http:\/\/([^:/;]+):([0-9]+)/,
} as const
/** More calls than any test makes: what comes beyond it is a test that is wrong. */
const MAX_CALLS = 50_000

/** Starts the door. It always enforces the limits of the real table service, which the emulator does not (storage-calls.ts). */
export async function startFaultyStorage(scope: Scope, direct: string): Promise<FaultyStorage> {
  const calls: StorageCall[] = []
  let entries: Entry[] = []
  let dateShiftMs = 0
  const agent = new Agent({ keepAlive: true })

  function take(call: StorageCall): FaultEffect | undefined {
    const found = entries.find(({ filter, left }) => left > 0 && matches(call, filter))
    if (found === undefined) return undefined
    found.left -= 1
    found.met += 1
    const { effect, filter } = found
    if (effect.kind !== 'refuse') return effect
    const index = call.entities.findIndex((entity) => JSON.stringify(entity).includes(filter.contains ?? ''))
    return { kind: 'refuse', refusal: { index: Math.max(0, index), ...effect.refusal } }
  }

  /** The signature covers path and date, neither host nor body, so that what is passed on is accepted. */
  function passOn(
    upstream: { readonly hostname: string; readonly port: string },
    request: IncomingMessage,
    url: string,
    body: Buffer,
  ): Promise<{ readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer }> {
    return new Promise((resolve, reject) => {
      const { method, headers } = request
      const sent = httpRequest({ ...upstream, agent, method, path: url, headers }, (answer) => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.on('error', reject)
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) }),
        )
      })
      sent.on('error', reject)
      sent.end(body)
    })
  }

  async function serve(
    service: StorageCall['service'],
    upstream: { readonly hostname: string; readonly port: string },
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    const read = service === 'table' ? readTableCall : readQueueCall
    let url = request.url ?? '/'
    const call = read(request.method ?? '', url, body.toString('utf8'))
    if (calls.length >= MAX_CALLS) throw new Error('too many calls to storage')
    calls.push(call)
    const answer = ({ status, headers, body: text }: ReturnType<typeof queueRefusal>): void =>
      void response.writeHead(status, headers).end(text)
    const effect = take(call)
    if (effect?.kind === 'hang') return
    if (effect?.kind === 'busy') return answer(busy(service))
    const refusal =
      effect?.kind === 'refuse' ? effect.refusal : service === 'table' && isWrite(call) ? limitRefusal(call) : undefined
    if (refusal !== undefined) return answer(service === 'table' ? tableRefusal(call, refusal) : queueRefusal(refusal))
    if (effect?.kind === 'page-size') url = withPageSize(url, effect.rows)
    if (effect?.kind === 'slow') await delay(effect.delayMs, undefined, { ref: false })
    const passed = await passOn(upstream, request, url, body)
    if (effect?.kind === 'lose-answer') return void response.destroy()
    if (effect?.kind === 'slow-answer') await delay(effect.delayMs, undefined, { ref: false })
    const { date } = passed.headers
    response.writeHead(passed.status, {
      ...passed.headers,
      ...(dateShiftMs !== 0 && date !== undefined
        ? { date: new Date(Date.parse(date) + dateShiftMs).toUTCString() }
        : {}),
    })
    response.end(passed.body)
  }

  async function listen(service: StorageCall['service']): Promise<number> {
    const [, hostname = '', port = ''] = ENDPOINTS[service].exec(direct) ?? []
    if (port === '') throw new Error(`the connection string names no ${service} endpoint`)
    const server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
      // An app that has ended in the middle of a call is no fault of the test.
      serve(service, { hostname, port }, request, response).catch(() => response.destroy())
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    scope.after(async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    })
    return (server.address() as AddressInfo).port
  }

  const [tablePort, queuePort] = await Promise.all([listen('table'), listen('queue')])
  scope.after(async () => agent.destroy())
  return {
    connectionString: direct
      .replace(ENDPOINTS.table, `TableEndpoint=http://127.0.0.1:${tablePort}`)
      .replace(ENDPOINTS.queue, `QueueEndpoint=http://127.0.0.1:${queuePort}`),
    direct,
    add(filter, effect, { times = Infinity } = {}) {
      const entry: Entry = { filter, effect, left: times, met: 0 }
      entries.push(entry)
      return {
        met: () => entry.met,
        lift: () => void (entries = entries.filter((other) => other !== entry)),
      }
    },
    clear: () => void (entries = []),
    calls: (filter = {}) => calls.filter((call) => matches(call, filter)),
    shiftDate: (ms) => void (dateShiftMs = ms),
  }
}

function matches(call: StorageCall, { service, method, name, about, write, contains }: CallFilter): boolean {
  return (
    (service === undefined || call.service === service) &&
    (method === undefined || call.method === method) &&
    (name === undefined || call.name === name) &&
    (about === undefined || call.about === about) &&
    (write === undefined || isWrite(call) === write) &&
    (contains === undefined || call.url.includes(contains) || call.body.includes(contains))
  )
}

function busy(service: StorageCall['service']): ReturnType<typeof queueRefusal> {
  return service === 'table'
    ? {
        status: 503,
        headers: { 'content-type': 'application/json' },
        body: '{"odata.error":{"code":"ServerBusy","message":{"lang":"en-US","value":"The server is busy."}}}',
      }
    : {
        status: 503,
        headers: { 'content-type': 'application/xml', 'x-ms-error-code': 'ServerBusy' },
        body: '<?xml version="1.0" encoding="utf-8"?><Error><Code>ServerBusy</Code><Message>The server is busy.</Message></Error>',
      }
}

/** `$top` is not part of the signature (SharedKeyLite for tables signs date and path). */
function withPageSize(url: string, rows: number): string {
  const [path = '', query = ''] = url.split('?')
  const others = query.split('&').filter((part) => part !== '' && !/^(?:%24|\$)top=/i.test(part))
  return `${path}?${[...others, `$top=${rows}`].join('&')}`
}
