/** Requests that Kestrel and the Functions host treat in their own way. Seen at the real host; see the table in sandbox/README.md. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createSandbox, type Sandbox } from '../../sandbox/create-sandbox.ts'
import { NO_STORAGE } from '../support/start-sandbox.ts'
import { call, sendBytes } from './raw-http.ts'

const FIXTURE_APP = fileURLToPath(new URL('fixture-app', import.meta.url))
const APPLICATION_ID = '7c0a52d4-3d3f-4f0e-9a4b-1f6c2f9b8e11'

describe('requests that differ between HTTP servers', () => {
  let sandbox: Sandbox
  let origin: string
  before(async () => {
    sandbox = await createSandbox({
      appRoot: FIXTURE_APP,
      storage: NO_STORAGE,
      env: {
        FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '1000',
        APPLICATIONINSIGHTS_CONNECTION_STRING: `InstrumentationKey=x;ApplicationId=${APPLICATION_ID}`,
      },
      bodyGraceMs: 200,
    })
    origin = sandbox.info.proxy
  })
  after(() => sandbox.stop())

  const REST = 'Host: localhost\r\nConnection: close\r\n\r\n'
  for (const [what, bytes, answer] of [
    ['a method in lower case', `get /echo/x HTTP/1.1\r\n${REST}`, /^HTTP\/1\.1 200 [^]*"method":"GET"/],
    ['a method in mixed case', `Get /echo/x HTTP/1.1\r\n${REST}`, /^HTTP\/1\.1 200 /],
    ['bare line feeds', `GET /echo/x HTTP/1.1\r\n${REST}`.replaceAll('\r\n', '\n'), /^HTTP\/1\.1 200 /],
    [
      'bare line feeds, a method in lower case, and a body',
      `post /echo/x HTTP/1.1\nHost: localhost\nConnection: close\nContent-Length: 3\n\na\nb`,
      /^HTTP\/1\.1 200 [^]*"body":"YQpi"/,
    ],
    ['an unknown method', `BREW /echo/x HTTP/1.1\r\n${REST}`, /^HTTP\/1\.1 404 [^]*x-content-type-options: nosniff/i],
    ['OPTIONS *', `OPTIONS * HTTP/1.1\r\n${REST}`, /^HTTP\/1\.1 404 /],
    ['GET *', `GET * HTTP/1.1\r\n${REST}`, /^HTTP\/1\.1 400 /],
    ['a # in the target', `GET /echo/x#y HTTP/1.1\r\n${REST}`, /^HTTP\/1\.1 400 /],
    [
      'an absolute-form target with the same host',
      `GET http://localhost/echo/x HTTP/1.1\r\n${REST}`,
      /^HTTP\/1\.1 200 /,
    ],
    [
      'an absolute-form target whose default port the Host header names',
      'GET http://localhost/echo/x HTTP/1.1\r\nHost: localhost:80\r\nConnection: close\r\n\r\n',
      /^HTTP\/1\.1 200 /,
    ],
    ['an absolute-form target with another host', `GET http://other/echo/x HTTP/1.1\r\n${REST}`, /^HTTP\/1\.1 400 /],
    ['HTTP/2.0 in the request line', `GET /echo/x HTTP/2.0\r\n${REST}`, /^HTTP\/1\.1 505 /],
    ['HTTP/1.2 in the request line', `GET /echo/x HTTP/1.2\r\n${REST}`, /^HTTP\/1\.1 505 /],
    ['an empty Host header', 'GET /echo/x HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 500 /],
    [
      'an expectation that it does not know',
      `GET /echo/x HTTP/1.1\r\nExpect: foo\r\n${REST}`,
      /^HTTP\/1\.1 200 [^]*"expect":"foo"/,
    ],
    ['words that are not HTTP', 'what is this\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['a header line without a colon', `GET /echo/x HTTP/1.1\r\nnonsense\r\n${REST}`, /^HTTP\/1\.1 400 /],
    ['a folded header', `GET /echo/x HTTP/1.1\r\nX-A: 1\r\n 2\r\n${REST}`, /^HTTP\/1\.1 400 /],
  ] as const) {
    it(`answers ${what} with ${/1 ([0-9]{3})/.exec(answer.source)?.[1]}`, async () => {
      assert.match(await sendBytes(origin, bytes), answer)
    })
  }

  for (const order of [
    ['Transfer-Encoding: chunked', 'Content-Length: 5'],
    ['Content-Length: 5', 'Transfer-Encoding: chunked'],
  ]) {
    it(`gives a function no body and no length where both are sent: ${order.join(', ')}`, async () => {
      const head = `POST /echo/x HTTP/1.1\r\n${order.join('\r\n')}\r\n${REST}`
      const text = await sendBytes(origin, `${head}2\r\nab\r\n0\r\n\r\n`)
      assert.match(text, /^HTTP\/1\.1 200 [^]*"hasBody":false/)
      assert.match(text, /"transfer-encoding":"chunked"/)
      assert.doesNotMatch(text, /"content-length"/)
    })
  }

  it('answers a bad chunk size as the function does, which gets no body anyway', async () => {
    const head = `POST /echo/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n${REST}`
    assert.match(await sendBytes(origin, `${head}zz\r\n\r\n`), /^HTTP\/1\.1 200 /)
  })

  it('reads such requests over TLS too, and keeps the scheme', async () => {
    const text = await sendBytes(sandbox.info.proxyTls, `get /echo/x HTTP/1.1\r\n${REST}`, sandbox.azure.caCertificate)
    assert.match(text, /^HTTP\/1\.1 200 [^]*"url":"https:\/\/localhost\/echo\/x"/)
  })

  describe('a query', () => {
    for (const [query, expected] of [
      ['x=1&X=2&x=3', { X: '1,2,3' }],
      ['a=1&A=2', { A: '1,2' }],
      ['a=1', { a: '1' }],
    ] as const) {
      it(`arrives with the spelling of the second occurrence of a key: ${query}`, async () => {
        assert.deepEqual((await call(origin, `/echo/x?${query}`)).json().query, expected)
      })
    }

    it('loses a key named __proto__', async () => {
      assert.deepEqual((await call(origin, '/echo/x?__proto__=1&a=2')).json().query, { a: '2' })
    })
  })

  describe('paths that the host keeps for itself', () => {
    for (const [path, status] of [
      ['/admin/host/ping', 200],
      ['/Admin/Host/Ping', 200],
      ['/admin/host/status', 401],
      ['/admin/functions', 401],
      ['/admin/functions/echo', 401],
      ['/admin/vfs/site', 401],
      ['/runtime/webhooks/queue', 401],
      ['/admin/anything', 404],
      ['/admin', 404],
      ['/runtime', 404],
    ] as const) {
      it(`answer ${path} with ${status} and no body`, async () => {
        const answer = await call(origin, path)
        assert.deepEqual([answer.status, answer.text], [status, ''])
      })
    }
  })

  describe('a body', () => {
    const tooLong = 'x'.repeat(1_001)

    it('over FUNCTIONS_REQUEST_BODY_SIZE_LIMIT is an empty 500, not 413', async () => {
      const answer = await call(origin, '/echo/x', { method: 'POST', body: tooLong })
      assert.deepEqual([answer.status, answer.text, answer.headers['x-content-type-options']], [500, '', 'nosniff'])
      assert.equal((await call(origin, '/echo/x', { method: 'POST', body: 'x'.repeat(1_000) })).status, 200)
    })

    it('that is only announced as too long is the same, on GET too', async () => {
      for (const method of ['GET', 'POST'])
        assert.match(
          await sendBytes(origin, `${method} /echo/x HTTP/1.1\r\nContent-Length: 1001\r\n${REST}`),
          /^HTTP\/1\.1 500 /,
        )
    })

    it('in chunks is not subject to the limit', async () => {
      const headers = { 'transfer-encoding': 'chunked' }
      assert.equal((await call(origin, '/echo/x', { method: 'POST', headers, body: tooLong })).status, 200)
    })

    it('that stalls is an empty 500, and the next request is served', async () => {
      const text = await sendBytes(origin, `POST /echo/x HTTP/1.1\r\nContent-Length: 9\r\n${REST}half`)
      assert.match(text, /^HTTP\/1\.1 500 /)
      assert.equal((await call(origin, '/echo/x')).status, 200)
    })

    it('that takes its time but keeps coming is read', async () => {
      const answer = await call(origin, '/echo/x', {
        method: 'POST',
        body: (async function* () {
          for (let part = 0; part < 6; part += 1) {
            await delay(60)
            yield 'x'.repeat(100)
          }
        })(),
        headers: { 'content-length': '600' },
      })
      assert.equal(Buffer.from(answer.json().body as string, 'base64').length, 600)
    })
  })

  it('answers with Request-Context where Application Insights is on', async () => {
    for (const path of ['/echo/x', '/unknown'])
      assert.equal((await call(origin, path)).headers['request-context'], `appId=cid-v1:${APPLICATION_ID}`)
  })

  it('serves a connection that sends an ordinary request after an ordinary one', async () => {
    const request = 'GET /echo/x HTTP/1.1\r\nHost: localhost\r\n'
    const text = await sendBytes(origin, `${request}\r\n${request}Connection: close\r\n\r\n`)
    assert.equal(text.match(/HTTP\/1\.1 200 /g)?.length, 2)
  })

  it('never runs a request twice because a later one on its connection is refused', async () => {
    const text = await sendBytes(
      origin,
      `POST /slow?ms=0 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nxget /echo/x HTTP/1.1\r\n${REST}`,
    )
    assert.ok(text.includes(' 400 ') || text.includes(' 200 '))
    await delay(100)
    assert.equal(sandbox.logs.filter(({ message }) => message === 'slow begins').length, 1)
  })
})
