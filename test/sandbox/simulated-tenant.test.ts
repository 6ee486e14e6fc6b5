import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { describe, it } from 'node:test'
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose'
import {
  API_CLIENT_ID,
  API_AUDIENCE,
  MANAGED_IDENTITY,
  OPERATOR,
  STRANGER,
  TENANT_ID,
  TOOL,
} from '../../sandbox/azure/directory.ts'
import { RECONNECTABLE_BACKENDS } from '../../sandbox/azure/resources.ts'
import { azureRoom } from './azure-room.ts'
import { call, type Answer, type Call } from './raw-http.ts'

const ORDERS = RECONNECTABLE_BACKENDS[0] as string
const OTHER_TENANT_ID = '0b7d3c5e-4f1a-4b62-8c9d-1e2f3a4b5c6d'
const room = azureRoom()

function askIdentity(
  query: string,
  headers: Call['headers'] = { 'x-identity-header': room.azure.identityHeader },
): Promise<Answer> {
  return call(new URL(room.azure.identityEndpoint).origin, `/MSI/token?${query}`, { headers })
}

describe('managed-identity endpoint (2019-08-01)', () => {
  it('gives a signed token for ARM, with expires_on as text', async () => {
    const answer = (await askIdentity(`resource=${encodeURIComponent(room.azure.arm)}&api-version=2019-08-01`)).json()
    assert.deepEqual(
      [answer.token_type, answer.resource, typeof answer.expires_on, answer.client_id.toLowerCase()],
      ['Bearer', room.azure.arm, 'string', MANAGED_IDENTITY.clientId],
    )
    const { aud, oid, exp } = decodeJwt(answer.access_token as string)
    assert.deepEqual([aud, oid, String(exp)], [room.azure.arm, MANAGED_IDENTITY.objectId, answer.expires_on])
  })

  for (const [what, status, query, headers] of [
    ['without the header', 401, 'api-version=2019-08-01', {}],
    ['with a wrong header', 401, 'api-version=2019-08-01', { 'x-identity-header': 'guess' }],
    ['with another api-version', 400, 'resource=x&api-version=2017-09-01', undefined],
    ['without a resource', 400, 'api-version=2019-08-01', undefined],
    [
      'for a resource that the tenant does not know',
      400,
      'resource=https%3A%2F%2Fexample.org&api-version=2019-08-01',
      undefined,
    ],
    [
      'for a user-assigned identity that is not attached',
      400,
      'resource=x&api-version=2019-08-01&client_id=1',
      undefined,
    ],
  ] as const) {
    it(`refuses ${what} with ${status}`, async () => {
      const answer = await askIdentity(query, headers)
      assert.deepEqual([answer.status, answer.json().statusCode], [status, status])
    })
  }
})

describe('token issuer', () => {
  const metadata = async (path: string) =>
    (await call(room.azure.issuer, `/${TENANT_ID}${path}/.well-known/openid-configuration`)).json()

  it('publishes metadata for both token versions, and its keys with certificate and, in v2, issuer', async () => {
    const [v1, v2] = [await metadata(''), await metadata('/v2.0')]
    assert.deepEqual(
      [v1.issuer, v2.issuer],
      [`https://sts.windows.net/${TENANT_ID}/`, `${room.azure.issuer}/${TENANT_ID}/v2.0`],
    )
    const [key] = (await call(room.azure.issuer, new URL(v2.jwks_uri).pathname)).json().keys
    assert.deepEqual([key.kty, key.use, key.issuer, key.x5t], ['RSA', 'sig', v2.issuer, key.kid])
    assert.ok(new X509Certificate(Buffer.from(key.x5c[0], 'base64')).publicKey.export({ format: 'jwk' }).n === key.n)
    assert.equal((await call(room.azure.issuer, new URL(v1.jwks_uri).pathname)).json().keys[0].issuer, undefined)
  })

  it('does not know other tenants', async () => {
    const answer = await call(room.azure.issuer, `/${OTHER_TENANT_ID}/v2.0/.well-known/openid-configuration`)
    assert.deepEqual([answer.status, answer.json().error], [400, 'invalid_tenant'])
  })

  it('mints a person’s v2 token, an application’s v2 token and a stranger’s v1 token that its keys verify', async () => {
    const keys = createRemoteJWKSet(new URL((await metadata('/v2.0')).jwks_uri))
    const claims = async (kind: 'operator' | 'tool' | 'stranger') =>
      (await jwtVerify(await room.azure.mint({ kind }), keys, { algorithms: ['RS256'] })).payload
    const [operator, tool, stranger] = [await claims('operator'), await claims('tool'), await claims('stranger')]
    assert.deepEqual(
      [operator.aud, operator['oid'], operator['scp'], operator['roles'], operator['ver']],
      [API_CLIENT_ID, OPERATOR.objectId, 'user_impersonation', ['Reconnect.Operator'], '2.0'],
    )
    assert.deepEqual(
      [tool.iss, tool['azp'], tool['scp'], tool.sub],
      [`${room.azure.issuer}/${TENANT_ID}/v2.0`, TOOL.clientId, undefined, tool['oid']],
    )
    assert.deepEqual(
      [stranger.iss, stranger.aud, stranger['appid'], stranger['ver']],
      [`https://sts.windows.net/${TENANT_ID}/`, API_AUDIENCE, STRANGER.clientId, '1.0'],
    )
  })

  it('rotates its keys: the old one stays published until it is retired', async () => {
    const published = async () =>
      (await call(room.azure.issuer, `/${TENANT_ID}/discovery/v2.0/keys`))
        .json()
        .keys.map((key: { kid: string }) => key.kid)
    const [first] = await published()
    const second = (await room.azure.keys.rotate()).kid
    assert.deepEqual(await published(), [first, second])
    const third = (await room.azure.keys.rotate({ retireOld: true })).kid
    assert.deepEqual(await published(), [third])
    assert.equal((await room.reconnect()).status, 202, 'ARM still accepts a token that it has accepted before')
  })
})

describe('control surface', () => {
  const control = (method: string, path: string, body?: unknown) =>
    call(room.azure.control, path, { method, ...(body !== undefined && { body: JSON.stringify(body) }) })

  it('switches faults on, shows them, and clears them by target', async () => {
    const set = await control('PUT', '/faults', [
      { target: 'arm', kind: '503', times: 2 },
      { target: 'issuer', kind: 'hang' },
    ])
    assert.equal(set.json().value.length, 2)
    await room.reconnect()
    assert.equal((await control('GET', '/faults')).json().value[0].times, 1)
    assert.equal((await control('DELETE', '/faults?target=arm')).status, 204)
    assert.deepEqual((await control('GET', '/faults')).json().value, [{ target: 'issuer', kind: 'hang' }])
  })

  it('refuses faults that it does not know, and says what there is', async () => {
    for (const fault of [
      { target: 'arm', kind: 'gremlin' },
      { target: 'sky', kind: '500' },
      { target: 'arm', kind: '500', times: 0 },
      { target: 'arm', kind: 'close', scope: ORDERS },
    ]) {
      const answer = await control('PUT', '/faults', fault)
      assert.equal(answer.status, 400, JSON.stringify(fault))
      assert.equal(typeof answer.json().error, 'string')
    }
  })

  it('shows what was received apart from what took effect, and forgets it', async () => {
    await control('PUT', '/faults', { target: 'arm', kind: 'reset-before', times: 1 })
    await assert.rejects(room.reconnect())
    await room.reconnect()
    assert.deepEqual(
      [(await control('GET', '/requests')).json().value.length, (await control('GET', '/state')).json().arm.tookEffect],
      [2, 1],
    )
    await control('DELETE', '/requests')
    assert.equal((await control('GET', '/state')).json().arm.received, 0)
  })

  it('mints tokens and rotates keys', async () => {
    const claims = { kind: 'tool', roles: ['Some.Role'], claims: { tid: null, extra: 1 } }
    const payload = decodeJwt((await control('POST', '/tokens', claims)).json().token)
    assert.deepEqual([payload['roles'], payload['tid'], payload['extra']], [['Some.Role'], undefined, 1])
    assert.equal((await control('POST', '/tokens', { kind: 'nobody' })).status, 400)
    const rotated = (await control('POST', '/issuer/rotate', { retireOld: true })).json()
    assert.deepEqual(rotated.published, [rotated.kid])
  })
})
