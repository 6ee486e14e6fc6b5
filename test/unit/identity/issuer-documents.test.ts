import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { createSigningKey, issuerKey, OTHER_TENANT_ID, TENANT_ID, type SigningKey } from '../../support/token-mint.ts'
import { assertAccepted, assertRefused, entraConfig, openRoom } from './identity-room.ts'
import type { HttpAnswer, HttpGet } from '../../../src/identity/http-get.ts'
import { createIssuerDocuments } from '../../../src/identity/issuer-documents.ts'

let other: SigningKey
before(() => {
  other = createSigningKey('other-key')
})

describe('the metadata', () => {
  test('must be of the configured issuer', async (t) => {
    const room = await openRoom(t)
    const others = [
      undefined,
      null,
      [`${room.issuer.authority}/${TENANT_ID}/v2.0`],
      `${room.issuer.authority}/${OTHER_TENANT_ID}/v2.0`,
      `${room.issuer.authority}/{tenantid}/v2.0`,
      `${room.issuer.authority}/${TENANT_ID}/v2.0/`,
      `https://sts.windows.net/${TENANT_ID}/`,
      `https://login.microsoftonline.us/${TENANT_ID}/v2.0`,
    ]
    for (const issuer of others) {
      room.issuer.metadata = { ...room.issuer.metadata, issuer }
      assertRefused(await room.authenticateToken(room.aToken()), 'keys_unavailable', /issuer/)
      room.clock.advance(30_000)
    }
    assert.equal(room.issuer.keysRequests, 0)
  })

  const addresses: readonly [address: unknown, trusted: boolean][] = [
    ['https://login.microsoftonline.com/keys', true],
    ['https://keys.example/keys', true],
    ['http://127.0.0.1:8080/keys', true],
    ['http://127.9.8.7/keys', true],
    ['http://[::1]:8080/keys', true],
    ['http://localhost/keys', true],
    ['http://login.microsoftonline.com/keys', false],
    ['http://127.0.0.1.example/keys', false],
    ['http://localhost.example/keys', false],
    ['http://169.254.169.254/metadata', false],
    ['http://127.0.0.1@keys.example/keys', false],
    ['file:///etc/passwd', false],
    ['data:application/json,{"keys":[]}', false],
    ['/keys', false],
    ['', false],
    [undefined, false],
    [['https://login.microsoftonline.com/keys'], false],
  ]
  for (const [address, trusted] of addresses) {
    test(`${trusted ? 'may' : 'must not'} say that the keys are at ${JSON.stringify(address) ?? 'no address'}`, async () => {
      const entra = entraConfig()
      const answer: HttpGet = () =>
        Promise.resolve(jsonAnswer({ issuer: `${entra.authority}/${TENANT_ID}/v2.0`, jwks_uri: address }))
      const result = await createIssuerDocuments(entra, answer).fetchKeysAddress()
      assert.equal(result.ok, trusted)
    })
  }

  test('is asked for at the address of the configured tenant', async () => {
    const asked: string[] = []
    const answer: HttpGet = (address) => {
      asked.push(address)
      return Promise.resolve(jsonAnswer({}))
    }
    await createIssuerDocuments(entraConfig(), answer).fetchKeysAddress()
    assert.deepEqual(asked, [`https://login.microsoftonline.com/${TENANT_ID}/v2.0/.well-known/openid-configuration`])
  })
})

describe('a key of the set', () => {
  const authority = 'https://login.microsoftonline.com'
  const unfit: readonly [name: string, change: Record<string, unknown>][] = [
    ['for encryption', { use: 'enc' }],
    ['whose use is no text', { use: ['sig'] }],
    ['for another algorithm', { alg: 'RS512' }],
    ['for a symmetric algorithm', { alg: 'HS256' }],
    ['of another kind', { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }],
    ['that is symmetric', { kty: 'oct', k: 'c2VjcmV0' }],
    ['without an id', { kid: undefined }],
    ['whose id is a number', { kid: 7 }],
    ['without a modulus', { n: undefined }],
    ['with a modulus of junk', { n: '!!!' }],
    ['of another issuer', { issuer: `${authority}/${OTHER_TENANT_ID}/v2.0` }],
    ['of another cloud', { issuer: 'https://login.microsoftonline.us/{tenantid}/v2.0' }],
    ['whose issuer is no text', { issuer: null }],
  ]
  for (const [name, change] of unfit) {
    test(`${name} is passed over, and does not cost the others`, async () => {
      assert.deepEqual(await keyIds([{ ...other.jwk, ...change }, issuerKey().jwk]), [issuerKey().keyId])
    })
  }

  const fit: readonly [name: string, change: Record<string, unknown>][] = [
    ['without use and alg', { use: undefined, alg: undefined }],
    ['that says RS256', { alg: 'RS256' }],
    ['of our issuer', { issuer: `${authority}/${TENANT_ID}/v2.0` }],
    ["of every tenant's issuer", { issuer: `${authority}/{tenantid}/v2.0` }],
    ['of our v1 issuer', { issuer: 'https://sts.windows.net/{tenantid}/' }],
    ['with a certificate beside it', { x5c: ['MIIC'], x5t: 'x' }],
  ]
  for (const [name, change] of fit) {
    test(`${name} serves`, async () => {
      const jwk = JSON.parse(JSON.stringify({ ...other.jwk, ...change })) as unknown
      assert.deepEqual(await keyIds([jwk]), [other.keyId])
    })
  }

  test('that is short of 2048 bits is passed over', async () => {
    assert.deepEqual(await keyIds([createSigningKey('weak', 1024).jwk, issuerKey().jwk]), [issuerKey().keyId])
  })

  test('is the first of those with its id', async (t) => {
    const room = await openRoom(t)
    room.issuer.keys = [issuerKey().jwk, { ...other.jwk, kid: issuerKey().keyId }]
    assertAccepted(await room.authenticateToken(room.aToken()))
    assertRefused(
      await room.authenticateToken(room.aToken({ key: other, header: { kid: issuerKey().keyId } })),
      'token_signature',
    )
  })

  test('counts among the first hundred', async () => {
    const fillers = Array.from({ length: 99 }, (_, index) => ({ kty: 'oct', kid: `f${index}` }))
    assert.deepEqual(await keyIds([...fillers, issuerKey().jwk, other.jwk]), [issuerKey().keyId])
  })

  test('is no key when it is no object', async () => {
    assert.deepEqual(await keyIds([null, 7, 'key', [], issuerKey().jwk]), [issuerKey().keyId])
  })

  async function keyIds(keys: readonly unknown[]): Promise<readonly string[]> {
    const result = await createIssuerDocuments(entraConfig(authority), () =>
      Promise.resolve(jsonAnswer({ keys })),
    ).fetchKeys(`${authority}/keys`)
    assert.ok(result.ok, result.ok ? '' : result.error)
    return [...result.value.keys()]
  }
})

test('a set without any key that serves is no set', async () => {
  const { fetchKeys } = createIssuerDocuments(entraConfig(), () =>
    Promise.resolve(jsonAnswer({ keys: [{ kty: 'oct', kid: 'x', k: 'x' }] })),
  )
  assert.deepEqual(await fetchKeys('https://login.microsoftonline.com/keys'), {
    ok: false,
    error: 'keys: none that can be used',
  })
})

function jsonAnswer(document: object): HttpAnswer {
  return {
    status: 200,
    body: (async function* () {
      yield Buffer.from(JSON.stringify(document))
    })(),
  }
}
