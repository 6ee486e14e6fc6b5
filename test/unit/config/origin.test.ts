import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseOrigin } from '../../../src/config/origin.ts'

describe('parseOrigin', () => {
  const taken: Readonly<Record<string, string>> = {
    'https://management.azure.com': 'https://management.azure.com',
    'https://management.azure.com/': 'https://management.azure.com',
    'HTTPS://Management.Azure.COM': 'https://management.azure.com',
    'https://management.azure.com:443': 'https://management.azure.com',
    'https://10.0.0.1:8443': 'https://10.0.0.1:8443',
    'https://[::1]:8443/': 'https://[::1]:8443',
    'http://127.0.0.1:80': 'http://127.0.0.1',
    'http://127.8.9.10:8080': 'http://127.8.9.10:8080',
    'http://localhost:7071': 'http://localhost:7071',
    'http://[::1]:7071': 'http://[::1]:7071',
    'http://[0:0:0:0:0:0:0:1]:7071': 'http://[::1]:7071',
  }
  for (const [text, origin] of Object.entries(taken))
    it(`takes ${text}`, () => assert.equal(parseOrigin(text, 'on-loopback'), origin))

  const refused = [
    '',
    'https:',
    'https://',
    'https:///',
    'https://a//',
    'https://a/b',
    'https://a/?',
    'https://a?',
    'https://a#',
    'https://a/#',
    'https://a/..',
    'https://a/%2e',
    'https://u@a',
    'https://u:p@a',
    'https://@a',
    'https:\\\\a',
    'https:/a',
    'https:a',
    '//a',
    'a',
    'a:443',
    'ws://a',
    'file:///a',
    'javascript:alert(1)',
    'https://a b',
    'https://a\nb',
    ' https://a',
    'https://a ',
    'https://a\n',
    'ht\ntps://a',
    'https://\u212a',
    'https://caf\u00e9',
    'https://a\uff0eb',
    'https://-a',
    'https://a-',
    'https://a..b',
    'https://a.',
    'https://a:',
    'https://a:x',
    'https://a:99999',
    'https://a:443443',
    'https://*',
    'https://[::1',
    'https://[zz]',
    'https://256.0.0.1',
    'http://a',
    'http://localhost.evil.test',
    'http://127.0.0.1.evil.test',
    'http://evil.test:127',
    'http://127.evil.test',
    'http://128.0.0.1',
    'http://0.0.0.0',
    'http://[::2]',
    'http://[::ffff:8.8.8.8]',
    'http://localhost@evil.test',
    'http://xlocalhost',
    'http://10.0.0.1',
  ]
  for (const text of refused)
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseOrigin(text, 'on-loopback'), undefined))

  it('takes no http at all where there must be none', () => {
    for (const text of ['http://127.0.0.1', 'http://localhost', 'http://[::1]'])
      assert.equal(parseOrigin(text, 'never'), undefined)
  })

  it('yields what is its own origin, or nothing', () => {
    const text = fc.oneof(
      fc.webUrl(),
      fc.domain().map((name) => `https://${name}`),
      fc.ipV4().map((ip) => `http://${ip}`),
      fc.string({ unit: 'binary' }).map((end) => `https://a.test${end}`),
    )
    fc.assert(
      fc.property(text, (text) => {
        const origin = parseOrigin(text, 'on-loopback')
        if (origin === undefined) return
        assert.equal(new URL(origin).origin, origin)
        assert.ok(origin.startsWith('https://') || origin.startsWith('http://127.'))
      }),
      { numRuns: 1000 },
    )
  })
})
