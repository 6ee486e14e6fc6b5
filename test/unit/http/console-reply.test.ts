import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { toConsoleReply } from '../../../src/http/console-reply.ts'

const FILES = {
  'index.html': gzipSync('<!doctype html>').toString('base64'),
  'app.js': gzipSync('1').toString('base64'),
}
const SETTINGS = {
  authority: 'https://login.example',
  issuer: 'https://login.example/t/v2.0',
  clientId: 'c',
  scope: 'c/Reconnect.Invoke',
}
const reply = (file?: string, acceptEncoding: string | null = null) =>
  toConsoleReply(file, FILES, SETTINGS, acceptEncoding)
const textOf = ({ body }: { body?: string | Uint8Array }) => Buffer.from(body ?? '').toString()

describe('a file of the console', () => {
  it('is the page without a name, and every file by its name in any case', () => {
    assert.equal(textOf(reply()), '<!doctype html>')
    assert.equal(textOf(reply('INDEX.HTML')), '<!doctype html>')
    assert.equal(textOf(reply('app.js')), '1')
    assert.equal(reply('app.js').headers['content-type'], 'text/javascript; charset=utf-8')
  })

  it('is 404 without a body for any other name', () => {
    for (const name of ['x', '__proto__', 'constructor', '..', 'app.js/', 'style.css', '', 'tostring'])
      assert.deepEqual(
        [reply(name).status, reply(name).body, 'content-type' in reply(name).headers],
        [404, undefined, false],
        name,
      )
  })

  it('is compressed for those who accept gzip, and for no one else', () => {
    for (const accept of ['gzip', 'deflate, GZIP', 'br;q=1, gzip;q=0.5', 'gzip ; q=1'])
      assert.equal(reply('app.js', accept).headers['content-encoding'], 'gzip', accept)
    for (const accept of [null, '', 'br', 'gzip;q=0', 'gzip; q=0.000', 'x-gzip', 'gzipped', '*'])
      assert.equal(reply('app.js', accept).headers['content-encoding'], undefined, String(accept))
    assert.equal(reply('app.js').headers['vary'], 'Accept-Encoding')
  })

  it('runs nothing of others, talks to the app and the issuer, and is framed by no page', () => {
    for (const answer of [reply(), reply('app.js'), reply('settings.json')]) {
      const policy = new Map(
        (answer.headers['content-security-policy'] ?? '').split('; ').map((part) => {
          const [name = '', ...values] = part.split(' ')
          return [name, values.join(' ')]
        }),
      )
      assert.deepEqual(Object.fromEntries(policy), {
        'default-src': "'none'",
        'script-src': "'self'",
        'style-src': "'self'",
        'img-src': 'data:',
        'connect-src': "'self' https://login.example",
        'base-uri': "'none'",
        'form-action': "'none'",
        'frame-ancestors': "'none'",
        'require-trusted-types-for': "'script'",
        'trusted-types': "'none'",
      })
      assert.equal(answer.headers['cache-control'], 'no-store')
      assert.equal(answer.headers['x-content-type-options'], 'nosniff')
    }
  })

  it('settings.json holds what sign-in needs, and where there is no client id says nothing of it', () => {
    assert.deepEqual(JSON.parse(textOf(reply('settings.json'))), {
      issuer: SETTINGS.issuer,
      clientId: 'c',
      scope: 'c/Reconnect.Invoke',
    })
    const { clientId: _, scope: __, ...without } = SETTINGS
    const { body } = toConsoleReply('settings.json', FILES, without, null)
    assert.deepEqual(JSON.parse(String(body)), { issuer: SETTINGS.issuer })
  })
})
