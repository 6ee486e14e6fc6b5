import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { LogRecord } from '../../sandbox/host/core-types.ts'
import { createSandbox, type Sandbox } from '../../sandbox/create-sandbox.ts'
import { NO_STORAGE, startSandbox } from '../support/start-sandbox.ts'
import { call, sendBytes } from './raw-http.ts'

const FIXTURE_APP = fileURLToPath(new URL('fixture-app', import.meta.url))

describe('the local Functions host', () => {
  let sandbox: Sandbox
  let origin: string
  before(async () => {
    sandbox = await createSandbox({
      appRoot: FIXTURE_APP,
      storage: NO_STORAGE,
    })
    origin = sandbox.info.proxy
  })
  after(() => sandbox.stop())

  /** The log comes over another channel than the answer. */
  async function logged(is: (record: LogRecord) => boolean): Promise<LogRecord> {
    for (let waitedMs = 0; waitedMs < 30_000; waitedMs += 5) {
      const record = sandbox.logs.findLast(is)
      if (record !== undefined) return record
      await delay(5)
    }
    return assert.fail('it was not logged')
  }

  describe('routes', () => {
    it('matches literal segments without regard to case and fills parameters', async () => {
      const answer = await call(origin, '/eCHO/One/Two')
      assert.deepEqual([answer.status, answer.json().params], [200, { first: 'One', second: 'Two' }])
    })

    it('leaves an optional parameter out, and ignores one slash at the end', async () => {
      assert.deepEqual((await call(origin, '/echo/one/')).json().params, { first: 'one' })
    })

    it('fills no required parameter from an empty segment', async () => {
      assert.equal((await call(origin, '/echo//two')).status, 404)
    })

    it('takes the function name as route where there is none, and the rest of a path with {*path}', async () => {
      assert.equal((await call(origin, '/default-route')).json().functionName, 'default-route')
      assert.deepEqual((await call(origin, '/rest/a/b/c')).json().params, { path: 'a/b/c' })
    })

    it('lets the order of function names decide between routes that both match, not how specific they are', async () => {
      assert.equal((await call(origin, '/order/exact')).json().functionName, 'a-exact')
      assert.equal((await call(origin, '/order/hidden')).json().functionName, 'b-any')
    })

    for (const [what, method, path] of [
      ['an unknown route', 'GET', '/unknown'],
      ['a wrong method', 'DELETE', '/echo/one'],
      ['HEAD where only GET is registered', 'HEAD', '/fails'],
      ['too many segments', 'GET', '/echo/one/two/three'],
      ['a path that the host reserves', 'GET', '/admin/x'],
    ] as const) {
      it(`answers ${what} with 404, no body, and the custom headers`, async () => {
        const answer = await call(origin, path, { method })
        assert.deepEqual([answer.status, answer.text], [404, ''])
        assert.deepEqual(
          [answer.headers['x-content-type-options'], answer.headers['cache-control']],
          ['nosniff', 'no-store'],
        )
      })
    }

    it('has no home page at / where AzureWebJobsDisableHomepage says so', async () => {
      const answer = await call(origin, '/')
      assert.deepEqual([answer.status, answer.text, answer.headers['cache-control']], [204, '', 'no-store'])
    })

    it('has a home page at / otherwise, unless a function has', async (t) => {
      const other = await startSandbox(t, {
        appRoot: FIXTURE_APP,
        storage: NO_STORAGE,
        env: { AzureWebJobsDisableHomepage: undefined },
      })
      const answer = await call(other.info.proxy, '/')
      assert.deepEqual([answer.status, answer.headers['content-type']], [200, 'text/html'])
    })
  })

  describe('paths', () => {
    it('decodes percent-encodings, but not %2F and nothing twice', async () => {
      const { params } = (await call(origin, '/echo/a%20b%C3%A9%2fc/%252e%252e')).json()
      assert.deepEqual(params, { first: 'a bé%2fc', second: '%2e%2e' })
    })

    for (const path of ['/unknown/../echo/x', '/unknown/%2e%2e/echo/x', '/unknown/.%2E/./echo/x', '/../../echo/x']) {
      it(`removes dot segments after decoding: ${path}`, async () => {
        assert.deepEqual((await call(origin, path)).json().params, { first: 'x' })
      })
    }

    it('leaves encodings that are not UTF-8 as they were sent, as Kestrel does', async () => {
      assert.deepEqual((await call(origin, '/echo/%zz/%C3%28%FF')).json().params, { first: '%zz', second: '%C3(%FF' })
    })

    it('answers a NUL with 400', async () => {
      assert.equal((await call(origin, '/echo/a%00b')).status, 400)
    })

    it('answers bytes outside ASCII with 400', async () => {
      assert.match(await sendBytes(origin, 'GET /echo/\xe9 HTTP/1.1\r\nHost: localhost\r\n\r\n'), /^HTTP\/1\.1 400 /)
    })

    it('answers a request line of more than 8 KiB with 414', async () => {
      assert.equal((await call(origin, `/echo/${'x'.repeat(9_000)}`)).status, 414)
    })
  })

  describe('what the function receives', () => {
    it('a query as ASP.NET Core reads it: + is a space, repeated keys joined without regard to case', async () => {
      assert.deepEqual((await call(origin, '/echo/x?a=1&A=2&b=x+y%26&c&&d=')).json().query, {
        A: '1,2',
        b: 'x y&',
        c: '',
        d: '',
      })
    })

    it('repeated headers joined with a comma, names in lower case', async () => {
      const { headers } = (await call(origin, '/echo/x', { headers: { 'X-Two': ['1', '2'], 'X-Empty': '' } })).json()
      assert.deepEqual([headers['x-two'], headers['x-empty']], ['1,2', ''])
    })

    it('header values in UTF-8, and 400 for values that are not', async () => {
      const send = (value: string) =>
        sendBytes(origin, `GET /echo/x HTTP/1.1\r\nHost: localhost\r\nX-Name: ${value}\r\nConnection: close\r\n\r\n`)
      assert.match(await send('\xc3\xa9'), /^HTTP\/1\.1 200 [^]*"x-name":"\xc3\xa9"/)
      assert.match(await send('\xe9'), /^HTTP\/1\.1 400 /)
    })

    it('the body as bytes, and the URL with scheme and host', async () => {
      const answer = (
        await call(origin, '/echo/a b'.replace(' ', '%20') + '?q=1', {
          method: 'POST',
          body: Buffer.from([0, 255, 10]),
        })
      ).json()
      assert.deepEqual([answer.body, answer.url], ['AP8K', `${origin}/echo/a%20b?q=1`])
    })

    it('no body when it was sent in chunks', async () => {
      const answer = await call(origin, '/echo/x', {
        method: 'POST',
        headers: { 'transfer-encoding': 'chunked' },
        body: '{"a":1}',
      })
      assert.deepEqual([answer.json().hasBody, answer.json().headers['transfer-encoding']], [false, 'chunked'])
    })

    it('no body on GET', async () => {
      assert.equal(
        (await call(origin, '/echo/x', { headers: { 'content-length': '2' }, body: '{}' })).json().hasBody,
        false,
      )
    })

    it('the trace of its caller', async () => {
      const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
      assert.match(
        (await call(origin, '/echo/x', { headers: { traceparent } })).json().traceParent,
        /^00-a{32}-(?!b{16})[0-9a-f]{16}-01$/,
      )
    })

    it('the same over TLS, with a certificate of the sandbox authority', async () => {
      const answer = await call(sandbox.info.proxyTls, '/echo/x', { ca: sandbox.azure.caCertificate })
      assert.deepEqual([answer.status, answer.json().url], [200, `${sandbox.info.proxyTls}/echo/x`])
      await assert.rejects(call(sandbox.info.proxyTls, '/echo/x'), { code: 'SELF_SIGNED_CERT_IN_CHAIN' })
    })
  })

  describe('limits', () => {
    it('answers two Host headers, or none, with 400', async () => {
      assert.match(await sendBytes(origin, 'GET /echo/x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'), /^HTTP\/1\.1 400 /)
      assert.match(await sendBytes(origin, 'GET /echo/x HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 400 /)
    })

    it('answers more than 100 headers, and headers over 32 KiB, with 431', async () => {
      const many = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`x-${index}`, '']))
      assert.equal((await call(origin, '/echo/x', { headers: many })).status, 431)
      assert.equal((await call(origin, '/echo/x', { headers: { 'x-long': 'x'.repeat(40_000) } })).status, 431)
    })
  })

  describe('answers', () => {
    it('are the function’s: status, headers, cookies, bytes; custom headers only where the function has none', async () => {
      const answer = await call(origin, '/answers')
      assert.deepEqual([answer.status, answer.text], [418, '\xff\x00\x01'])
      assert.deepEqual(
        [answer.headers['cache-control'], answer.headers['x-own'], answer.headers['x-content-type-options']],
        ['private', 'yes', 'nosniff'],
      )
      assert.deepEqual(answer.headers['set-cookie'], ['id=a%20b; max-age=60; path=/; samesite=strict; httponly'])
    })

    it('are 500 without a body when the handler throws', async () => {
      const answer = await call(origin, '/fails')
      assert.deepEqual([answer.status, answer.text, answer.headers['x-content-type-options']], [500, '', 'nosniff'])
      await logged((record) => record.level === 'error' && record.message.includes('broken on purpose'))
    })

    it('are 204 when it returns nothing', async () => {
      assert.equal((await call(origin, '/nothing')).status, 204)
    })
  })

  it('runs the hooks around an invocation', async () => {
    assert.deepEqual((await call(origin, '/hooked')).json(), { input: 'replaced', seen: true })
    assert.match(sandbox.output(), /appStart hook, hookData object/)
  })

  it('forwards what the function logs, with its name and level', async () => {
    await call(origin, '/echo/x', { method: 'POST', body: 'x' })
    const { level, category, functionName } = await logged((entry) => entry.message === 'echo POST')
    assert.deepEqual([level, category, functionName], ['information', 'user', 'echo'])
  })

  it('survives clients that go away, before the answer and before the end of their body', async () => {
    const controller = new AbortController()
    const gone = call(origin, '/slow?ms=50', { method: 'POST', body: 'x', signal: controller.signal })
    await delay(25)
    controller.abort()
    await assert.rejects(gone, { name: 'AbortError' })
    const half = new AbortController()
    const unfinished = call(origin, '/echo/x', {
      method: 'POST',
      headers: { 'content-length': '100' },
      body: 'half',
      signal: half.signal,
    }).catch((error: Error) => error.name)
    await delay(25)
    half.abort()
    assert.equal(await unfinished, 'AbortError')
    await delay(60)
    assert.equal((await call(origin, '/echo/x')).status, 200)
  })
})
