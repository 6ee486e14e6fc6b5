import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { Agent, request as httpsRequest } from 'node:https'
import { decodeJwt } from 'jose'
import type { Fault } from '../../sandbox/azure/faults.ts'
import { TENANT_ID } from '../../sandbox/azure/directory.ts'
import { RECONNECTABLE_BACKENDS } from '../../sandbox/azure/resources.ts'
import { startSimulatedAzure, type SimulatedAzure } from '../../sandbox/azure/simulated-azure.ts'
import { call, type Answer } from './raw-http.ts'

const ORDERS = RECONNECTABLE_BACKENDS[0] as string
const PAYMENTS = RECONNECTABLE_BACKENDS[1] as string

let azure: SimulatedAzure
let token: string
let nowEpochMs = Date.now()

const askIdentity = (signal?: AbortSignal): Promise<Answer> =>
  call(
    new URL(azure.identityEndpoint).origin,
    `/MSI/token?resource=${encodeURIComponent(azure.arm)}&api-version=2019-08-01`,
    {
      headers: { 'x-identity-header': azure.identityHeader },
      ...(signal !== undefined && { signal }),
    },
  )
const askIssuer = (signal?: AbortSignal): Promise<Answer> =>
  call(azure.issuer, `/${TENANT_ID}/discovery/v2.0/keys`, signal === undefined ? {} : { signal })
const reconnect = (backend = ORDERS, signal?: AbortSignal): Promise<Answer> =>
  call(azure.arm, `${backend}/reconnect?api-version=2024-05-01`, {
    method: 'POST',
    ca: azure.caCertificate,
    headers: { authorization: `Bearer ${token}` },
    ...(signal !== undefined && { signal }),
  })
const effects = (): number => azure.journal.counts().tookEffect

before(async () => {
  azure = await startSimulatedAzure({ now: () => nowEpochMs })
  token = (await askIdentity()).json().access_token as string
})
after(() => azure.stop())
beforeEach(() => {
  azure.faults.clear()
  azure.journal.clear()
})

describe('faults of ARM', () => {
  for (const [kind, code] of [
    ['401', 'AuthenticationFailed'],
    ['403', 'AuthorizationFailed'],
    ['404', 'ResourceNotFound'],
    ['409', 'Conflict'],
    ['429', 'SubscriptionRequestsThrottled'],
    ['500', 'InternalServerError'],
    ['503', 'ServiceUnavailable'],
    ['504', 'GatewayTimeout'],
  ] as const) {
    it(`${kind} answers in ARM's envelope and has no effect`, async () => {
      azure.faults.set([{ target: 'arm', kind, times: 1 }])
      const answer = await reconnect()
      assert.deepEqual(
        [answer.status, answer.json().error.code, answer.headers['retry-after'], effects()],
        [Number(kind), code, undefined, 0],
      )
      assert.equal((await reconnect()).status, 202, 'used up')
    })
  }

  for (const retryAfter of ['7', '0', '-5', 'Wed, 21 Oct 2015 07:28:00 GMT', '2592000', 'soon']) {
    it(`429 and 503 carry any Retry-After: ${retryAfter}`, async () => {
      azure.faults.set([
        { target: 'arm', kind: '429', retryAfter, times: 1 },
        { target: 'arm', kind: '503', retryAfter, times: 1 },
      ])
      assert.deepEqual(
        [(await reconnect()).headers['retry-after'], (await reconnect()).headers['retry-after']],
        [retryAfter, retryAfter],
      )
    })
  }

  it('a status can have a code, a message and details of its own', async () => {
    azure.faults.set([
      {
        target: 'arm',
        kind: '422',
        code: 'ManagementApiRequestFailed',
        message: 'no',
        details: [{ code: 'x', message: 'y' }],
      },
    ])
    assert.deepEqual((await reconnect()).json(), {
      error: { code: 'ManagementApiRequestFailed', message: 'no', details: [{ code: 'x', message: 'y' }] },
    })
  })

  for (const [kind, status, effect] of [
    ['502', 502, 0],
    ['html-200', 200, 0],
    ['html-202', 202, 0],
  ] as const) {
    it(`${kind} answers HTML`, async () => {
      azure.faults.set([{ target: 'arm', kind }])
      const answer = await reconnect()
      assert.deepEqual(
        [answer.status, answer.headers['content-type'], answer.text.startsWith('<html>'), effects()],
        [status, 'text/html', true, effect],
      )
    })
  }

  for (const kind of ['redirect-302', 'redirect-307'] as const) {
    it(`${kind} leads to the same or to another origin, where following it shows`, async () => {
      azure.faults.set([
        { target: 'arm', kind, times: 1 },
        { target: 'arm', kind, to: 'other', times: 1 },
      ])
      const [same, other] = [await reconnect(), await reconnect()]
      assert.deepEqual(
        [same.status, new URL(String(same.headers.location)).origin],
        [Number(kind.slice(-3)), azure.arm],
      )
      assert.equal(new URL(String(other.headers.location)).origin, azure.arm.replace('127.0.0.1', 'localhost'))
      const followed = new URL(String(other.headers.location))
      assert.equal(
        (await call(followed.origin, followed.pathname, { method: 'POST', ca: azure.caCertificate })).status,
        202,
      )
      assert.deepEqual([azure.journal.requests().at(-1)?.path.startsWith('/followed-redirect/'), effects()], [true, 0])
    })
  }

  it('reset-before resets the connection before the reconnect takes effect, reset-after afterwards', async () => {
    azure.faults.set([
      { target: 'arm', kind: 'reset-before', times: 1 },
      { target: 'arm', kind: 'reset-after', times: 1 },
    ])
    await assert.rejects(reconnect(), { code: 'ECONNRESET' })
    assert.deepEqual([azure.journal.counts().received, effects()], [1, 0])
    await assert.rejects(reconnect(), { code: 'ECONNRESET' })
    assert.deepEqual([azure.journal.counts().received, effects()], [2, 1])
  })

  it('an error can be the answer to a reconnect that took effect', async () => {
    azure.faults.set([{ target: 'arm', kind: '500', tookEffect: true }])
    assert.deepEqual([(await reconnect()).status, effects()], [500, 1])
  })

  it('hang never answers', async () => {
    azure.faults.set([{ target: 'arm', kind: 'hang' }])
    await assert.rejects(reconnect(ORDERS, AbortSignal.timeout(150)), { name: 'AbortError' })
    assert.deepEqual([azure.journal.counts().received, effects()], [1, 0])
  })

  it('slow answers late, and as always', async () => {
    azure.faults.set([{ target: 'arm', kind: 'slow', delayMs: 80 }])
    const from = performance.now()
    assert.deepEqual([(await reconnect()).status, effects()], [202, 1])
    assert.ok(performance.now() - from >= 75)
  })

  it('wrong-certificate presents a certificate of an authority that is not trusted', async () => {
    azure.faults.set([{ target: 'arm', kind: 'wrong-certificate', times: 1 }])
    await assert.rejects(reconnect(), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
    assert.equal((await reconnect()).status, 202)
  })

  it('close ends connections before TLS, kept ones included', async () => {
    const agent = new Agent({ keepAlive: true, ca: azure.caCertificate })
    const { hostname, port } = new URL(azure.arm)
    const send = () =>
      new Promise<number | undefined>((resolve, reject) => {
        const request = httpsRequest({ hostname, port, agent, path: '/', method: 'POST' }, (response) =>
          response.resume().on('end', () => resolve(response.statusCode)),
        )
        request.on('error', reject).end()
      })
    assert.equal(await send(), 401)
    azure.faults.set([{ target: 'arm', kind: 'close' }])
    await assert.rejects(send(), { code: 'ECONNRESET' })
    azure.faults.clear()
    assert.equal(await send(), 401)
    agent.destroy()
  })

  it('write-budget is ARM’s own: 200 at once, refilled at 10 per second, per subscription', async () => {
    nowEpochMs += 60_000
    azure.faults.set([{ target: 'arm', kind: 'write-budget' }])
    for (let sent = 0; sent < 200; sent += 1) assert.equal((await reconnect()).status, 202)
    const answer = await reconnect()
    assert.deepEqual(
      [answer.status, answer.headers['retry-after'], answer.headers['x-ms-ratelimit-remaining-subscription-writes']],
      [429, '1', '0'],
    )
    nowEpochMs += 1_000
    for (let sent = 0; sent < 10; sent += 1) assert.equal((await reconnect()).status, 202)
    assert.equal((await reconnect()).status, 429)
  })

  it('narrows to a scope, segment by segment and without regard to case', async () => {
    azure.faults.set([{ target: 'arm', kind: '503', scope: ORDERS.toUpperCase() }])
    assert.deepEqual([(await reconnect(ORDERS)).status, (await reconnect(PAYMENTS)).status], [503, 202])
    azure.faults.set([{ target: 'arm', kind: '503', scope: ORDERS.slice(0, -1) }])
    assert.equal((await reconnect(ORDERS)).status, 202)
    azure.faults.set([{ target: 'arm', kind: '503', scope: ORDERS.slice(0, ORDERS.indexOf('/backends/')) }])
    assert.equal((await reconnect(PAYMENTS)).status, 503)
  })

  it('is used up in the order in which it was given', async () => {
    azure.faults.set([
      { target: 'arm', kind: '500', times: 2 },
      { target: 'arm', kind: '429', times: 1 },
    ])
    const statuses = []
    for (let sent = 0; sent < 4; sent += 1) statuses.push((await reconnect()).status)
    assert.deepEqual(statuses, [500, 500, 429, 202])
  })
})

for (const [target, ask] of [
  ['identity', () => askIdentity],
  ['issuer', () => askIssuer],
] as const) {
  describe(`faults of the ${target === 'identity' ? 'managed-identity endpoint' : 'token issuer'}`, () => {
    const set = (fault: Omit<Fault, 'target'>) => azure.faults.set([{ target, ...fault }])

    for (const kind of ['400', '404', '429', '500', '503']) {
      it(`${kind} answers with that status, and Retry-After if told so`, async () => {
        set({ kind, retryAfter: '3' })
        const answer = await ask()()
        assert.deepEqual([answer.status, answer.headers['retry-after']], [Number(kind), '3'])
      })
    }

    it('hang never answers', async () => {
      set({ kind: 'hang' })
      await assert.rejects(ask()(AbortSignal.timeout(150)), { name: 'AbortError' })
    })

    it('close ends the connection', async () => {
      set({ kind: 'close', times: 1 })
      await assert.rejects(ask()(), { code: 'ECONNRESET' })
      assert.equal((await ask()()).status, 200)
    })

    it('garbage is 200 and no JSON', async () => {
      set({ kind: 'garbage' })
      const answer = await ask()()
      assert.equal(answer.status, 200)
      assert.throws(() => answer.json())
    })

    it('slow answers late', async () => {
      set({ kind: 'slow', delayMs: 80 })
      const from = performance.now()
      assert.equal((await ask()()).status, 200)
      assert.ok(performance.now() - from >= 75)
    })
  })
}

describe('faults of the managed-identity endpoint alone', () => {
  it('expired-token gives a token that ARM refuses', async () => {
    azure.faults.set([{ target: 'identity', kind: 'expired-token', times: 1 }])
    const answer = (await askIdentity()).json()
    assert.ok((decodeJwt(answer.access_token as string).exp ?? Infinity) * 1_000 < nowEpochMs)
    const good = token
    token = answer.access_token as string
    assert.equal((await reconnect()).status, 401)
    token = good
  })

  it('garbage-token gives something that is no token', async () => {
    azure.faults.set([{ target: 'identity', kind: 'garbage-token' }])
    assert.equal((await askIdentity()).json().access_token, 'not.a.token')
  })
})
