import assert from 'node:assert/strict'
import { test } from 'node:test'
import { extractBearerToken, MAX_TOKEN_BYTES } from '../../../src/identity/bearer-token.ts'
import { assertRefused, openRoom } from './identity-room.ts'

test('takes one token68 after the scheme, whose case does not matter', () => {
  for (const scheme of ['Bearer', 'bearer', 'BEARER', 'bEaReR']) {
    assert.deepEqual(extractBearerToken(`${scheme} abc-._~+/123==`), { ok: true, value: 'abc-._~+/123==' })
  }
  assert.deepEqual(extractBearerToken('Bearer  abc'), { ok: true, value: 'abc' })
})

test('rejects every other header', () => {
  const schemes = [
    '',
    'Bearer',
    'Bearer ',
    'abc',
    'Basic abc',
    'Bearer\tabc',
    ' Bearer abc',
    'Bearer=abc',
    'Bearerabc',
    'token Bearer abc',
  ]
  const tokens = [
    'Bearer abc ',
    'Bearer a b',
    'Bearer a=b',
    'Bearer é',
    'Bearer "abc"',
    'Bearer abc\n',
    'Bearer abc\r\nx: y',
  ]
  for (const header of [...schemes, ...tokens]) assertRefused(extractBearerToken(header), 'credential_malformed')
})

test('tells a bad bearer token from another scheme and from no token (RFC 6750, section 3.1)', () => {
  const tokenSent = (header: string): boolean => {
    const token = extractBearerToken(header)
    return !token.ok && token.error.tokenSent === true
  }
  for (const header of ['Bearer a b', 'bearer a,b', 'Bearer "abc"', 'BEARER  a=b'])
    assert.equal(tokenSent(header), true, header)
  for (const header of ['', 'Bearer', 'Bearer ', 'Basic abc', 'Basic Bearer abc', 'Bearerabc'])
    assert.equal(tokenSent(header), false, header)
})

test('rejects a header that was sent twice, whichever of the two is good', async (t) => {
  const room = await openRoom(t)
  const good = `Bearer ${room.aToken()}`
  const other = 'Basic eDp5'
  for (const joined of [
    `${good}, ${good}`,
    `${good},${good}`,
    `${good}, Bearer x`,
    `${other}, ${good}`,
    `${good}, ${other}`,
    `${good},`,
    `, ${good}`,
  ]) {
    assertRefused(await room.authenticate({ authorization: joined }), 'credential_malformed')
  }
})

test('rejects what is longer than any token, before reading it', () => {
  assert.ok(extractBearerToken(`Bearer ${'x'.repeat(MAX_TOKEN_BYTES)}`).ok)
  assertRefused(extractBearerToken(`Bearer ${'x'.repeat(MAX_TOKEN_BYTES + 1)}`), 'token_too_large')
  assertRefused(extractBearerToken(' '.repeat(1_000_000)), 'token_too_large')
})

test('a request without any credential is missing one', async (t) => {
  const room = await openRoom(t)
  assertRefused(await room.authenticate({}), 'credential_missing')
})
