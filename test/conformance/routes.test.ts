/** Contract, section 2: routes, and what holds for every answer. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { call } from '../sandbox/raw-http.ts'
import { assertAccepted, assertManners, startConversation } from './conversation.ts'

const room = await startConversation({ after }, { env: { AzureWebJobsDisableHomepage: 'true' } })
const { info, azure } = room.sandbox
const [ORDERS] = info.backends as [string]
const SECRETS_AND_IDS = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-|eyJ|127\.0\.0\.1|apim-prod|rg-apim/i

describe('routes', () => {
  it('the routes are these functions and no others, without route prefix; beside them the queues', () => {
    assert.deepEqual(
      room.sandbox.app.functions.toSorted((left, right) => (left.name < right.name ? -1 : 1)),
      [
        { name: 'alert-receive', trigger: 'POST,OPTIONS /alerts/{webhook}' },
        { name: 'backend-list', trigger: 'GET /backends' },
        {
          name: 'backend-reconnect',
          trigger:
            'POST /subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ApiManagement/service/{serviceName}/backends/{backendId}/reconnect',
        },
        { name: 'console', trigger: 'GET /console/{file?}' },
        { name: 'delivery-list', trigger: 'GET /webhooks/{webhook}/deliveries' },
        { name: 'grant-list', trigger: 'GET /grants' },
        { name: 'health-live', trigger: 'GET /health/live' },
        { name: 'health-ready', trigger: 'GET /health/ready' },
        { name: 'openapi-get', trigger: 'GET /openapi.json' },
        { name: 'operation-get', trigger: 'GET /operations/{operationId}' },
        { name: 'operation-list', trigger: 'GET /operations' },
        { name: 'pause-create', trigger: 'POST /pauses' },
        { name: 'pause-delete', trigger: 'DELETE /pauses/{pauseId}' },
        { name: 'pause-list', trigger: 'GET /pauses' },
        { name: 'reconnect-abandon', trigger: 'queue reconnects-poison' },
        { name: 'reconnect-deliver', trigger: 'queue reconnects' },
      ],
    )
  })

  it('routes match paths without regard to case, as in ARM', async () => {
    assertAccepted(await room.reconnect({ path: `${room.freshBackend().toUpperCase()}/RECONNECT` }))
    assertAccepted(await room.reconnect({ path: `${room.freshBackend().toLowerCase()}/reconnect` }))
    assert.equal((await room.get('/OPERATIONS', { authorization: `Bearer ${info.tokens.operator}` })).status, 200)
    for (const path of ['/HEALTH/Live', '/Health/READY', '/OpenAPI.JSON'])
      assert.equal((await room.get(path)).status, 200, path)
  })

  for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE']) {
    it(`${method} on the reconnect route is a 404 for every caller, and reaches nothing`, async () => {
      const before = room.reached()
      for (const as of ['operator', null] as const)
        assert.deepEqual([(await room.reconnect({ method, as })).status], [404])
      assert.deepEqual(room.reached(), before)
    })
  }

  for (const path of [
    '/',
    '/health',
    '/health/live/x',
    '/operations/x/y',
    '/alerts/x',
    '/admin/anything',
    '/api/health/live',
    '/subscriptions',
    '/openapi.json/..%2f',
  ]) {
    it(`GET ${path} is no route`, async () => {
      const answer = await room.get(path)
      assert.deepEqual([answer.text, answer.status], ['', path === '/' ? 204 : 404])
    })
  }

  it('routes are anonymous to the platform: a function key changes nothing', async () => {
    assert.equal(
      (await room.reconnect({ as: null, headers: { 'x-functions-key': 'x' }, query: '?code=x' })).status,
      401,
    )
    assertAccepted(await room.reconnectFresh({ headers: { 'x-functions-key': 'x' } }))
  })
})

describe('health and the description', () => {
  it('/health/live needs no credentials and says nothing but that the process runs', async () => {
    assert.deepEqual((await room.get('/health/live')).json(), { status: 'live' })
  })

  it('/health/ready needs no credentials and names its checks', async () => {
    const answer = await room.untilReady()
    assert.deepEqual(
      [answer.status, answer.json()],
      [
        200,
        {
          status: 'ready',
          checks: [
            { name: 'configuration', status: 'pass' },
            { name: 'issuer-keys', status: 'pass' },
            { name: 'storage', status: 'pass' },
          ],
        },
      ],
    )
  })

  it('/openapi.json needs no credentials and describes every route with its method, but for the page', async () => {
    const document = (await room.get('/openapi.json')).json() as {
      openapi: string
      paths: Record<string, Record<string, { operationId: string }>>
    }
    assert.match(document.openapi, /^3\.1\./)
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId }]) => `${method.toUpperCase()} ${path} ${operationId}`),
    )
    const served = room.sandbox.app.functions.flatMap(({ name, trigger }) => {
      const [methods = '', path = ''] = trigger.split(' ')
      // An operation's id is its own; the handshake shares its function with the alerts.
      return methods === 'queue' || name === 'console'
        ? []
        : methods.split(',').map((method) => `${method} ${path} ${method === 'OPTIONS' ? 'alert-handshake' : name}`)
    })
    assert.deepEqual(described.toSorted(), served.toSorted())
  })

  for (const path of ['/health/live', '/health/ready', '/openapi.json']) {
    it(`${path} reveals no id, address or secret, also to who sends a token`, async () => {
      for (const headers of [{}, { authorization: `Bearer ${info.tokens.operator}` }])
        assert.doesNotMatch((await room.get(path, headers)).text, SECRETS_AND_IDS)
    })

    it(`${path} asks neither ARM nor the identity endpoint nor, once its keys are known, the issuer`, async () => {
      const before = [room.reached(), { ...azure.issuerCounts }]
      for (let asked = 0; asked < 5; asked += 1) await room.get(path)
      assert.deepEqual([room.reached(), { ...azure.issuerCounts }], before)
    })
  }
})

/** {@link assertManners} looks at every answer of every test in this folder; here are the ones that are easily forgotten. */
describe('every answer may not be stored or sniffed, is no redirect and carries no CORS permission', () => {
  const page = {
    origin: 'https://page.example',
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization',
  }
  const all: { what: string; status: number; path: string; request: Parameters<typeof call>[2] }[] = [
    {
      what: 'a 202',
      status: 202,
      path: `${ORDERS}/reconnect`,
      request: { method: 'POST', headers: { ...page, authorization: `Bearer ${info.tokens.operator}` } },
    },
    {
      what: 'a 202 after a slash too many',
      status: 202,
      path: `${ORDERS}/reconnect/`,
      request: { method: 'POST', headers: { ...page, authorization: `Bearer ${info.tokens.operator}` } },
    },
    { what: 'a 401', status: 401, path: `${ORDERS}/reconnect`, request: { method: 'POST', headers: page } },
    {
      what: 'a 403',
      status: 403,
      path: `${ORDERS}/reconnect`,
      request: { method: 'POST', headers: { ...page, authorization: `Bearer ${info.tokens.stranger}` } },
    },
    {
      what: 'operations',
      status: 200,
      path: '/operations',
      request: { headers: { ...page, authorization: `Bearer ${info.tokens.operator}` } },
    },
    { what: 'operations, without a token', status: 401, path: '/operations', request: { headers: page } },
    {
      what: 'an operation that is none',
      status: 404,
      path: '/operations/x',
      request: { headers: { ...page, authorization: `Bearer ${info.tokens.operator}` } },
    },
    { what: 'a preflight', status: 404, path: `${ORDERS}/reconnect`, request: { method: 'OPTIONS', headers: page } },
    { what: 'the host’s own 404', status: 404, path: '/no/such/route', request: { headers: page } },
    {
      what: 'the host’s own 404 for a path with empty segments',
      status: 404,
      path: `${ORDERS.replace('/resourceGroups', '//resourceGroups')}/reconnect`,
      request: { method: 'POST', headers: page },
    },
    { what: 'the start page, which is switched off', status: 204, path: '/', request: { headers: page } },
    { what: 'liveness', status: 200, path: '/health/live', request: { headers: page } },
    { what: 'readiness', status: 200, path: '/health/ready', request: { headers: page } },
    { what: 'the description', status: 200, path: '/openapi.json', request: { headers: page } },
  ]
  for (const { what, status, path, request } of all) {
    it(`the answer of ${what} has these headers, over http and over TLS`, async () => {
      for (const origin of [info.proxy, info.proxyTls]) {
        const answer = await call(origin, path, { ...request, ca: azure.caCertificate })
        assert.equal(answer.status, status)
        assertManners(answer)
        // A 202's is the way to its operation, and no client follows it by itself: it is no redirect. It is not there while storage is slow.
        if (status !== 202) assert.equal(answer.headers['location'], undefined)
        else if (answer.headers['x-reconnect-warning'] === undefined)
          assert.match(String(answer.headers['location']), /^\/operations\/[\w-]+$/)
        assert.equal(answer.headers['set-cookie'], undefined)
      }
    })
  }
})
