import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { API_CLIENT_ID, TENANT_ID } from '../../sandbox/azure/directory.ts'
import { call } from '../sandbox/raw-http.ts'
import { NO_STORAGE, startSandbox } from '../support/start-sandbox.ts'

/** Contract, section 13. */
const MAX_COMPRESSED_BYTES = 40_000
const GZIP = { headers: { 'accept-encoding': 'gzip' } }

describe('the console', () => {
  it('the console is at most 40,000 bytes, each file compressed with gzip, and each is the same uncompressed', async (t) => {
    const { info } = await startSandbox(t, { storage: NO_STORAGE })
    const page = await call(info.proxy, '/console', GZIP)
    const html = gunzipSync(Buffer.from(page.text, 'latin1')).toString()
    const named = [...html.matchAll(/(?:href|src)="(\/console\/[^"]+)"/g)].map(([, path]) => path as string)
    assert.deepEqual(named.toSorted(), ['/console/app.js', '/console/style.css'])
    let bytes = 0
    for (const path of ['/console', ...named]) {
      const [compressed, plain] = [await call(info.proxy, path, GZIP), await call(info.proxy, path)]
      assert.deepEqual(
        [compressed.status, compressed.headers['content-encoding'], plain.headers['content-encoding']],
        [200, 'gzip', undefined],
      )
      assert.equal(gunzipSync(Buffer.from(compressed.text, 'latin1')).toString('latin1'), plain.text)
      bytes += compressed.text.length
    }
    t.diagnostic(`${bytes} bytes`)
    assert.ok(bytes > 5_000 && bytes <= MAX_COMPRESSED_BYTES, `${bytes} bytes`)
  })

  it('the console has no inline script, style or handler', async (t) => {
    const { info } = await startSandbox(t, { storage: NO_STORAGE })
    const { text } = await call(info.proxy, '/console')
    assert.doesNotMatch(text, /<script(?![^>]*\ssrc=)|<style|\son[a-z]+=|\sstyle=|javascript:/i)
  })

  it('the console is found in any case, and with a slash at the end; what is not there is 404', async (t) => {
    const { info } = await startSandbox(t, { storage: NO_STORAGE })
    const { text } = await call(info.proxy, '/console')
    for (const path of ['/Console', '/console/', '/console/index.html'])
      assert.equal((await call(info.proxy, path)).text, text, path)
    for (const path of ['/console/x', '/console/app.js/x', '/console/..%2fhost.json']) {
      const answer = await call(info.proxy, path)
      assert.deepEqual([answer.status, answer.text, answer.headers['cache-control']], [404, '', 'no-store'], path)
    }
    assert.equal((await call(info.proxy, '/console', { method: 'POST' })).status, 404)
  })

  it('the console tells the page where to sign in, and nothing that is secret', async (t) => {
    const { info } = await startSandbox(t, { storage: NO_STORAGE })
    const answer = await call(info.proxy, '/console/settings.json')
    assert.deepEqual(answer.json(), {
      issuer: `${info.issuer}/${TENANT_ID}/v2.0`,
      clientId: API_CLIENT_ID,
      scope: `${API_CLIENT_ID}/Reconnect.Invoke`,
    })
    assert.ok(answer.headers['content-security-policy']?.includes(`connect-src 'self' ${info.issuer};`))
    for (const name of ['access-control-allow-origin', 'set-cookie', 'etag', 'location'])
      assert.equal(answer.headers[name], undefined, name)
  })

  it('the console answers 503 ConfigurationInvalid on every path while the configuration is wrong', async (t) => {
    const { info } = await startSandbox(t, { storage: NO_STORAGE, env: { ENTRA_TENANT_ID: 'x' } })
    for (const path of ['/console', '/console/app.js', '/console/settings.json', '/console/x']) {
      const answer = await call(info.proxy, path)
      assert.deepEqual([answer.status, answer.headers['x-ms-error-code']], [503, 'ConfigurationInvalid'], path)
    }
  })
})
