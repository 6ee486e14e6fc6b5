import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Agent, request as httpsRequest } from 'node:https'
import { RECONNECTABLE_BACKENDS } from '../../sandbox/azure/resources.ts'
import { azureRoom } from './azure-room.ts'
import { call } from './raw-http.ts'

const ORDERS = RECONNECTABLE_BACKENDS[0] as string
const PAYMENTS = RECONNECTABLE_BACKENDS[1] as string
const room = azureRoom()

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
      room.azure.faults.set([{ target: 'arm', kind, times: 1 }])
      const answer = await room.reconnect()
      assert.deepEqual(
        [answer.status, answer.json().error.code, answer.headers['retry-after'], room.effects()],
        [Number(kind), code, undefined, 0],
      )
      assert.equal((await room.reconnect()).status, 202, 'used up')
    })
  }

  for (const retryAfter of ['7', '0', '-5', 'Wed, 21 Oct 2015 07:28:00 GMT', '2592000', 'soon']) {
    it(`429 and 503 carry any Retry-After: ${retryAfter}`, async () => {
      room.azure.faults.set([
        { target: 'arm', kind: '429', retryAfter, times: 1 },
        { target: 'arm', kind: '503', retryAfter, times: 1 },
      ])
      assert.deepEqual(
        [(await room.reconnect()).headers['retry-after'], (await room.reconnect()).headers['retry-after']],
        [retryAfter, retryAfter],
      )
    })
  }

  it('a status can have a code, a message and details of its own', async () => {
    room.azure.faults.set([
      {
        target: 'arm',
        kind: '422',
        code: 'ManagementApiRequestFailed',
        message: 'no',
        details: [{ code: 'x', message: 'y' }],
      },
    ])
    assert.deepEqual((await room.reconnect()).json(), {
      error: { code: 'ManagementApiRequestFailed', message: 'no', details: [{ code: 'x', message: 'y' }] },
    })
  })

  for (const [kind, status, effect] of [
    ['502', 502, 0],
    ['html-200', 200, 0],
    ['html-202', 202, 0],
  ] as const) {
    it(`${kind} answers HTML`, async () => {
      room.azure.faults.set([{ target: 'arm', kind }])
      const answer = await room.reconnect()
      assert.deepEqual(
        [answer.status, answer.headers['content-type'], answer.text.startsWith('<html>'), room.effects()],
        [status, 'text/html', true, effect],
      )
    })
  }

  for (const kind of ['redirect-302', 'redirect-307'] as const) {
    it(`${kind} leads to the same or to another origin, where following it shows`, async () => {
      room.azure.faults.set([
        { target: 'arm', kind, times: 1 },
        { target: 'arm', kind, to: 'other', times: 1 },
      ])
      const [same, other] = [await room.reconnect(), await room.reconnect()]
      assert.deepEqual(
        [same.status, new URL(String(same.headers.location)).origin],
        [Number(kind.slice(-3)), room.azure.arm],
      )
      assert.equal(new URL(String(other.headers.location)).origin, room.azure.arm.replace('127.0.0.1', 'localhost'))
      const followed = new URL(String(other.headers.location))
      assert.equal(
        (await call(followed.origin, followed.pathname, { method: 'POST', ca: room.azure.caCertificate })).status,
        202,
      )
      assert.deepEqual(
        [room.azure.journal.requests().at(-1)?.path.startsWith('/followed-redirect/'), room.effects()],
        [true, 0],
      )
    })
  }

  it('reset-before resets the connection before the reconnect takes effect, reset-after afterwards', async () => {
    room.azure.faults.set([
      { target: 'arm', kind: 'reset-before', times: 1 },
      { target: 'arm', kind: 'reset-after', times: 1 },
    ])
    await assert.rejects(room.reconnect(), { code: 'ECONNRESET' })
    assert.deepEqual([room.azure.journal.counts().received, room.effects()], [1, 0])
    await assert.rejects(room.reconnect(), { code: 'ECONNRESET' })
    assert.deepEqual([room.azure.journal.counts().received, room.effects()], [2, 1])
  })

  it('an error can be the answer to a reconnect that took effect', async () => {
    room.azure.faults.set([{ target: 'arm', kind: '500', tookEffect: true }])
    assert.deepEqual([(await room.reconnect()).status, room.effects()], [500, 1])
  })

  it('hang never answers', async () => {
    room.azure.faults.set([{ target: 'arm', kind: 'hang' }])
    await assert.rejects(room.reconnect(ORDERS, AbortSignal.timeout(150)), { name: 'AbortError' })
    assert.deepEqual([room.azure.journal.counts().received, room.effects()], [1, 0])
  })

  it('slow answers late, and as always', async () => {
    room.azure.faults.set([{ target: 'arm', kind: 'slow', delayMs: 80 }])
    const from = performance.now()
    assert.deepEqual([(await room.reconnect()).status, room.effects()], [202, 1])
    assert.ok(performance.now() - from >= 75)
  })

  it('wrong-certificate presents a certificate of an authority that is not trusted', async () => {
    room.azure.faults.set([{ target: 'arm', kind: 'wrong-certificate', times: 1 }])
    await assert.rejects(room.reconnect(), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
    assert.equal((await room.reconnect()).status, 202)
  })

  it('close ends connections before TLS, kept ones included', async () => {
    const agent = new Agent({ keepAlive: true, ca: room.azure.caCertificate })
    const { hostname, port } = new URL(room.azure.arm)
    const send = () =>
      new Promise<number | undefined>((resolve, reject) => {
        const request = httpsRequest({ hostname, port, agent, path: '/', method: 'POST' }, (response) =>
          response.resume().on('end', () => resolve(response.statusCode)),
        )
        request.on('error', reject).end()
      })
    assert.equal(await send(), 401)
    room.azure.faults.set([{ target: 'arm', kind: 'close' }])
    await assert.rejects(send(), { code: 'ECONNRESET' })
    room.azure.faults.clear()
    assert.equal(await send(), 401)
    agent.destroy()
  })

  it('write-budget is ARM’s own: 200 at once, refilled at 10 per second, per subscription', async () => {
    room.nowEpochMs += 60_000
    room.azure.faults.set([{ target: 'arm', kind: 'write-budget' }])
    for (let sent = 0; sent < 200; sent += 1) assert.equal((await room.reconnect()).status, 202)
    const answer = await room.reconnect()
    assert.deepEqual(
      [answer.status, answer.headers['retry-after'], answer.headers['x-ms-ratelimit-remaining-subscription-writes']],
      [429, '1', '0'],
    )
    room.nowEpochMs += 1_000
    for (let sent = 0; sent < 10; sent += 1) assert.equal((await room.reconnect()).status, 202)
    assert.equal((await room.reconnect()).status, 429)
  })

  it('narrows to a scope, segment by segment and without regard to case', async () => {
    room.azure.faults.set([{ target: 'arm', kind: '503', scope: ORDERS.toUpperCase() }])
    assert.deepEqual([(await room.reconnect(ORDERS)).status, (await room.reconnect(PAYMENTS)).status], [503, 202])
    room.azure.faults.set([{ target: 'arm', kind: '503', scope: ORDERS.slice(0, -1) }])
    assert.equal((await room.reconnect(ORDERS)).status, 202)
    room.azure.faults.set([{ target: 'arm', kind: '503', scope: ORDERS.slice(0, ORDERS.indexOf('/backends/')) }])
    assert.equal((await room.reconnect(PAYMENTS)).status, 503)
  })

  it('is used up in the order in which it was given', async () => {
    room.azure.faults.set([
      { target: 'arm', kind: '500', times: 2 },
      { target: 'arm', kind: '429', times: 1 },
    ])
    const statuses = []
    for (let sent = 0; sent < 4; sent += 1) statuses.push((await room.reconnect()).status)
    assert.deepEqual(statuses, [500, 500, 429, 202])
  })
})
