import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { createSigningKey, issuerKey, type SigningKey } from '../../support/token-mint.ts'
import { assertAccepted, assertRefused, openRoom } from './identity-room.ts'
import { assertRequests, assertUnavailable, bringBack, hang, settled, takeDown } from './issuer-room.ts'
import { sendJson } from './loopback-issuer.ts'

const HOUR_MS = 3_600_000

let successor: SigningKey
before(() => {
  successor = createSigningKey('issuer-key-2')
})

describe('an unknown kid', () => {
  test('that the issuer has by now is accepted at once, also seconds after the start, for one request', async (t) => {
    const room = await openRoom(t)
    assertAccepted(await room.authenticateToken(room.aToken()))
    room.clock.advance(5_000)
    room.issuer.keys = [issuerKey().jwk, successor.jwk]
    const tokens = Array.from({ length: 10 }, (_, index) => room.aToken({ key: successor, claims: { index } }))
    const results = await Promise.all(tokens.map((token) => room.authenticateToken(token)))
    results.forEach(assertAccepted)
    assertRequests(room, 1, 2)
  })

  test('fifty times over costs one request per 30 seconds, together or one after the other', async (t) => {
    const room = await openRoom(t)
    assertAccepted(await room.authenticateToken(room.aToken()))
    const flood = (round: string) =>
      Array.from({ length: 25 }, (_, index) => room.aToken({ header: { kid: `${round}-${index}` } }))
    const together = await Promise.all(flood('a').map((token) => room.authenticateToken(token)))
    together.forEach((result) => assertRefused(result, 'token_key_unknown'))
    for (const token of flood('b')) assertRefused(await room.authenticateToken(token), 'token_key_unknown')
    assertRequests(room, 1, 2)
    room.clock.advance(29_999)
    assertRefused(await room.authenticateToken(room.aToken({ header: { kid: 'c' } })), 'token_key_unknown')
    assertRequests(room, 1, 2)
    room.clock.advance(1)
    assertRefused(await room.authenticateToken(room.aToken({ header: { kid: 'd' } })), 'token_key_unknown')
    assertRequests(room, 1, 3)
    assertAccepted(await room.authenticateToken(room.aToken({ claims: { index: 1 } })))
  })

  test('is a 503 and not a refusal while the issuer is down; known keys go on working', async (t) => {
    const room = await openRoom(t)
    assertAccepted(await room.authenticateToken(room.aToken()))
    takeDown(room)
    assertUnavailable(await room.authenticateToken(room.aToken({ key: successor })), 30)
    room.clock.advance(10_000)
    assertUnavailable(await room.authenticateToken(room.aToken({ key: successor })), 20)
    assertAccepted(await room.authenticateToken(room.aToken({ claims: { index: 1 } })))
    assertRequests(room, 1, 2)
    bringBack(room)
    room.issuer.keys = [successor.jwk]
    room.clock.advance(20_000)
    assertAccepted(await room.authenticateToken(room.aToken({ key: successor })))
  })

  test('does not hold a caller beyond its deadline', async (t) => {
    const room = await openRoom(t)
    assertAccepted(await room.authenticateToken(room.aToken()))
    room.issuer.keysAnswer = hang
    assertUnavailable(await room.authenticateToken(room.aToken({ key: successor }), 30))
  })

  test('does not take away the keys we hold when the issuer publishes none', async (t) => {
    const room = await openRoom(t)
    assertAccepted(await room.authenticateToken(room.aToken()))
    room.issuer.keys = []
    assertUnavailable(await room.authenticateToken(room.aToken({ key: successor })))
    assertAccepted(await room.authenticateToken(room.aToken({ claims: { index: 1 } })))
  })
})

describe('keys in their second and third day', () => {
  test('are renewed after 24 hours while callers are served with what is there', async (t) => {
    const room = await openRoom(t)
    assertAccepted(await room.authenticateToken(room.aToken()))
    room.clock.advance(24 * HOUR_MS - 1)
    assertAccepted(await room.authenticateToken(room.aToken()))
    assertRequests(room, 1, 1)

    let answerNow = (): void => {}
    room.issuer.metadataAnswer = (response) => {
      answerNow = () => sendJson(response, room.issuer.metadata)
    }
    room.clock.advance(1)
    for (let index = 0; index < 3; index++)
      assertAccepted(await room.authenticateToken(room.aToken({ claims: { index } })))
    await settled(() => room.issuer.metadataRequests === 2)
    room.issuer.keys = [successor.jwk]
    answerNow()
    await settled(() => room.logged.length === 2)
    assertAccepted(await room.authenticateToken(room.aToken({ key: successor })))
    assertRequests(room, 2, 2)
  })

  test('stay good for a day more when the issuer is down, with one attempt per 30 seconds, and then are a 503', async (t) => {
    const room = await openRoom(t)
    assertAccepted(await room.authenticateToken(room.aToken()))
    takeDown(room)
    room.clock.advance(24 * HOUR_MS)
    assertAccepted(await room.authenticateToken(room.aToken()))
    await settled(() => room.logged.length === 2)
    for (let index = 0; index < 5; index++)
      assertAccepted(await room.authenticateToken(room.aToken({ claims: { index } })))
    assertRequests(room, 2, 1)
    room.clock.advance(24 * HOUR_MS - 1)
    assertAccepted(await room.authenticateToken(room.aToken()))
    assert.equal(await room.authenticator.keysKnown(room.deadline()), true)
    await settled(() => room.logged.length === 3)

    room.clock.advance(30_000)
    assertUnavailable(await room.authenticateToken(room.aToken()), 5)
    assert.equal(await room.authenticator.keysKnown(room.deadline()), false)
    bringBack(room)
    room.clock.advance(5_000)
    assertAccepted(await room.authenticateToken(room.aToken()))
  })

  test('stay good for two days after the issuer last vouched for them, also when that was for an unknown kid', async (t) => {
    const room = await openRoom(t)
    assertAccepted(await room.authenticateToken(room.aToken()))
    room.clock.advance(20 * HOUR_MS)
    assertRefused(await room.authenticateToken(room.aToken({ header: { kid: 'x' } })), 'token_key_unknown')
    takeDown(room)
    room.clock.advance(48 * HOUR_MS - 1)
    assertAccepted(await room.authenticateToken(room.aToken()))
    await settled(() => room.logged.length === 2)
    room.clock.advance(30_000)
    assertUnavailable(await room.authenticateToken(room.aToken()))
  })

  test('are not replaced by an older answer that comes late', async (t) => {
    const room = await openRoom(t)
    assertAccepted(await room.authenticateToken(room.aToken()))
    room.clock.advance(24 * HOUR_MS)
    let answerLate = (): void => {}
    room.issuer.keysAnswer = (response) => {
      answerLate = () => sendJson(response, { keys: [issuerKey().jwk] })
    }
    assertAccepted(await room.authenticateToken(room.aToken()))
    await settled(() => room.issuer.keysRequests === 2)
    room.issuer.keysAnswer = undefined
    room.issuer.keys = [successor.jwk]
    assertAccepted(await room.authenticateToken(room.aToken({ key: successor })))
    answerLate()
    await settled(() => room.logged.length === 2)
    assertAccepted(await room.authenticateToken(room.aToken({ key: successor, claims: { index: 1 } })))
  })

  test('are read again from the address in the metadata, however many unknown kids came meanwhile', async (t) => {
    const room = await openRoom(t)
    assertAccepted(await room.authenticateToken(room.aToken()))
    for (let round = 0; round < 24; round++) {
      room.clock.advance(HOUR_MS)
      assertRefused(await room.authenticateToken(room.aToken({ header: { kid: `k${round}` } })), 'token_key_unknown')
    }
    await settled(() => room.issuer.metadataRequests === 2)
  })
})
