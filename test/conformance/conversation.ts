import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { OutgoingHttpHeaders } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { ReceivedRequest } from '../../sandbox/azure/arm-journal.ts'
import type { TokenKind } from '../../sandbox/azure/tokens.ts'
import type { Sandbox, SandboxOptions } from '../../sandbox/create-sandbox.ts'
import { call, type Answer } from '../sandbox/raw-http.ts'
import { descriptionOf } from '../support/described-answers.ts'
import { startSandbox, type Scope } from '../support/start-sandbox.ts'

/** What the app wrote into its log about one request: read from outside, so nothing is known of its type. */
export type Decision = Readonly<Record<string, unknown>>

/** A request to the reconnect route; one valid thing, and whatever a test changes about it. */
export interface ReconnectRequest {
  /** Resource id; by default the backend that operator and tool may both reconnect. */
  readonly backend?: string
  /** The whole path, as it is to stand on the wire. */
  readonly path?: string
  /** With its question mark. */
  readonly query?: string
  /** Whose token is sent, or the token itself, or null for none. The operator's by default. */
  readonly as?: TokenKind | { readonly token: string } | null
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders
  /** Text and bytes are sent as they are; an object as JSON, with its content type. */
  readonly body?: string | Buffer | object
  readonly tls?: boolean
}

export interface Heard extends Answer {
  /** The correlation id that was sent. */
  readonly correlationId: string
  readonly tookMs: number
}

export interface Conversation {
  readonly sandbox: Sandbox
  reconnect(request?: ReconnectRequest): Promise<Heard>
  /** The same, to a backend that was not asked for before: there is nothing to join. Not for the tool, which has one backend. */
  reconnectFresh(request?: Omit<ReconnectRequest, 'backend'>): Promise<Heard>
  /** The resource id of such a backend. It exists in the simulated ARM, and the operator may reconnect it. */
  freshBackend(): string
  get(path: string, headers?: OutgoingHttpHeaders): Promise<Answer>
  /** The answer of /health/ready when it is 200, asked as a load balancer does: on a busy machine a storage emulator may be slow at first. */
  untilReady(): Promise<Answer>
  /** The one audit event of a request: waits until it is there, fails when there are two. */
  decision(of: { readonly correlationId: string }): Promise<Decision>
  /** Every audit event so far. */
  decisions(): readonly Decision[]
  /** How often ARM and the identity endpoint have been asked for anything. */
  reached(): { readonly arm: number; readonly identity: number }
  /** What ARM received for one backend. */
  armReceived(backend: string): readonly ReceivedRequest[]
}

/**
 * The default of RECONNECT_DEADLINE_SECONDS. A request that waits for a dependency that never answers takes at least this long, and a request
 * that does not wait takes a hundredth of it: a bound that a busy machine keeps.
 */
export const DEFAULT_DEADLINE_MS = 30_000

const JSON_TYPE = { 'content-type': 'application/json' }
/** The log of the app comes over another channel than its answer. */
const LOG_PATIENCE_MS = 30_000
/** A second apart. The app remembers what storage said for five. */
const READY_TRIES = 30

/** A sandbox, and the manners to talk to it: what the contract says of every answer is checked of every answer. */
export async function startConversation(scope: Scope, options: SandboxOptions = {}): Promise<Conversation> {
  const sandbox = await startSandbox(scope, options)
  const { info, azure } = sandbox
  const decisions = () =>
    sandbox.logs
      .filter(({ message }) => message.startsWith('{"event":"reconnect.decision"'))
      .map(({ message }) => JSON.parse(message) as Decision)
  const bearer = (as: NonNullable<ReconnectRequest['as']>): string =>
    `Bearer ${typeof as === 'string' ? info.tokens[as] : as.token}`

  let made = 0

  const conversation: Conversation = {
    sandbox,
    freshBackend() {
      const backend = sibling(info.backends[0] as string, `fresh-${++made}`)
      azure.addBackend(backend)
      return backend
    },
    reconnectFresh: (request = {}) => conversation.reconnect({ ...request, backend: conversation.freshBackend() }),
    async reconnect({
      backend = info.backends[0] as string,
      path = `${backend}/reconnect`,
      query = '',
      as = 'operator',
      method = 'POST',
      tls = false,
      ...request
    } = {}) {
      const correlationId = randomUUID()
      const isObject = typeof request.body === 'object' && !Buffer.isBuffer(request.body)
      const body = isObject ? JSON.stringify(request.body) : (request.body as string | Buffer | undefined)
      const from = performance.now()
      const answer = await call(tls ? info.proxyTls : info.proxy, `${path}${query}`, {
        method,
        headers: {
          'x-ms-correlation-request-id': correlationId,
          ...(as === null ? {} : { authorization: bearer(as) }),
          ...(isObject ? JSON_TYPE : {}),
          ...request.headers,
        },
        ...(body === undefined ? {} : { body }),
        ...(tls ? { ca: azure.caCertificate } : {}),
      })
      const tookMs = performance.now() - from
      assertManners(answer)
      await assertDescribed(info.proxy, method, `${path}${query}`, answer)
      return { ...answer, correlationId, tookMs }
    },
    async get(path, headers = {}) {
      const answer = await call(info.proxy, path, { headers })
      assertManners(answer)
      await assertDescribed(info.proxy, 'GET', path, answer)
      return answer
    },
    async untilReady() {
      for (let asked = 1; ; asked += 1) {
        const answer = await conversation.get('/health/ready')
        if (answer.status === 200) return answer
        assert.ok(asked < READY_TRIES, answer.text)
        await delay(1_000)
      }
    },
    async decision({ correlationId }) {
      for (let waitedMs = 0; ; waitedMs += 5) {
        const [found, ...more] = decisions().filter((event) => event['correlationId'] === correlationId)
        assert.deepEqual(more, [], 'one event per request')
        if (found !== undefined) return found
        assert.ok(waitedMs < LOG_PATIENCE_MS, `no audit event for ${correlationId}`)
        await delay(5)
      }
    },
    decisions,
    reached: () => ({ arm: azure.journal.counts().received, identity: azure.identityCounts.tokens }),
    armReceived: (backend) =>
      azure.journal.requests().filter(({ path }) => path.toLowerCase() === `${backend}/reconnect`.toLowerCase()),
  }
  return conversation
}

/** Contract, section 2: no answer is a redirect, none carries CORS permissions, none may be stored or sniffed. */
export function assertManners(answer: Pick<Answer, 'status' | 'headers'>): void {
  assert.ok(answer.status >= 200 && (answer.status < 300 || answer.status >= 400), `status ${answer.status}`)
  assert.equal(answer.headers['cache-control'], 'no-store')
  assert.equal(answer.headers['x-content-type-options'], 'nosniff')
  assert.deepEqual(
    Object.keys(answer.headers).filter((name) => name.startsWith('access-control-')),
    [],
  )
}

/** Every answer is what the app's own OpenAPI description says: status, headers and body. */
export async function assertDescribed(origin: string, method: string, path: string, answer: Answer): Promise<void> {
  const description = await descriptionOf(origin)
  description?.check({ method, path, answer })
}

interface WireError {
  readonly code: string
  readonly message: string
  readonly target?: string
  readonly details?: unknown
}

/** Contract, section 3: an error is ARM's envelope, its code repeated in a header, under the correlation id of the audit record. */
export function assertRefused(answer: Heard, status: number, code: string): WireError {
  assert.deepEqual([answer.status, answer.headers['x-ms-error-code']], [status, code], answer.text)
  assert.equal(answer.headers['content-type'], 'application/json')
  assert.equal(answer.headers['x-ms-correlation-request-id'], answer.correlationId)
  const { error, ...others } = answer.json() as { error: WireError }
  assert.deepEqual(others, {})
  assert.equal(error.code, code)
  assert.deepEqual([typeof error.message, error.message !== ''], ['string', true])
  assert.deepEqual(
    Object.keys(error).filter((name) => !['code', 'message', 'target', 'details'].includes(name)),
    [],
  )
  return error
}

/** A 202 has no body. */
export function assertAccepted(answer: Heard, outcome: 'forwarded' | 'joined' | 'dry-run' = 'forwarded'): void {
  assert.deepEqual([answer.status, answer.text, answer.headers['x-reconnect-outcome']], [202, '', outcome], answer.text)
}

/** The resource id of a backend beside the given one. */
export function sibling(backend: string, id: string): string {
  return `${backend.slice(0, backend.lastIndexOf('/') + 1)}${id}`
}
