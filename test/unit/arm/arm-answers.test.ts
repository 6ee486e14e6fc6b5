import assert from 'node:assert/strict'
import type { IncomingHttpHeaders } from 'node:http'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { armScope, createArm } from '../../../src/arm/arm.ts'
import { createOwnTokens } from '../../../src/managed-identity/own-tokens.ts'
import { systemClock } from '../../../src/shared/clock.ts'
import { createDeadline } from '../../../src/shared/deadline.ts'
import { armAt, forward, identity, reasonOf, serveArm } from '../../support/arm-harness.ts'
import { aBackend, aPermit, IDS } from '../../support/builders.ts'
import { reset, respond, respondJson } from '../../support/scripted-server.ts'

describe('an answer that makes no sense', () => {
  for (const status of [301, 302, 303, 307, 308]) {
    test(`(${status}) is not followed`, async () => {
      const server = await serveArm([
        respond(status, { headers: { location: `${aBackend().resourceId}/reconnect` } }),
        respond(202),
      ])
      const forwarded = await forward(server.origin)
      assert.deepEqual([reasonOf(forwarded), server.received.length], ['arm_answer_invalid', 1])
    })
  }

  const BODIES = [
    '<html>',
    'null',
    '[]',
    '5',
    '"x"',
    '{}',
    '{"error":null}',
    '{"error":5}',
    '{"error":{"code":{},"message":[]}}',
    '['.repeat(60_000) + ']'.repeat(60_000),
    '{"__proto__":{"error":{"code":"A","message":"m"}}}',
  ]
  for (const type of ['application/json', 'text/html', 'application/xml', 'nonsense']) {
    test(`(no ARM error, said to be ${type}) is never a defect of ours`, async () => {
      for (const body of BODIES) {
        const server = await serveArm([respond(404, { headers: { 'content-type': type }, body })])
        assert.equal(reasonOf(await forward(server.origin)), 'arm_answer_invalid', body.slice(0, 50))
      }
    })
  }

  test('(202 with an HTML page) is no success', async () => {
    for (const type of ['text/html', 'application/json']) {
      const server = await serveArm([respond(202, { headers: { 'content-type': type }, body: '<html>Sign in</html>' })])
      assert.equal(reasonOf(await forward(server.origin)), 'arm_answer_invalid')
    }
  })

  test('(200) is no success', async () => {
    const server = await serveArm([respond(200)])
    const forwarded = await forward(server.origin)
    assert.deepEqual([reasonOf(forwarded), forwarded.attempts, forwarded.ambiguous], ['arm_answer_invalid', 1, true])
  })

  test('(endless) is cut off and counts as unknown', async () => {
    const server = await serveArm([respond(400, { body: 'x'.repeat(300_000) }), respond(202)])
    const forwarded = await forward(server.origin)
    assert.deepEqual([reasonOf(forwarded), forwarded.ambiguous], ['accepted', true])
  })
})

describe('refusals by ARM', () => {
  test('arrive with code, message and details as ARM sent them', async () => {
    const error = { code: 'ResourceNotFound', message: 'Backend not found.', details: null }
    const server = await serveArm([respondJson(404, { error }, { 'x-ms-request-id': 'r1' })])
    const forwarded = await forward(server.origin)
    assert.deepEqual(forwarded.result, { ok: false, error: { reason: 'arm_rejected', status: 404, error } })
    assert.deepEqual([forwarded.arm, server.received.length], [{ status: 404, requestId: 'r1' }, 1])
  })

  test('of our identity for lack of a permission make one POST', async () => {
    const server = await serveArm([
      respondJson(403, { error: { code: 'AuthorizationFailed', message: 'm' } }),
      respond(202),
    ])
    const forwarded = await forward(server.origin)
    assert.ok(!forwarded.result.ok && forwarded.result.error.reason === 'arm_refused_identity')
    assert.equal(forwarded.result.error.scope, aBackend().resourceId)
    assert.equal(server.received.length, 1)
  })
})

describe('a 401 for our token', () => {
  const refused = respondJson(401, { error: { code: 'InvalidAuthenticationToken', message: 'm' } })
  const tokenOf = (request: { headers: IncomingHttpHeaders } | undefined): string =>
    request?.headers.authorization ?? ''

  for (const maxAttempts of [undefined, 1]) {
    test(`is answered with a new one, once${maxAttempts === 1 ? ', also in a delivery, which has one attempt' : ''}`, async () => {
      const server = await serveArm([refused, respond(202)])
      const before = identity.asked()
      const forwarded = await forward(server.origin, { maxAttempts })
      assert.deepEqual(
        [reasonOf(forwarded), forwarded.attempts, forwarded.ambiguous, server.received.length],
        ['accepted', 2, false, 2],
      )
      assert.match(tokenOf(server.received[0]), /^Bearer token-/)
      assert.notEqual(tokenOf(server.received[1]), tokenOf(server.received[0]))
      assert.equal(identity.asked() - before, 2)
    })
  }

  test('that persists is a refusal of our identity, after two POSTs', async () => {
    const server = await serveArm([refused, refused, respond(202)])
    const forwarded = await forward(server.origin)
    assert.deepEqual([reasonOf(forwarded), forwarded.attempts, server.received.length], ['arm_refused_identity', 2, 2])
  })

  test('with a claims challenge makes the SDK send and ask for nothing by itself', async () => {
    const claims = Buffer.from('{"access_token":{"nbf":{"essential":true,"value":"1"}}}').toString('base64')
    const challenge = `Bearer realm="", error="insufficient_claims", claims="${claims}"`
    const challenged = respondJson(401, { error: { code: 'x', message: 'm' } }, { 'www-authenticate': challenge })
    const server = await serveArm([challenged, challenged, respond(202)])
    const before = identity.asked()
    const forwarded = await forward(server.origin)
    assert.equal(reasonOf(forwarded), 'arm_refused_identity')
    assert.deepEqual([server.received.length, identity.asked() - before], [2, 2])
  })

  test('after an unknown outcome is the end: that repetition was the one that is allowed', async () => {
    const server = await serveArm([reset, refused, respond(202)])
    const forwarded = await forward(server.origin)
    assert.deepEqual(
      [reasonOf(forwarded), forwarded.ambiguous, server.received.length],
      ['arm_refused_identity', true, 2],
    )
  })

  test('after throttling stays within three POSTs', async () => {
    const throttled = respondJson(429, { error: { code: 'TooManyRequests', message: 'm' } }, { 'retry-after': '1' })
    const server = await serveArm([throttled, throttled, refused, respond(202)])
    const forwarded = await forward(server.origin)
    assert.deepEqual([reasonOf(forwarded), server.received.length], ['arm_refused_identity', 3])
  })

  test('by the hundred does not become a storm on the identity endpoint', async () => {
    const server = await serveArm(Array.from({ length: 60 }, () => refused))
    const arm = armAt(server.origin)
    const before = identity.asked()
    const deadline = createDeadline(systemClock, 60_000)
    for (let request = 0; request < 20; request += 1) {
      const { result } = await arm.forward(aPermit(), IDS, deadline)
      assert.ok(!result.ok && result.error.reason === 'arm_refused_identity')
    }
    deadline.dispose()
    assert.equal(identity.asked() - before, 2)
    assert.equal(server.received.length, 21)
  })

  test('is nothing to retry when no new token can be had: nothing more is sent, and a later try may help', async () => {
    const server = await serveArm([
      (response, request) => {
        identity.hang()
        refused(response, request)
      },
      respond(202),
    ])
    const forwarded = await forward(server.origin, { deadlineMs: 5_000 })
    identity.release()
    assert.deepEqual([reasonOf(forwarded), server.received.length], ['identity_unavailable', 1])
  })
})

test('a load of the SDK that failed is tried again by the next request', async () => {
  const server = await serveArm([respond(202)])
  let loads = 0
  const load = async () => {
    loads += 1
    if (loads <= 2) throw new Error('too many open files')
    return import('../../../src/azure-sdk.ts')
  }
  const ownTokens = createOwnTokens(
    async () => (await load()).createManagedIdentity({ kind: 'managed-identity' }),
    systemClock,
  )
  const tokens = ownTokens.source({ kind: 'managed-identity' }, armScope({ endpoint: server.origin }))
  const arm = createArm({ endpoint: server.origin }, tokens, systemClock, load)
  const deadline = createDeadline(systemClock, 10_000)
  const first = await arm.forward(aPermit(), IDS, deadline)
  assert.ok(!first.result.ok && first.result.error.reason === 'identity_unavailable')
  await assert.rejects(arm.preload(), /too many open files/)
  // For a second after a failure every caller gets that failure.
  await delay(1_050)
  assert.equal(reasonOf(await arm.forward(aPermit(), IDS, deadline)), 'accepted')
  deadline.dispose()
})
