import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { after, before, beforeEach, describe, it } from 'node:test'
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
import { ALL_BACKENDS, RECONNECTABLE_BACKENDS, SUBSCRIPTION_ID } from '../../sandbox/azure/resources.ts'
import { startSimulatedAzure, type SimulatedAzure } from '../../sandbox/azure/simulated-azure.ts'
import { call, type Answer, type Call } from './raw-http.ts'

const ORDERS = RECONNECTABLE_BACKENDS[0] as string
const CORRELATION_ID = '0b7d3c5e-4f1a-4b62-8c9d-1e2f3a4b5c6d'

let azure: SimulatedAzure
let token: string

before(async () => {
  azure = await startSimulatedAzure()
  token = await identityToken()
})
after(() => azure.stop())
beforeEach(() => {
  azure.faults.clear()
  azure.journal.clear()
})

async function identityToken(resource = azure.arm): Promise<string> {
  const answer = await askIdentity(`resource=${encodeURIComponent(resource)}&api-version=2019-08-01`)
  return answer.json().access_token as string
}

function askIdentity(
  query: string,
  headers: Call['headers'] = { 'x-identity-header': azure.identityHeader },
): Promise<Answer> {
  return call(new URL(azure.identityEndpoint).origin, `/MSI/token?${query}`, { headers })
}

function encoded(resourceId: string): string {
  return resourceId.split('/').map(encodeURIComponent).join('/')
}

function reconnect(
  backend = ORDERS,
  { query = '?api-version=2024-05-01', ...options }: Call & { query?: string } = {},
): Promise<Answer> {
  const headers = {
    authorization: `Bearer ${token}`,
    ...(options.body !== undefined && { 'content-type': 'application/json' }),
    ...options.headers,
  }
  return call(azure.arm, `${encoded(backend)}/reconnect${query}`, {
    method: 'POST',
    ca: azure.caCertificate,
    ...options,
    headers,
  })
}

describe('simulated ARM', () => {
  it('accepts a reconnect with 202, no body, and ARM’s headers; the caller’s correlation id comes back', async () => {
    const answer = await reconnect(ORDERS, { headers: { 'x-ms-correlation-request-id': CORRELATION_ID } })
    assert.deepEqual([answer.status, answer.text], [202, ''])
    assert.equal(answer.headers['x-ms-correlation-request-id'], CORRELATION_ID)
    assert.match(String(answer.headers['x-ms-request-id']), /^[0-9a-f-]{36}$/)
    assert.match(
      String(answer.headers['x-ms-routing-request-id']),
      new RegExp(`^[A-Z]+:[0-9]{8}T[0-9]{6}Z:${CORRELATION_ID}$`),
    )
    assert.match(String(answer.headers['strict-transport-security']), /max-age=31536000/)
    assert.match(String(answer.headers['x-ms-ratelimit-remaining-subscription-writes']), /^1[0-9]{2}$/)
    assert.deepEqual(azure.journal.counts().byBackend, { [ORDERS.toLowerCase()]: 1 })
  })

  it('records what it received without the token', async () => {
    await reconnect(ORDERS, { body: '{"properties":{"after":"PT5M"}}' })
    const [entry] = azure.journal.requests()
    assert.deepEqual(
      [entry?.method, entry?.path, entry?.query, entry?.body],
      ['POST', `${ORDERS}/reconnect`, { 'api-version': '2024-05-01' }, '{"properties":{"after":"PT5M"}}'],
    )
    assert.equal(JSON.stringify(entry).includes(token), false)
    assert.deepEqual(
      azure.journal.effects().map(({ backend, after }) => ({ backend, after })),
      [{ backend: ORDERS, after: 'PT5M' }],
    )
  })

  for (const backend of RECONNECTABLE_BACKENDS) {
    it(`has ${backend.split('/').slice(-3).join('/')}`, async () =>
      assert.equal((await reconnect(backend)).status, 202))
  }

  it('compares names without regard to case', async () =>
    assert.equal((await reconnect(ORDERS.toUpperCase())).status, 202))

  it('shows a backend to GET', async () => {
    const answer = await call(azure.arm, `${ORDERS}?api-version=2024-05-01`, {
      ca: azure.caCertificate,
      headers: { authorization: `Bearer ${token}` },
    })
    assert.deepEqual([answer.status, answer.json().id], [200, ORDERS])
  })

  const service = (name: string) => ORDERS.replace('apim-prod', name)
  const refusals: [what: string, status: number, code: string, send: () => Promise<Answer>][] = [
    ['no token', 401, 'AuthenticationFailed', () => reconnect(ORDERS, { headers: { authorization: '' } })],
    [
      'a token with a broken signature',
      401,
      'AuthenticationFailed',
      () => reconnect(ORDERS, { headers: { authorization: `Bearer ${token.slice(0, -8)}AAAAAAAA` } }),
    ],
    [
      'a token for another audience',
      401,
      'AuthenticationFailed',
      async () => reconnect(ORDERS, { headers: { authorization: `Bearer ${await azure.mint({ kind: 'stranger' })}` } }),
    ],
    [
      'a token of the tenant for ARM, but expired',
      401,
      'AuthenticationFailed',
      async () =>
        reconnect(ORDERS, {
          headers: {
            authorization: `Bearer ${await azure.mint({ kind: 'stranger', audience: azure.arm, expiresInSeconds: -10 })}`,
          },
        }),
    ],
    [
      'a token for ARM of someone without a role',
      403,
      'AuthorizationFailed',
      async () =>
        reconnect(ORDERS, {
          headers: { authorization: `Bearer ${await azure.mint({ kind: 'stranger', audience: azure.arm })}` },
        }),
    ],
    ['no api-version', 400, 'MissingApiVersionParameter', () => reconnect(ORDERS, { query: '' })],
    [
      'an unknown api-version',
      400,
      'InvalidApiVersionParameter',
      () => reconnect(ORDERS, { query: '?api-version=2030-01-01' }),
    ],
    [
      'an unknown subscription',
      404,
      'SubscriptionNotFound',
      () => reconnect(ORDERS.replace(SUBSCRIPTION_ID, CORRELATION_ID)),
    ],
    [
      'a resource group without a role',
      403,
      'AuthorizationFailed',
      () => reconnect(ALL_BACKENDS.find((id) => id.includes('rg-locked'))),
    ],
    [
      'a resource group that does not exist where there is no role',
      403,
      'AuthorizationFailed',
      () => reconnect(ORDERS.replace('rg-apim', 'rg-none')),
    ],
    [
      'a resource group that does not exist below a role',
      404,
      'ResourceGroupNotFound',
      () =>
        reconnect((ALL_BACKENDS.find((id) => id.includes('rg-apim-eu')) as string).replace('rg-apim-eu', 'rg-none')),
    ],
    ['an unknown service', 404, 'ResourceNotFound', () => reconnect(service('apim-none'))],
    ['an unknown backend', 404, 'ResourceNotFound', () => reconnect(`${ORDERS}-none`)],
    [
      'a path that climbed out of the backend',
      404,
      'InvalidResourceType',
      () => reconnect(ORDERS.replace('/backends/orders', '')),
    ],
    ['a body that is no JSON', 400, 'InvalidRequestContent', () => reconnect(ORDERS, { body: '{' })],
    [
      'a body of another type',
      415,
      'UnsupportedMediaType',
      () => reconnect(ORDERS, { body: '{}', headers: { 'content-type': 'text/plain' } }),
    ],
    [
      'an `after` that is no duration',
      400,
      'ValidationError',
      () => reconnect(ORDERS, { body: '{"properties":{"after":"-PT5M"}}' }),
    ],
    ['the Consumption tier', 400, 'MethodNotAllowedInPricingTier', () => reconnect(service('apim-serverless'))],
    ['a service that is activating', 400, 'InvalidOperation', () => reconnect(service('apim-new'))],
    ['another method', 405, 'HttpMethodNotSupported', () => reconnect(ORDERS, { method: 'PUT' })],
  ]
  for (const [what, status, code, send] of refusals) {
    it(`refuses ${what} with ${status} ${code}, without effect`, async () => {
      const answer = await send()
      assert.deepEqual([answer.status, answer.json().error.code], [status, code])
      assert.deepEqual([azure.journal.counts().received, azure.journal.counts().tookEffect], [1, 0])
    })
  }

  it('words the two kinds of 404 as they are recorded: ARM’s for the service, "details": null from the resource provider', async () => {
    assert.match(
      (await reconnect(service('apim-none'))).text,
      /The Resource 'Microsoft\.ApiManagement\/service\/apim-none' under resource group 'rg-apim' was not found/,
    )
    assert.equal(
      (await reconnect(`${ORDERS}-none`)).text,
      '{"error":{"code":"ResourceNotFound","message":"Backend not found.","details":null}}',
    )
  })

  it('speaks TLS only, with a certificate for every loopback name', async () => {
    const { hostname, port } = new URL(azure.arm)
    await assert.rejects(call(`http://${hostname}:${port}`, '/'))
    assert.equal((await call(`https://localhost:${port}`, '/', { ca: azure.caCertificate })).status, 401)
    const ca = new X509Certificate(azure.caCertificate)
    const leaf = new X509Certificate(azure.frontEnd.cert)
    assert.ok(ca.ca && !leaf.ca && leaf.verify(ca.publicKey) && ca.verify(ca.publicKey) && leaf.checkIssued(ca))
    assert.deepEqual(leaf.subjectAltName, 'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1')
  })
})

describe('managed-identity endpoint (2019-08-01)', () => {
  it('gives a signed token for ARM, with expires_on as text', async () => {
    const answer = (await askIdentity(`resource=${encodeURIComponent(azure.arm)}&api-version=2019-08-01`)).json()
    assert.deepEqual(
      [answer.token_type, answer.resource, typeof answer.expires_on, answer.client_id.toLowerCase()],
      ['Bearer', azure.arm, 'string', MANAGED_IDENTITY.clientId],
    )
    const { aud, oid, exp } = decodeJwt(answer.access_token as string)
    assert.deepEqual([aud, oid, String(exp)], [azure.arm, MANAGED_IDENTITY.objectId, answer.expires_on])
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
    (await call(azure.issuer, `/${TENANT_ID}${path}/.well-known/openid-configuration`)).json()

  it('publishes metadata for both token versions, and its keys with certificate and, in v2, issuer', async () => {
    const [v1, v2] = [await metadata(''), await metadata('/v2.0')]
    assert.deepEqual(
      [v1.issuer, v2.issuer],
      [`https://sts.windows.net/${TENANT_ID}/`, `${azure.issuer}/${TENANT_ID}/v2.0`],
    )
    const [key] = (await call(azure.issuer, new URL(v2.jwks_uri).pathname)).json().keys
    assert.deepEqual([key.kty, key.use, key.issuer, key.x5t], ['RSA', 'sig', v2.issuer, key.kid])
    assert.ok(new X509Certificate(Buffer.from(key.x5c[0], 'base64')).publicKey.export({ format: 'jwk' }).n === key.n)
    assert.equal((await call(azure.issuer, new URL(v1.jwks_uri).pathname)).json().keys[0].issuer, undefined)
  })

  it('does not know other tenants', async () => {
    const answer = await call(azure.issuer, `/${CORRELATION_ID}/v2.0/.well-known/openid-configuration`)
    assert.deepEqual([answer.status, answer.json().error], [400, 'invalid_tenant'])
  })

  it('mints a person’s v2 token, an application’s v2 token and a stranger’s v1 token that its keys verify', async () => {
    const keys = createRemoteJWKSet(new URL((await metadata('/v2.0')).jwks_uri))
    const claims = async (kind: 'operator' | 'tool' | 'stranger') =>
      (await jwtVerify(await azure.mint({ kind }), keys, { algorithms: ['RS256'] })).payload
    const [operator, tool, stranger] = [await claims('operator'), await claims('tool'), await claims('stranger')]
    assert.deepEqual(
      [operator.aud, operator['oid'], operator['scp'], operator['roles'], operator['ver']],
      [API_CLIENT_ID, OPERATOR.objectId, 'user_impersonation', ['Reconnect.Operator'], '2.0'],
    )
    assert.deepEqual(
      [tool.iss, tool['azp'], tool['scp'], tool.sub],
      [`${azure.issuer}/${TENANT_ID}/v2.0`, TOOL.clientId, undefined, tool['oid']],
    )
    assert.deepEqual(
      [stranger.iss, stranger.aud, stranger['appid'], stranger['ver']],
      [`https://sts.windows.net/${TENANT_ID}/`, API_AUDIENCE, STRANGER.clientId, '1.0'],
    )
  })

  it('rotates its keys: the old one stays published until it is retired', async () => {
    const published = async () =>
      (await call(azure.issuer, `/${TENANT_ID}/discovery/v2.0/keys`)).json().keys.map((key: { kid: string }) => key.kid)
    const [first] = await published()
    const second = (await azure.keys.rotate()).kid
    assert.deepEqual(await published(), [first, second])
    const third = (await azure.keys.rotate({ retireOld: true })).kid
    assert.deepEqual(await published(), [third])
    assert.equal((await reconnect()).status, 202, 'ARM goes on accepting what it knew')
  })
})

describe('control surface', () => {
  const control = (method: string, path: string, body?: unknown) =>
    call(azure.control, path, { method, ...(body !== undefined && { body: JSON.stringify(body) }) })

  it('switches faults on, shows them, and clears them by target', async () => {
    const set = await control('PUT', '/faults', [
      { target: 'arm', kind: '503', times: 2 },
      { target: 'issuer', kind: 'hang' },
    ])
    assert.equal(set.json().value.length, 2)
    await reconnect()
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
    await assert.rejects(reconnect())
    await reconnect()
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
