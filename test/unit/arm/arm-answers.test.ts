import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { forward, reasonOf, serveArm } from '../../support/arm-harness.ts'
import { aBackend } from '../../support/builders.ts'
import { respond, respondJson } from '../../support/scripted-server.ts'

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
    assert.equal(reasonOf(await forward(server.origin)), 'arm_answer_invalid')
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

  test('of our identity make one POST, also when they bring a claims challenge', async () => {
    const claims = Buffer.from('{"access_token":{"nbf":{"essential":true,"value":"1"}}}').toString('base64')
    const challenge = `Bearer realm="", error="insufficient_claims", claims="${claims}"`
    const server = await serveArm([
      respondJson(
        401,
        { error: { code: 'InvalidAuthenticationToken', message: 'm' } },
        { 'www-authenticate': challenge },
      ),
      respond(202),
    ])
    const forwarded = await forward(server.origin)
    assert.ok(!forwarded.result.ok && forwarded.result.error.reason === 'arm_refused_identity')
    assert.equal(forwarded.result.error.scope, aBackend().resourceId)
    assert.equal(server.received.length, 1)
  })
})
