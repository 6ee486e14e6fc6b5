import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { systemClock } from '../../../src/shared/clock.ts'
import { forward, reasonOf, serveArm } from '../../support/arm-harness.ts'
import { aBackend, aDuration, aPermit, IDS } from '../../support/builders.ts'
import { hang, reset, respond, respondJson, type ScriptedServer, type Step } from '../../support/scripted-server.ts'

/** For a busy machine. Without the deadline these would never end. */
const SLACK_MS = 20_000

const throttled = (retryAfter?: string): Step =>
  respondJson(
    429,
    { error: { code: 'SubscriptionRequestsThrottled', message: 'Slow down.' } },
    retryAfter === undefined ? {} : { 'retry-after': retryAfter },
  )

describe('what is sent', () => {
  test('is the official request, with the ids of ours and the duration exactly as given', async () => {
    const server = await serveArm([
      respond(202, {
        headers: {
          'x-ms-request-id': 'r1',
          'x-ms-correlation-request-id': 'c1',
          'x-ms-routing-request-id': 'WESTEUROPE:20261123T000000Z:r1',
        },
      }),
    ])
    const before = systemClock.now()
    const forwarded = await forward(server.origin, {
      permit: aPermit({ after: aDuration('PT3S'), apiVersion: '2022-08-01' }),
    })
    assert.ok(
      forwarded.result.ok &&
        forwarded.result.value.sentAtEpochMs >= before &&
        forwarded.result.value.sentAtEpochMs <= systemClock.now(),
    )
    assert.equal(forwarded.attempts, 1)
    assert.equal(forwarded.ambiguous, false)
    assert.deepEqual(forwarded.arm, {
      status: 202,
      requestId: 'r1',
      correlationId: 'c1',
      routingRequestId: 'WESTEUROPE:20261123T000000Z:r1',
    })
    const [received] = server.received
    assert.equal(received?.method, 'POST')
    assert.equal(received?.url, `${aBackend().resourceId}/reconnect?api-version=2022-08-01`)
    assert.deepEqual(JSON.parse(received?.body ?? ''), { properties: { after: 'PT3S' } })
    assert.equal(received?.headers['x-ms-correlation-request-id'], IDS.correlationId)
    assert.equal(received?.headers['x-ms-client-request-id'], IDS.clientRequestId)
    assert.match(received?.headers.authorization ?? '', /^Bearer token-/)
  })

  test('has no body without a duration', async () => {
    const server = await serveArm([respond(202)])
    await forward(server.origin)
    assert.equal(server.received[0]?.body, '')
  })

  test('carries the path that was authorized, also for every odd character that a backend may have', async () => {
    const server = await serveArm([respond(202)])
    const backendId = 'a..b!"$\'(),;=@[]^_`{|}~'
    await forward(server.origin, { permit: aPermit({ backend: aBackend({ backendId }) }) })
    assert.equal(
      decodeURIComponent(server.received[0]?.url.split('?')[0] ?? ''),
      `${aBackend({ backendId }).resourceId}/reconnect`,
    )
  })

  test('says nothing about ids of ARM that are not fit to be repeated', async () => {
    const server = await serveArm([
      respond(202, { headers: { 'x-ms-request-id': 'x'.repeat(257), 'x-ms-routing-request-id': 'caf\u00e9' } }),
    ])
    assert.deepEqual((await forward(server.origin)).arm, { status: 202 })
  })
})

describe('throttling', { concurrency: true }, () => {
  test('is waited for as ARM asks, and then it is accepted', async () => {
    const server = await serveArm([throttled('1'), respond(202)])
    const forwarded = await forward(server.origin)
    assert.equal(reasonOf(forwarded), 'accepted')
    assert.deepEqual([forwarded.attempts, forwarded.ambiguous, server.received.length], [2, false, 2])
    assert.ok((server.received[1]?.atMs ?? 0) - (server.received[0]?.atMs ?? 0) >= 990)
  })

  test('that lasts ends with the third POST', async () => {
    const server = await serveArm([throttled('1'), throttled('1'), throttled('1'), respond(202)])
    const forwarded = await forward(server.origin)
    assert.equal(reasonOf(forwarded), 'arm_throttled')
    assert.deepEqual([forwarded.attempts, server.received.length], [3, 3])
  })

  for (const retryAfter of ['5', '3600', '2592000', '9999999999', 'Fri, 31 Dec 2100 00:00:00 GMT']) {
    test(`with Retry-After: ${retryAfter}, longer than the deadline, ends the request at once`, async () => {
      const server = await serveArm([throttled(retryAfter), respond(202)])
      const forwarded = await forward(server.origin, { deadlineMs: 5_000 })
      assert.ok(!forwarded.result.ok && forwarded.result.error.reason === 'arm_throttled')
      assert.equal(forwarded.result.error.retryAfter, retryAfter)
      assert.equal(server.received.length, 1)
      assert.ok(forwarded.tookMs < 5_000, `${forwarded.tookMs} ms`)
    })
  }

  for (const retryAfter of ['0', '-5', 'soon', 'Thu, 01 Jan 1970 00:00:00 GMT', undefined]) {
    test(`with Retry-After: ${retryAfter} makes no hot loop`, async () => {
      const server = await serveArm([
        throttled(retryAfter),
        throttled(retryAfter),
        throttled(retryAfter),
        throttled(retryAfter),
      ])
      const forwarded = await forward(server.origin)
      assert.equal(reasonOf(forwarded), 'arm_throttled')
      const times = server.received.map(({ atMs }) => atMs)
      assert.equal(times.length, 3)
      for (const [index, atMs] of times.entries())
        assert.ok(index === 0 || atMs - (times[index - 1] as number) >= 990, `${times.join(', ')} ms`)
    })
  }
})

describe('an unknown outcome', { concurrency: true }, () => {
  test('(reset after it took effect) is repeated once, and the record says that it is ambiguous', async () => {
    const server = await serveArm([reset, respond(202)])
    const forwarded = await forward(server.origin)
    assert.equal(reasonOf(forwarded), 'accepted')
    assert.deepEqual([forwarded.attempts, forwarded.ambiguous, server.received.length], [2, true, 2])
  })

  for (const [name, step, reason] of [
    ['reset', reset, 'arm_connection_lost'],
    ['500', respond(500), 'arm_failed'],
    ['503', respond(503), 'arm_unavailable'],
    ['504', respond(504), 'outcome_unknown'],
  ] as const) {
    test(`(${name}) is repeated once and no more`, async () => {
      const server = await serveArm([step, step, respond(202)])
      const forwarded = await forward(server.origin)
      assert.equal(reasonOf(forwarded), reason)
      assert.deepEqual([forwarded.attempts, forwarded.ambiguous, server.received.length], [2, true, 2])
    })
  }

  test('(no answer at all) ends within the deadline, after two POSTs at most', async () => {
    const server = await serveArm([hang, hang, hang])
    const forwarded = await forward(server.origin, { deadlineMs: 4_000 })
    assert.equal(reasonOf(forwarded), 'outcome_unknown')
    assert.ok(forwarded.tookMs < 4_000 + SLACK_MS, `${forwarded.tookMs} ms`)
    assert.deepEqual([forwarded.attempts, forwarded.ambiguous, server.received.length], [2, true, 2])
  })

  test('(no answer in the shortest time there is) still leaves room for one attempt', async () => {
    const server = await serveArm(Array.from({ length: 20 }, () => hang))
    // A busy machine may need the whole time to connect; then nothing was sent.
    for (let tried = 1; server.received.length === 0; tried += 1) {
      const forwarded = await forward(server.origin, { deadlineMs: 800 })
      assert.ok(forwarded.tookMs < 800 + SLACK_MS, `${forwarded.tookMs} ms`)
      assert.equal(reasonOf(forwarded), server.received.length === 0 ? 'deadline_exceeded' : 'outcome_unknown')
      assert.ok(tried < 20, 'no attempt was made')
    }
  })

  test('after throttling is still repeated once, and three POSTs are the most', async () => {
    const server = await serveArm([throttled('1'), reset, reset, respond(202)])
    const forwarded = await forward(server.origin)
    assert.deepEqual(
      [reasonOf(forwarded), forwarded.attempts, forwarded.ambiguous, server.received.length],
      ['arm_connection_lost', 3, true, 3],
    )
  })

  test('is not forgotten when the repetition is throttled', async () => {
    const server = await serveArm([reset, throttled('1'), respond(202)])
    const forwarded = await forward(server.origin)
    assert.deepEqual([reasonOf(forwarded), forwarded.ambiguous, server.received.length], ['arm_throttled', true, 2])
  })

  test('is not called "nothing was sent" when the repetition could not be sent', async () => {
    let server: ScriptedServer | undefined
    const resetAndLeave: Step = (response, request) => {
      reset(response, request)
      void server?.close()
    }
    server = await serveArm([resetAndLeave])
    const forwarded = await forward(server.origin)
    assert.deepEqual([reasonOf(forwarded), forwarded.ambiguous, forwarded.attempts], ['arm_connection_lost', true, 2])
  })
})

test('no timer is left behind when a request has ended', async () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const server = await serveArm([throttled('1'), respond(202)])
  await forward(server.origin)
  const before = timers()
  const again = await serveArm([reset, respond(202)])
  await forward(again.origin)
  assert.ok(timers() <= before + 1, 'more than the one timer of the new connection pool')
})
