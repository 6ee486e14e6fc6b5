import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  claimsOf,
  createSigningKey,
  headerOf,
  issuerKey,
  OTHER_TENANT_ID,
  rawToken,
  rs256,
  TENANT_ID,
} from '../../support/token-mint.ts'
import { assertAccepted, assertRefused, NOW, openRoom } from './identity-room.ts'

test('accepts a token of either version, of a tool and of a person', async (t) => {
  const room = await openRoom(t)
  for (const kind of ['tool-v2', 'tool-v1', 'person-v2', 'person-v1'] as const) {
    assert.equal(
      assertAccepted(await room.authenticateToken(room.aToken({ kind }))).kind,
      kind.startsWith('tool') ? 'app' : 'user',
    )
  }
})

describe('the claims are about our tenant, our API, and now', () => {
  const refusals: readonly [
    name: string,
    change: Record<string, unknown>,
    reason: Parameters<typeof assertRefused>[1],
    detail?: RegExp,
  ][] = [
    ['expired', { exp: NOW - 60 }, 'token_expired'],
    ['without exp', { exp: undefined }, 'token_claims', /exp/],
    ['with exp as text', { exp: String(NOW + 3600) }, 'token_claims', /exp/],
    ['with exp null', { exp: null }, 'token_claims', /exp/],
    ['with nbf ahead', { nbf: NOW + 61 }, 'token_not_yet_valid', /nbf/],
    ['with nbf as text', { nbf: String(NOW) }, 'token_claims', /nbf/],
    ['with iat ahead', { iat: NOW + 61 }, 'token_not_yet_valid', /iat/],
    ['with iat as text', { iat: 'now' }, 'token_claims', /iat/],
    ['for another audience', { aud: 'api://another-api' }, 'token_audience'],
    ['with aud in another case', { aud: 'API://00001111-aaaa-2222-bbbb-3333cccc4444' }, 'token_audience'],
    [
      'with aud as a list, although ours is in it',
      { aud: ['00001111-aaaa-2222-bbbb-3333cccc4444'] },
      'token_audience',
      /not one string/,
    ],
    ['without aud', { aud: undefined }, 'token_audience'],
    ['with iss of one tenant and tid of another', { tid: OTHER_TENANT_ID }, 'token_issuer'],
    ['without tid', { tid: undefined }, 'token_tenant'],
    ['with tid that is no GUID', { tid: 'common' }, 'token_tenant'],
    ['without iss', { iss: undefined }, 'token_issuer'],
    ['with iss as a list', { iss: [`https://sts.windows.net/${TENANT_ID}/`] }, 'token_issuer'],
    ['with the v1 issuer but for its last slash', { iss: `https://sts.windows.net/${TENANT_ID}` }, 'token_issuer'],
    ['with the v1 issuer over http', { iss: `http://sts.windows.net/${TENANT_ID}/` }, 'token_issuer'],
    ['of the US government cloud', { iss: `https://login.microsoftonline.us/${TENANT_ID}/v2.0` }, 'token_issuer'],
    [
      'of the public cloud where another authority is configured',
      { iss: `https://login.microsoftonline.com/${TENANT_ID}/v2.0` },
      'token_issuer',
    ],
    [
      'of another tenant, in itself consistent',
      { tid: OTHER_TENANT_ID, iss: `https://sts.windows.net/${OTHER_TENANT_ID}/` },
      'token_tenant',
    ],
  ]
  for (const [name, claims, reason, detail] of refusals) {
    test(`rejects a token ${name}`, async (t) => {
      const room = await openRoom(t)
      assertRefused(await room.authenticateToken(room.aToken({ claims })), reason as 'token_claims', detail)
    })
  }

  test('tolerates a minute of difference between clocks, and no more', async (t) => {
    const room = await openRoom(t)
    for (const claims of [
      { exp: NOW - 59 },
      { nbf: NOW + 60 },
      { iat: NOW + 60 },
      { nbf: undefined, iat: undefined },
    ]) {
      assertAccepted(await room.authenticateToken(room.aToken({ claims })))
    }
  })

  test('rejects numbers that JSON reads as infinite', async (t) => {
    const room = await openRoom(t)
    for (const name of ['exp', 'nbf', 'iat']) {
      const payload = JSON.stringify(claimsOf({ ...room.now(), claims: { [name]: 'HUGE' } })).replace(
        '"HUGE"',
        name === 'exp' ? '1e400' : '-1e400',
      )
      const token = rawToken({ header: headerOf(), payload, sign: rs256(issuerKey()) })
      assertRefused(await room.authenticateToken(token), 'token_claims', new RegExp(name))
    }
  })

  test('accepts tid in upper case, for a tenant id is a GUID', async (t) => {
    const room = await openRoom(t)
    assertAccepted(await room.authenticateToken(room.aToken({ claims: { tid: TENANT_ID.toUpperCase() } })))
  })

  test('reads nothing from __proto__: claims in it are not claims', async (t) => {
    const room = await openRoom(t)
    const { tid, ...others } = claimsOf(room.now())
    const payload = `{"__proto__":${JSON.stringify({ tid, scp: 'Reconnect.Invoke' })},${JSON.stringify(others).slice(1)}`
    assertRefused(
      await room.authenticateToken(rawToken({ header: headerOf(), payload, sign: rs256(issuerKey()) })),
      'token_tenant',
    )
    const whole = `{"__proto__":{"scp":"nothing","roles":["Admin"]},"constructor":{},${JSON.stringify(claimsOf(room.now())).slice(1)}`
    const caller = assertAccepted(
      await room.authenticateToken(rawToken({ header: headerOf(), payload: whole, sign: rs256(issuerKey()) })),
    )
    assert.equal(caller.kind, 'app')
    assert.ok(!caller.principals.some((principal) => principal.includes('Admin')))
  })
})

test('no refusal repeats any part of the token', async (t) => {
  const room = await openRoom(t)
  const secretRole = 'Secret.Role.Value'
  const tokens = [
    room.aToken({ claims: { roles: [secretRole], exp: 1 } }),
    room.aToken({ claims: { roles: [secretRole], aud: 'another' } }),
    room.aToken({ key: createSigningKey('stranger-key') }),
    room.aToken({ header: { alg: 'HS256' } }),
  ]
  for (const token of tokens) {
    const result = await room.authenticateToken(token)
    assert.ok(!result.ok)
    const written = JSON.stringify(result.error) + room.logged.join()
    for (const part of [...token.split('.'), secretRole]) assert.ok(!written.includes(part))
  }
})
