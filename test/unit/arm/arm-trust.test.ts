import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, test } from 'node:test'
import { systemClock } from '../../../src/shared/clock.ts'
import { createDeadline } from '../../../src/shared/deadline.ts'
import { armAt, authority, forward, identity, reasonOf, serveArm } from '../../support/arm-harness.ts'
import { aPermit, IDS } from '../../support/builders.ts'
import { respond } from '../../support/scripted-server.ts'
import { createTlsAuthority } from '../../support/tls-authority.ts'

describe('TLS', { concurrency: true }, () => {
  test('of an authority that is not trusted: nothing is sent', async () => {
    const server = await serveArm(
      [respond(202)],
      createTlsAuthority('Stranger').issue('ARM of a stranger', ['127.0.0.1']),
    )
    const forwarded = await forward(server.origin)
    assert.deepEqual([reasonOf(forwarded), forwarded.ambiguous, server.received.length], ['arm_unreachable', false, 0])
  })

  test('for another host: nothing is sent', async () => {
    const server = await serveArm([respond(202)], authority.issue('Elsewhere', ['management.azure.com']))
    const forwarded = await forward(server.origin)
    assert.deepEqual([reasonOf(forwarded), server.received.length], ['arm_unreachable', 0])
  })

  test('that is missing: nothing is sent', async () => {
    const server = await serveArm([respond(202)], null)
    const forwarded = await forward(server.origin.replace('http:', 'https:'))
    assert.deepEqual([reasonOf(forwarded), server.received.length], ['arm_unreachable', 0])
  })
})

describe('our own identity', () => {
  test('is asked once for many requests at once, and not again while the token is good', async () => {
    const server = await serveArm(Array.from({ length: 41 }, () => respond(202)))
    const before = identity.asked()
    const arm = armAt(server.origin)
    const deadline = createDeadline(systemClock, 30_000)
    const results = await Promise.all(Array.from({ length: 40 }, () => arm.forward(aPermit(), IDS, deadline)))
    results.push(await arm.forward(aPermit(), IDS, deadline))
    deadline.dispose()
    assert.ok(results.every(({ result }) => result.ok))
    assert.equal(identity.asked() - before, 1)
  })

  test('is asked ahead of the first reconnect, without sending anything, and for no later one', async () => {
    const server = await serveArm([respond(202)])
    const before = identity.asked()
    const arm = armAt(server.origin)
    const deadline = createDeadline(systemClock, 5_000)
    arm.prepareForward(aPermit(), deadline)
    while (identity.asked() === before) await delay(5)
    assert.equal(server.received.length, 0)
    assert.ok((await arm.forward(aPermit(), IDS, deadline)).result.ok)
    arm.prepareForward(aPermit(), deadline)
    await delay(20)
    deadline.dispose()
    assert.equal(identity.asked() - before, 1)
  })

  test('that hangs keeps no caller beyond the deadline, and nothing is sent', async () => {
    const server = await serveArm([respond(202)])
    identity.hang()
    const forwarded = await forward(server.origin, { deadlineMs: 600 })
    // On a busy machine later; without the deadline never.
    assert.ok(forwarded.tookMs < 20_000, `${forwarded.tookMs} ms`)
    assert.deepEqual([reasonOf(forwarded), forwarded.attempts, server.received.length], ['identity_unavailable', 0, 0])
    assert.doesNotMatch(JSON.stringify(forwarded), new RegExp(process.env['IDENTITY_HEADER'] ?? 'unset'))
    identity.release()
  })

  test('that comes too late for an attempt: nothing is sent, and that is what is said', async () => {
    const server = await serveArm([respond(202)])
    const forwarded = await forward(server.origin, { deadlineMs: 499 })
    assert.deepEqual([reasonOf(forwarded), forwarded.attempts, server.received.length], ['deadline_exceeded', 0, 0])
  })
})

test('loading the modules ahead sends no request', async () => {
  const before = identity.asked()
  const server = await serveArm([respond(202)])
  await armAt(server.origin).preload()
  await delay(50)
  assert.deepEqual([identity.asked() - before, server.received.length, server.connections()], [0, 0, 0])
})
