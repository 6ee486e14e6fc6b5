import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { claimsOf, headerOf, issuerKey, rawToken, rs256 } from '../../support/token-mint.ts'
import { assertAccepted, assertRefused, openRoom } from './identity-room.ts'

describe('a token is one canonical compact JWS', () => {
  test('rejects what is not three parts: text, a JWE, a JWS in JSON, four parts', async (t) => {
    const room = await openRoom(t)
    const [header, payload, signature] = room.aToken().split('.') as [string, string, string]
    const token = `${header}.${payload}.${signature}`
    const jwe = `${header}.${payload}.${payload}.${payload}.${signature}`
    for (const other of [
      'x',
      '.',
      '..',
      '...',
      `${header}.${payload}`,
      `.${payload}.${signature}`,
      `${token}.`,
      `${token}.${signature}`,
      jwe,
    ]) {
      assertRefused(await room.authenticateToken(other), 'token_malformed')
    }
    const json = JSON.stringify({ protected: header, payload, signature })
    assertRefused(await room.authenticateToken(json), 'credential_malformed')
    assert.equal(room.issuer.metadataRequests, 0)
  })

  test('rejects an empty signature', async (t) => {
    const room = await openRoom(t)
    assertRefused(await room.authenticateToken(room.aToken().replace(/[^.]*$/, '')), 'token_malformed')
  })

  test('rejects padding, white space, the other alphabet and changed trailing bits, in every part', async (t) => {
    const room = await openRoom(t)
    const parts = room.aToken().split('.')
    const spellings: readonly ((part: string) => string)[] = [
      (part) => `${part}=`,
      (part) => `${part}==`,
      (part) => `${part.slice(0, 5)}+${part.slice(6)}`,
      (part) => `${part.slice(0, 5)}/${part.slice(6)}`,
      (part) => `${part.slice(0, 4)} ${part.slice(4)}`,
      (part) => `${part.slice(0, 4)}\n${part.slice(4)}`,
      (part) => `${part.slice(0, 4)}\t${part.slice(4)}`,
      (part) => `\u00a0${part}`,
    ]
    for (const [index, part] of parts.entries()) {
      for (const spell of spellings) {
        const token = parts.with(index, spell(part)).join('.')
        const result = await room.authenticateToken(token)
        assert.ok(!result.ok, `accepted: ${token}`)
        assert.match(result.error.reason, /^(?:token|credential)_(?:malformed|algorithm)$/)
      }
    }
    const last = parts[2] as string
    const bytes = Buffer.from(last, 'base64url')
    let twins = 0
    for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_') {
      const spelled = last.slice(0, -1) + char
      if (spelled === last || !Buffer.from(spelled, 'base64url').equals(bytes)) continue
      twins++
      assertRefused(await room.authenticateToken(parts.with(2, spelled).join('.')), 'token_malformed')
    }
    assert.equal(twins, 15)
  })

  test('rejects a changed payload or header', async (t) => {
    const room = await openRoom(t)
    const [header, , signature] = room.aToken().split('.') as [string, string, string]
    const payload = Buffer.from(
      JSON.stringify(claimsOf({ ...room.now(), claims: { roles: ['Reconnect.Operator'] } })),
    ).toString('base64url')
    assertRefused(await room.authenticateToken(`${header}.${payload}.${signature}`), 'token_signature')
    const [, same] = room.aToken().split('.') as [string, string, string]
    const other = Buffer.from(JSON.stringify({ ...headerOf(), x: 1 })).toString('base64url')
    assertRefused(await room.authenticateToken(`${other}.${same}.${signature}`), 'token_signature')
  })

  test('rejects a payload that is not a JSON object, properly signed', async (t) => {
    const room = await openRoom(t)
    const inner = room.aToken()
    const payloads = [
      inner,
      '[]',
      'null',
      '"x"',
      '7',
      '{',
      '{"a":1}x',
      '\ufeff{}',
      Buffer.from('{"a":"\xff"}', 'latin1'),
    ]
    for (const payload of payloads) {
      const token = rawToken({ header: headerOf({ header: { cty: 'JWT' } }), payload, sign: rs256(issuerKey()) })
      assertRefused(await room.authenticateToken(token), 'token_malformed', /payload/)
    }
  })

  test('rejects a header that is not a JSON object', async (t) => {
    const room = await openRoom(t)
    for (const header of [
      '[]',
      'null',
      '"RS256"',
      '{',
      Buffer.from('{"alg":"RS256","kid":"issuer-key-1","a":"\xff"}', 'latin1'),
    ]) {
      const token = rawToken({ header, payload: claimsOf(room.now()), sign: rs256(issuerKey()) })
      assertRefused(await room.authenticateToken(token), 'token_malformed', /header/)
    }
  })

  test('rejects an oversized token before it is parsed or a request is sent', async (t) => {
    const room = await openRoom(t)
    const fits = room.aToken({ claims: { padding: 'x'.repeat(11_000) } })
    assertAccepted(await room.authenticateToken(fits))
    const asked = room.issuer.metadataRequests + room.issuer.keysRequests
    assertRefused(
      await room.authenticateToken(room.aToken({ claims: { padding: 'x'.repeat(16_384) } })),
      'token_too_large',
    )
    assertRefused(await room.authenticateToken('x'.repeat(16 * 1024 + 1)), 'token_too_large')
    assertRefused(await room.authenticateToken('x'.repeat(16 * 1024)), 'token_malformed')
    assert.equal(room.issuer.metadataRequests + room.issuer.keysRequests, asked)
  })
})
