import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTokenCache, MAX_AGE_MS, MAX_TOKENS } from '../../../src/identity/token-cache.ts'
import { createSigningKey } from '../../support/token-mint.ts'
import { assertAccepted, assertRefused, FakeClock, NOW, openRoom } from './identity-room.ts'

const forOneHour = (id: string) => ({
  caller: { kind: 'app' as const, id, principals: [] },
  expiresAtEpochMs: (NOW + 3600) * 1000,
})

test('finds a token by its every character', () => {
  const cache = createTokenCache(new FakeClock())
  cache.remember('a.b.c', forOneHour('1'))
  assert.equal(cache.find('a.b.c')?.caller.id, '1')
  for (const other of ['a.b.C', 'a.b.c ', 'a.b.c=', 'a.b', '']) assert.equal(cache.find(other), undefined)
})

test('forgets a token when it expires, and a token of a day after five minutes', () => {
  const clock = new FakeClock()
  const cache = createTokenCache(clock)
  cache.remember('short', { ...forOneHour('1'), expiresAtEpochMs: clock.now() + 2_000 })
  cache.remember('long', forOneHour('2'))
  clock.advance(1_999)
  assert.ok(cache.find('short'))
  clock.advance(1)
  assert.equal(cache.find('short'), undefined)
  clock.advance(MAX_AGE_MS - 2_001)
  assert.ok(cache.find('long'), 'use does not prolong it, but it is not over yet')
  clock.advance(1)
  assert.equal(cache.find('long'), undefined)
})

test('keeps a thousand tokens, and lets go of the one that was verified first', () => {
  const cache = createTokenCache(new FakeClock())
  for (let index = 0; index < MAX_TOKENS; index++) cache.remember(`token-${index}`, forOneHour(String(index)))
  cache.remember('token-0', forOneHour('again'))
  cache.remember('one-more', forOneHour('x'))
  assert.ok(cache.find('token-0'))
  assert.equal(cache.find('token-1'), undefined)
  assert.ok(cache.find('token-2'))
})

test('a token that was accepted is refused once it has expired', async (t) => {
  const room = await openRoom(t)
  const token = room.aToken({ claims: { exp: NOW + 30 } })
  assertAccepted(await room.authenticateToken(token))
  room.clock.advance(89_000)
  assertAccepted(await room.authenticateToken(token))
  room.clock.advance(1_000)
  assertRefused(await room.authenticateToken(token), 'token_expired')
})

test('a withdrawn key stops counting after five minutes, also for a token that was accepted before', async (t) => {
  const room = await openRoom(t)
  const token = room.aToken()
  assertAccepted(await room.authenticateToken(token))
  const successor = createSigningKey('issuer-key-2')
  room.issuer.keys = [successor.jwk]
  assertAccepted(await room.authenticateToken(room.aToken({ key: successor })))
  assertAccepted(await room.authenticateToken(token))
  room.clock.advance(MAX_AGE_MS)
  assertRefused(await room.authenticateToken(token), 'token_key_unknown')
})

test('a refused token is judged anew each time', async (t) => {
  const room = await openRoom(t)
  const early = room.aToken({ claims: { nbf: NOW + 90 } })
  assertRefused(await room.authenticateToken(early), 'token_not_yet_valid')
  room.clock.advance(30_000)
  assertAccepted(await room.authenticateToken(early))
})
