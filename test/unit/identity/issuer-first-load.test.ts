import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { HttpGet } from '../../../src/identity/http-get.ts'
import { systemClock } from '../../../src/shared/clock.ts'
import { createDeadline } from '../../../src/shared/deadline.ts'
import { createSigningKey, type SigningKey } from '../../support/token-mint.ts'
import { assertAccepted, assertRefused, openRoom, type IdentityRoom } from './identity-room.ts'
import { assertRequests, assertUnavailable, bringBack, hang, takeDown } from './issuer-room.ts'
import { sendJson, status, type Answer } from './loopback-issuer.ts'

let successor: SigningKey
before(() => {
  successor = createSigningKey('issuer-key-2')
})

describe('the first load', () => {
  test('happens on the first need, once for all who wait for it', async (t) => {
    const room = await openRoom(t)
    assertRequests(room, 0, 0)
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) => room.authenticateToken(room.aToken({ claims: { index } }))),
    )
    results.forEach(assertAccepted)
    assertRequests(room, 1, 1)
  })

  test('that meets only made-up keys costs one load, not one request more', async (t) => {
    const room = await openRoom(t)
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) => room.authenticateToken(room.aToken({ header: { kid: `k${index}` } }))),
    )
    results.forEach((result) => assertRefused(result, 'token_key_unknown'))
    assertRequests(room, 1, 1)
  })

  const broken: readonly [name: string, answer: Answer, detail: RegExp][] = [
    ['500', status(500), /status 500/],
    ['404', status(404), /status 404/],
    ['204', (response) => void response.writeHead(204).end(), /status 204/],
    [
      'HTML',
      (response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html></html>'),
      /not JSON/,
    ],
    ['nothing', (response) => void response.writeHead(200).end(), /not JSON/],
    ['a list', (response) => sendJson(response, []), /issuer|JWK set/],
    ['a connection that breaks', (response) => void response.destroy(), /keys|metadata/],
    [
      'half an answer',
      (response) => void response.writeHead(200, { 'content-length': '100' }).write('{', () => response.destroy()),
      /keys|metadata/,
    ],
    [
      'a body over 1 MiB',
      (response) => void response.writeHead(200).end(`{"x":"${'x'.repeat(1024 * 1024)}"}`),
      /more than 1048576 bytes/,
    ],
    ['a body without end', sendWithoutEnd, /more than 1048576 bytes/],
  ]
  for (const document of ['metadata', 'keys'] as const) {
    for (const [name, answer, detail] of broken) {
      test(`answered with ${name} for the ${document} is a 503, then no request is sent for 5 seconds`, async (t) => {
        const room = await openRoom(t)
        room.issuer[`${document}Answer`] = answer
        const failure = assertRefused(await room.authenticateToken(room.aToken()), 'keys_unavailable', detail)
        assert.equal('retryAfterSeconds' in failure && failure.retryAfterSeconds, 5)
        const asked = room.issuer.metadataRequests

        bringBack(room)
        room.clock.advance(3_001)
        assertUnavailable(await room.authenticateToken(room.aToken()), 2)
        assert.equal(await room.authenticator.keysKnown(room.deadline()), false)
        assert.equal(room.issuer.metadataRequests, asked)

        room.clock.advance(1_999)
        assertAccepted(await room.authenticateToken(room.aToken()))
      })
    }

    test(`follows no redirect for the ${document}`, async (t) => {
      const room = await openRoom(t)
      const attacker = await openRoom(t)
      attacker.issuer.keys = [successor.jwk]
      attacker.issuer.metadata = { ...room.issuer.metadata, jwks_uri: attacker.issuer.keysAddress }
      const place =
        document === 'keys'
          ? attacker.issuer.keysAddress
          : `${attacker.issuer.authority}${new URL(metadataOf(room)).pathname}`
      for (const code of [301, 302, 303, 307, 308]) {
        room.issuer[`${document}Answer`] = (response) => void response.writeHead(code, { location: place }).end()
        assertUnavailable(await room.authenticateToken(room.aToken({ key: successor })))
        room.clock.advance(5_000)
      }
      assertRequests(attacker, 0, 0)
    })
  }

  test('from an issuer that is not there is a 503', async (t) => {
    const room = await openRoom(t)
    await room.issuer.close()
    assertUnavailable(await room.authenticateToken(room.aToken()), 5)
  })

  test('does not hold a caller beyond its deadline, and goes on for the others', async (t) => {
    const room = await openRoom(t)
    let answerNow = (): void => {}
    room.issuer.metadataAnswer = (response) => {
      answerNow = () => sendJson(response, room.issuer.metadata)
    }
    const patient = room.authenticateToken(room.aToken())
    assertUnavailable(await room.authenticateToken(room.aToken(), 30), 5)
    answerNow()
    assertAccepted(await patient)
    assertRequests(room, 1, 1)
  })

  test('sends no request for tokens that could never be valid', async (t) => {
    const room = await openRoom(t)
    for (const header of [{ alg: 'none' }, { kid: undefined }, { crit: ['x'] }])
      await room.authenticateToken(room.aToken({ header }))
    assertRequests(room, 0, 0)
  })
})

test('an issuer that hangs is given up after five seconds, and then left alone for five', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let asked = 0
  const hanging: HttpGet = (_address, signal) => {
    asked++
    return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  }
  const room = await openRoom(t, { get: hanging })
  const waiting = room.authenticateToken(room.aToken(), 60_000)
  await Promise.resolve()
  t.mock.timers.tick(4_999)
  assert.equal(await Promise.race([waiting, Promise.resolve('still waiting')]), 'still waiting')
  t.mock.timers.tick(1)
  assertRefused(await waiting, 'keys_unavailable', /no answer within 5000 ms/)
  assertUnavailable(await room.authenticateToken(room.aToken(), 60_000), 5)
  assert.equal(asked, 1)
})

describe('readiness', () => {
  test('is one load away at the start, and costs nothing once keys are held', async (t) => {
    const room = await openRoom(t)
    assert.equal(await room.authenticator.keysKnown(room.deadline()), true)
    takeDown(room)
    assert.equal(await room.authenticator.keysKnown(room.deadline()), true)
    assertRequests(room, 1, 1)
  })

  test('is denied while the issuer is down, within the deadline', async (t) => {
    const room = await openRoom(t)
    room.issuer.metadataAnswer = hang
    assert.equal(await room.authenticator.keysKnown(room.deadline(30)), false)
    const over = createDeadline(systemClock, 0)
    t.after(() => over.dispose())
    await systemClock.sleep(5)
    assert.equal(await room.authenticator.keysKnown(over), false)
    assertRequests(room, 1, 0)
  })
})

function metadataOf(room: IdentityRoom): string {
  return `${String(room.issuer.metadata['issuer'])}/.well-known/openid-configuration`
}

function sendWithoutEnd(...[response]: Parameters<Answer>): void {
  response.writeHead(200)
  const chunk = Buffer.alloc(64 * 1024, ' ')
  const send = (): void => {
    while (!response.destroyed && response.write(chunk));
  }
  response.on('drain', send)
  send()
}
