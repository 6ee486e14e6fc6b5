/** Contract, section 3, the table of errors: what becomes of whatever ARM and the identity endpoint say. Each case has a backend of its own. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Fault } from '../../sandbox/azure/faults.ts'
import { MANAGED_IDENTITY } from '../../sandbox/azure/directory.ts'
import { REDIRECT_PREFIX } from '../../sandbox/azure/arm-faults.ts'
import { SERVICES, SUBSCRIPTION_ID } from '../../sandbox/azure/resources.ts'
import { assertAccepted, assertRefused, sibling, startConversation, type Heard } from './conversation.ts'

const room = await startConversation({ after })
const { info, azure } = room.sandbox
const [ORDERS] = info.backends as [string]
const LOCKED = `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg-locked/providers/Microsoft.ApiManagement/service/apim-locked/backends/orders`
const RECONNECT_ACTION = 'Microsoft.ApiManagement/service/backends/reconnect/action'
const OUR_IDENTITY = new RegExp(`${MANAGED_IDENTITY.clientId}|${MANAGED_IDENTITY.objectId}`)

let made = 0

/** A backend that exists for one fault only: ARM's faults come before ARM looks whether it exists. */
function faulty(fault: Omit<Fault, 'target' | 'scope'>): string {
  const backend = sibling(ORDERS, `faulty-${++made}`)
  azure.faults.add({ ...fault, target: 'arm', scope: backend })
  return backend
}

interface Expected {
  readonly status: number
  readonly code: string
  readonly reason: string
  readonly fault: 'caller' | 'dependency' | 'us'
  readonly posts: number
  /** Undefined: none is sent. */
  readonly retryAfter?: string | RegExp
}

async function assertBecomes(
  backend: string,
  expected: Expected,
): Promise<{ answer: Heard; message: string; decision: Awaited<ReturnType<typeof room.decision>> }> {
  const answer = await room.reconnect({ backend })
  const { message } = assertRefused(answer, expected.status, expected.code)
  const decision = await room.decision(answer)
  const { reason, fault, attempts } = decision
  const posts = room.armReceived(backend).length
  assert.deepEqual(
    { reason, fault, attempts, posts },
    { reason: expected.reason, fault: expected.fault, attempts: expected.posts, posts: expected.posts },
  )
  const retryAfter = answer.headers['retry-after']
  if (expected.retryAfter instanceof RegExp) assert.match(String(retryAfter), expected.retryAfter)
  else assert.equal(retryAfter, expected.retryAfter)
  return { answer, message, decision }
}

describe(
  'ARM said 4xx: status, code, message and details are relayed, and not asked again',
  { concurrency: true },
  () => {
    const serviceOf = (sku: string) => SERVICES.find((service) => service.sku === sku)?.name as string
    const cases: {
      what: string
      backendOf: () => string
      status: number
      code: string
      message: string
      details?: unknown
    }[] = [
      {
        what: 'a backend that does not exist',
        backendOf: () => sibling(ORDERS, 'nowhere'),
        status: 404,
        code: 'ResourceNotFound',
        message: 'Backend not found.',
        details: null,
      },
      {
        what: 'a service that does not exist',
        backendOf: () => ORDERS.replace('apim-prod', 'apim-none'),
        status: 404,
        code: 'ResourceNotFound',
        message:
          "The Resource 'Microsoft.ApiManagement/service/apim-none' under resource group 'rg-apim' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
      },
      {
        what: 'a pricing tier without the operation',
        backendOf: () => ORDERS.replace('apim-prod', serviceOf('Consumption')),
        status: 400,
        code: 'MethodNotAllowedInPricingTier',
        message: 'Method not allowed in Consumption pricing tier',
        details: null,
      },
      {
        what: 'a service that is being activated',
        backendOf: () => ORDERS.replace('apim-prod', serviceOf('Standard')),
        status: 400,
        code: 'InvalidOperation',
        message: 'API Management service is activating',
      },
      {
        what: 'a conflict',
        backendOf: () => faulty({ kind: '409' }),
        status: 409,
        code: 'Conflict',
        message: 'Operation on the API is in progress.',
      },
      {
        what: 'a failed precondition',
        backendOf: () => faulty({ kind: '412' }),
        status: 412,
        code: 'PreconditionFailed',
        message: 'The condition was not met.',
      },
      {
        what: 'details',
        backendOf: () =>
          faulty({
            kind: '422',
            code: 'ValidationError',
            message: 'One or more fields contain incorrect values:',
            details: [{ code: 'ValidationError', target: 'after', message: 'no' }],
          }),
        status: 422,
        code: 'ValidationError',
        message: 'One or more fields contain incorrect values:',
        details: [{ code: 'ValidationError', target: 'after', message: 'no' }],
      },
    ]
    for (const { what, backendOf, status, code, message, details } of cases) {
      it(`${what}: ${status} ${code}`, async () => {
        const { answer, decision } = await assertBecomes(backendOf(), {
          status,
          code,
          reason: 'arm_rejected',
          fault: 'caller',
          posts: 1,
        })
        assert.deepEqual(answer.json(), { error: { code, message, ...(details === undefined ? {} : { details }) } })
        assert.deepEqual(
          [decision['outcome'], decision['armStatus'], decision['detail']],
          ['refused', status, `${code}: ${message}`],
        )
        assert.deepEqual(
          [decision['armRequestId'], decision['armCorrelationId']],
          [answer.headers['x-ms-request-id'], answer.correlationId],
        )
        assert.match(String(answer.headers['x-ms-routing-request-id']), /^WESTEUROPE:/)
      })
    }

    it('a Retry-After of a 4xx is relayed too', async () => {
      await assertBecomes(faulty({ kind: '409', retryAfter: '17' }), {
        status: 409,
        code: 'Conflict',
        reason: 'arm_rejected',
        fault: 'caller',
        posts: 1,
        retryAfter: '17',
      })
    })

    it('408 was perhaps processed: asked once more, then relayed', async () => {
      await assertBecomes(faulty({ kind: '408' }), {
        status: 408,
        code: 'RequestTimeout',
        reason: 'arm_rejected',
        fault: 'caller',
        posts: 2,
      })
    })
  },
)

describe('ARM said 429: relayed with its Retry-After', { concurrency: true }, () => {
  it('a 429 whose wait does not fit is relayed at once', async () => {
    const { answer, decision } = await assertBecomes(faulty({ kind: '429', retryAfter: '372' }), {
      status: 429,
      code: 'SubscriptionRequestsThrottled',
      reason: 'arm_throttled',
      fault: 'dependency',
      posts: 1,
      retryAfter: '372',
    })
    assert.match(answer.json().error.message as string, /Please try again after '372' seconds/)
    assert.equal(decision['outcome'], 'failed')
  })

  it('a 429 before a second attempt that succeeds is not relayed', async () => {
    const backend = sibling(ORDERS, 'Inventory.API')
    azure.faults.add({ target: 'arm', kind: '429', retryAfter: '1', scope: backend, times: 1 })
    const answer = await room.reconnect({ backend })
    assertAccepted(answer)
    assert.deepEqual(
      [(await room.decision(answer))['attempts'], (await room.decision(answer))['ambiguous']],
      [2, undefined],
    )
    assert.equal(answer.headers['retry-after'], '2', 'of this app, for clients that poll the operation')
  })
})

describe('ARM refused our identity: 502 UpstreamAuthorizationFailed', { concurrency: true }, () => {
  const cases: { what: string; backendOf: () => string; armStatus: number; posts: number }[] = [
    { what: '403, because the role is missing', backendOf: () => LOCKED, armStatus: 403, posts: 1 },
    { what: '403', backendOf: () => faulty({ kind: '403' }), armStatus: 403, posts: 1 },
    // Once more with a new token, which is refused as well.
    { what: '401', backendOf: () => faulty({ kind: '401' }), armStatus: 401, posts: 2 },
  ]
  for (const { what, backendOf, armStatus, posts } of cases) {
    it(`${what}: the answer says which action the managed identity lacks on which scope; ARM’s text goes to the log only`, async () => {
      const backend = backendOf()
      const { answer, message, decision } = await assertBecomes(backend, {
        status: 502,
        code: 'UpstreamAuthorizationFailed',
        reason: 'arm_refused_identity',
        fault: 'us',
        posts,
      })
      assert.ok(message.includes(`'${RECONNECT_ACTION}'`) && message.includes(`'${backend}'`), message)
      assert.deepEqual(Object.keys(answer.json().error as object), ['code', 'message'])
      assert.doesNotMatch(`${answer.text}${JSON.stringify(answer.headers)}`, OUR_IDENTITY)
      assert.doesNotMatch(answer.text, /does not have authorization|refresh your credentials|Authentication failed/)
      assert.match(
        String(decision['detail']),
        armStatus === 403 ? OUR_IDENTITY : /^AuthenticationFailed: Authentication failed\.$/,
      )
      assert.deepEqual(
        [decision['outcome'], decision['armStatus'], answer.headers['www-authenticate']],
        ['failed', armStatus, undefined],
      )
    })
  }
})

describe(
  'ARM’s 5xx: the outcome is not known, it is asked once more, and the message says so',
  { concurrency: true },
  () => {
    const cases: { fault: Omit<Fault, 'target'>; expected: Omit<Expected, 'fault' | 'posts'> }[] = [
      { fault: { kind: '500' }, expected: { status: 502, code: 'BadGateway', reason: 'arm_failed' } },
      { fault: { kind: '500', tookEffect: true }, expected: { status: 502, code: 'BadGateway', reason: 'arm_failed' } },
      { fault: { kind: '502' }, expected: { status: 502, code: 'BadGateway', reason: 'arm_failed' } },
      {
        fault: { kind: '503' },
        expected: { status: 503, code: 'ServiceUnavailable', reason: 'arm_unavailable', retryAfter: /^[1-9][0-9]*$/ },
      },
      { fault: { kind: '504' }, expected: { status: 504, code: 'GatewayTimeout', reason: 'outcome_unknown' } },
    ]
    for (const { fault, expected } of cases) {
      it(`${fault.kind}${fault.tookEffect === true ? ', although it took effect' : ''}: ${expected.status} ${expected.code}`, async () => {
        const { message, decision } = await assertBecomes(faulty(fault), { ...expected, fault: 'dependency', posts: 2 })
        assert.match(message, /not known whether|outcome is unknown/)
        assert.deepEqual([decision['outcome'], decision['ambiguous']], ['failed', true])
      })
    }

    it('503 with a Retry-After that does not fit: relayed, not waited for', async () => {
      await assertBecomes(faulty({ kind: '503', retryAfter: '120' }), {
        status: 503,
        code: 'ServiceUnavailable',
        reason: 'arm_unavailable',
        fault: 'dependency',
        posts: 1,
        retryAfter: '120',
      })
    })

    it('a second attempt that succeeds is a 202, recorded as ambiguous', async () => {
      const backend = sibling(ORDERS, 'payments')
      azure.faults.add({ target: 'arm', kind: 'reset-after', scope: backend, times: 1 })
      const answer = await room.reconnect({ backend })
      assertAccepted(answer)
      const { attempts, ambiguous, outcome } = await room.decision(answer)
      assert.deepEqual(
        [attempts, ambiguous, outcome, azure.journal.counts().byBackend[backend.toLowerCase()]],
        [2, true, 'forwarded', 2],
      )
    })
  },
)

describe(
  'an answer that makes no sense: 502 BadGateway, and nothing pretends to be a success',
  { concurrency: true },
  () => {
    for (const kind of ['html-200', 'html-202', 'redirect-302', 'redirect-307'] as const) {
      it(`${kind} is not followed, is no success and is not sent again`, async () => {
        const { message, decision } = await assertBecomes(faulty({ kind }), {
          status: 502,
          code: 'BadGateway',
          reason: 'arm_answer_invalid',
          fault: 'dependency',
          posts: 1,
        })
        const armStatus = Number(kind.slice(-3))
        assert.ok(message.includes(`makes no sense here (status ${armStatus})`), message)
        assert.deepEqual([decision['armStatus'], decision['ambiguous']], [armStatus, true])
      })
    }

    it('a redirect to another origin is not followed either', async () => {
      await assertBecomes(faulty({ kind: 'redirect-307', to: 'other' }), {
        status: 502,
        code: 'BadGateway',
        reason: 'arm_answer_invalid',
        fault: 'dependency',
        posts: 1,
      })
      assert.deepEqual(
        azure.journal.requests().filter(({ path }) => path.startsWith(REDIRECT_PREFIX)),
        [],
      )
    })

    for (const kind of ['reset-before', 'reset-after'] as const) {
      it(`${kind}: the connection broke after sending, asked once more`, async () => {
        const { message, decision } = await assertBecomes(faulty({ kind }), {
          status: 502,
          code: 'BadGateway',
          reason: 'arm_connection_lost',
          fault: 'dependency',
          posts: 2,
        })
        assert.match(message, /not known whether/)
        assert.equal(decision['ambiguous'], true)
      })
    }
  },
)

/** These meet connections, so nothing else may go on at the same time. */
describe('ARM cannot be reached: 502 BadGateway, nothing was sent, and the message says so', () => {
  before(() => azure.faults.clear())
  for (const [kind, why] of [
    ['wrong-certificate', /UNABLE_TO_VERIFY|certificate/],
    ['close', /ECONNRESET|disconnected|other side closed/],
  ] as const) {
    it(`${kind}: ARM receives nothing`, async () => {
      azure.journal.clear()
      azure.faults.set([{ target: 'arm', kind }])
      const answer = await room.reconnect()
      azure.faults.clear()
      assert.match(assertRefused(answer, 502, 'BadGateway').message, /Nothing was sent/)
      const { reason, fault, attempts, ambiguous, detail, armStatus } = await room.decision(answer)
      assert.deepEqual(
        { reason, fault, ambiguous, armStatus, received: room.reached().arm },
        { reason: 'arm_unreachable', fault: 'dependency', ambiguous: undefined, armStatus: undefined, received: 0 },
      )
      assert.match(String(detail), why)
      assert.ok(Number(attempts) <= 3)
    })
  }

  it('ARM is reached again as soon as it is there', async () => assertAccepted(await room.reconnect()))
})
