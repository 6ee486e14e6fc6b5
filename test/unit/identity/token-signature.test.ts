import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { before, describe, test } from 'node:test'
import {
  claimsOf,
  createSigningKey,
  headerOf,
  hs256,
  issuerKey,
  ps256,
  rawToken,
  rs256,
  rs384,
  unsigned,
  type SigningKey,
} from '../../support/token-mint.ts'
import { assertAccepted, assertRefused, openRoom } from './identity-room.ts'
import { sendJson } from './loopback-issuer.ts'

let stranger: SigningKey
before(() => {
  stranger = createSigningKey('stranger-key')
})

describe('the algorithm is RS256 and nothing else', () => {
  test('rejects HS256 keyed with the public key, as PEM, as DER and as JWK', async (t) => {
    const room = await openRoom(t)
    const { publicKey, jwk } = issuerKey()
    const secrets = [
      publicKey.export({ type: 'spki', format: 'pem' }) as string,
      (publicKey.export({ type: 'spki', format: 'pem' }) as string).trimEnd(),
      publicKey.export({ type: 'spki', format: 'der' }),
      JSON.stringify(jwk),
      Buffer.from(jwk.n, 'base64url'),
      '',
    ]
    for (const secret of secrets) {
      const token = rawToken({
        header: headerOf({ header: { alg: 'HS256' } }),
        payload: claimsOf(room.now()),
        sign: hs256(secret),
      })
      assertRefused(await room.authenticateToken(token), 'token_algorithm', /HS256/)
    }
  })

  test('rejects alg=none in any spelling, with an empty signature and with a real one', async (t) => {
    const room = await openRoom(t)
    for (const alg of ['none', 'None', 'NONE', 'nOnE']) {
      const parts = { header: headerOf({ header: { alg } }), payload: claimsOf(room.now()) }
      assertRefused(await room.authenticateToken(rawToken({ ...parts, sign: unsigned })), 'token_malformed')
      assertRefused(await room.authenticateToken(rawToken({ ...parts, sign: rs256(issuerKey()) })), 'token_algorithm')
    }
  })

  test('rejects other RSA algorithms, even properly signed by the issuer', async (t) => {
    const room = await openRoom(t)
    for (const [alg, sign] of [
      ['RS384', rs384],
      ['PS256', ps256],
    ] as const) {
      const token = rawToken({
        header: headerOf({ header: { alg } }),
        payload: claimsOf(room.now()),
        sign: sign(issuerKey()),
      })
      assertRefused(await room.authenticateToken(token), 'token_algorithm')
    }
  })

  test('rejects a signature by another algorithm under the name RS256', async (t) => {
    const room = await openRoom(t)
    for (const sign of [rs384(issuerKey()), ps256(issuerKey()), hs256('x')]) {
      assertRefused(
        await room.authenticateToken(rawToken({ header: headerOf(), payload: claimsOf(room.now()), sign })),
        'token_signature',
      )
    }
  })

  test('rejects alg that is absent, a list, or spelled otherwise', async (t) => {
    const room = await openRoom(t)
    for (const alg of [undefined, null, ['RS256'], 'rs256', 'RS256 ', '']) {
      assertRefused(await room.authenticateToken(room.aToken({ header: { alg } })), 'token_algorithm')
    }
  })
})

describe("the key is the issuer's, whatever the token offers", () => {
  test("rejects a token signed by another key under the issuer's key id", async (t) => {
    const room = await openRoom(t)
    const token = room.aToken({ key: stranger, header: { kid: issuerKey().keyId } })
    assertRefused(await room.authenticateToken(token), 'token_signature')
  })

  test('ignores jwk, jku, x5u and x5c in the header, and asks their addresses for nothing', async (t) => {
    const room = await openRoom(t)
    let asked = 0
    const server = createServer((_request, response) => {
      asked++
      sendJson(response, { keys: [stranger.jwk] })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => server.close())
    const elsewhere = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`
    const offers = [{ jwk: stranger.jwk }, { jku: elsewhere }, { x5u: elsewhere }, { x5c: [stranger.jwk.n] }]
    for (const offer of offers) {
      const unknown = room.aToken({ key: stranger, header: offer })
      assertRefused(await room.authenticateToken(unknown), 'token_key_unknown')
      const known = room.aToken({ key: stranger, header: { ...offer, kid: issuerKey().keyId } })
      assertRefused(await room.authenticateToken(known), 'token_signature')
      assertAccepted(await room.authenticateToken(room.aToken({ header: offer })))
    }
    assert.equal(asked, 0)
  })

  test('rejects kid tricks: absent, empty, no string, very long', async (t) => {
    const room = await openRoom(t)
    for (const kid of [undefined, '', null, 7, ['issuer-key-1'], { toString: 'issuer-key-1' }, 'k'.repeat(257)]) {
      assertRefused(await room.authenticateToken(room.aToken({ header: { kid } })), 'token_malformed', /kid/)
    }
    assert.equal(room.issuer.metadataRequests, 0)
  })

  test('treats a kid as a name only: paths, queries and names of object members are unknown keys', async (t) => {
    const room = await openRoom(t)
    for (const kid of [
      '../../etc/passwd',
      '/dev/null',
      "a' or 1=1 --",
      '__proto__',
      'constructor',
      'issuer-key-1\u0000',
      'ISSUER-KEY-1',
    ]) {
      assertRefused(await room.authenticateToken(room.aToken({ header: { kid } })), 'token_key_unknown')
    }
  })

  test('the record shows an unknown kid bounded and with control characters escaped', async (t) => {
    const room = await openRoom(t)
    const failure = assertRefused(
      await room.authenticateToken(room.aToken({ header: { kid: `\n"\u2028${'k'.repeat(200)}` } })),
      'token_key_unknown',
    )
    const detail = 'detail' in failure ? (failure.detail ?? '') : ''
    assert.match(detail, /^kid "\\n\\"\\u2028k+"\.\.\.$/)
    assert.ok(detail.length < 120)
  })

  test('of two kid members in the header the last counts, for us as for the signature check', async (t) => {
    const room = await openRoom(t)
    const forge = (first: string, last: string, key: SigningKey) =>
      rawToken({
        header: `{"alg":"RS256","kid":"${first}","kid":"${last}"}`,
        payload: claimsOf(room.now()),
        sign: rs256(key),
      })
    assertRefused(await room.authenticateToken(forge(issuerKey().keyId, stranger.keyId, stranger)), 'token_key_unknown')
    assertRefused(await room.authenticateToken(forge(stranger.keyId, issuerKey().keyId, stranger)), 'token_signature')
  })

  test('rejects crit, also of an extension that jose knows', async (t) => {
    const room = await openRoom(t)
    for (const header of [{ crit: ['exp'] }, { crit: [] }, { crit: ['b64'], b64: true }, { crit: null }]) {
      assertRefused(await room.authenticateToken(room.aToken({ header })), 'token_malformed', /crit/)
    }
  })
})
