import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { after, before, beforeEach, describe, it } from 'node:test'
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
