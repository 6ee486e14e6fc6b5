import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { ConfigProblem } from '../../../src/config/config.ts'
import type { Environment } from '../../../src/config/settings.ts'
import { configOf, namesOf, problemsOf } from './settings-of-a-test.ts'

const SECRET = 'k3jhw87fhKJh3782jsd92'
const bearer = (secret: string, nextSecret?: string) => ({
  format: 'generic',
  authentication: { type: 'bearer', secret, ...(nextSecret === undefined ? {} : { nextSecret }) },
})
const standard = { format: 'generic', authentication: { type: 'standard-webhooks', secret: 'KEY' } }
const env = (webhooks: object, settings: Environment = {}): Environment => ({
  RECONNECT_POLICY: JSON.stringify({ webhooks }),
  ...settings,
})
const problems = (webhooks: object, settings: Environment = {}): readonly ConfigProblem[] =>
  problemsOf(env(webhooks, settings))

describe('the secrets of webhooks', () => {
  it('are the values of the settings that the policy names: the current one, and the next', () => {
    const { webhooks } = configOf(
      env({ a: bearer('TOKEN', 'TOKEN_NEXT') }, { TOKEN: SECRET, TOKEN_NEXT: `${SECRET}2` }),
    )
    assert.deepEqual(
      webhooks.map(({ name, secrets }) => ({ name, secrets })),
      [{ name: 'a', secrets: [SECRET, `${SECRET}2`] }],
    )
    assert.ok(Object.isFrozen(webhooks[0]?.secrets))
  })

  it('the next one need not be there while nothing is rotated', () => {
    for (const next of [undefined, '', '  '])
      assert.deepEqual(
        configOf(env({ a: bearer('TOKEN', 'TOKEN_NEXT') }, { TOKEN: SECRET, TOKEN_NEXT: next })).webhooks[0]?.secrets,
        [SECRET],
      )
  })

  it('senders with a token of Entra ID have none', () => {
    assert.deepEqual(
      configOf(env({ a: { format: 'azure-monitor', authentication: { type: 'entra', role: 'R' } } })).webhooks[0]
        ?.secrets,
      [],
    )
  })

  it('are found missing, each by its setting, and all together', () => {
    assert.deepEqual(namesOf(problems({ a: bearer('ONE'), b: bearer('TWO') })), ['ONE', 'TWO'])
  })

  const WORTHLESS: readonly [string, string][] = [
    ['too short', 'k3jhw87fhKJh378'],
    ['a placeholder in angle brackets', '<the secret of the sender>'],
    ['a placeholder in braces', '{{ alertmanager_token }}'],
    ['a variable without its value', '${ALERTMANAGER_TOKEN}'],
    ['change me', 'changeme-changeme'],
    ['change this', 'change-this-to-a-secret'],
    ['replace me', 'REPLACE_ME_PLEASE_NOW'],
    ['your secret', 'your-webhook-secret-here'],
    ['an example', 'example-secret-12345'],
    ['a placeholder', 'placeholder_secret_1'],
    ['a password called password', 'password-12345678'],
    ['one character', 'xxxxxxxxxxxxxxxxxxxxxxxx'],
    [
      'a reference that the platform could not resolve',
      '@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/s)',
    ],
  ]
  for (const [what, value] of WORTHLESS) {
    it(`are refused: ${what}, and the value is not repeated`, () => {
      for (const name of ['TOKEN', 'TOKEN_NEXT']) {
        const found = problems(
          { a: bearer('TOKEN', 'TOKEN_NEXT') },
          { TOKEN: SECRET, TOKEN_NEXT: `${SECRET}2`, [name]: value },
        )
        assert.deepEqual(namesOf(found), [name])
        assert.ok(!JSON.stringify(found).includes(value))
      }
    })
  }

  it('are not refused for a word that chance has put into them', () => {
    for (const value of [
      '4739205816629471',
      'aGkchangemeZ93kd8Qw',
      'K8-your-zebra-29-Lq',
      'testbed-93-Orchid-77',
      'passwordless-39fj3-Q',
    ])
      assert.deepEqual(problems({ a: bearer('TOKEN') }, { TOKEN: value }), [], value)
  })

  it('are not refused when they are random', () => {
    const random = fc.uint8Array({ minLength: 16, maxLength: 48 }).map((bytes) => Buffer.from(bytes))
    fc.assert(
      fc.property(
        random,
        fc.constantFrom('base64' as const, 'base64url' as const, 'hex' as const),
        (bytes, encoding) => {
          fc.pre(new Set(bytes).size > 8)
          assert.deepEqual(problems({ a: bearer('TOKEN') }, { TOKEN: bytes.toString(encoding) }), [])
        },
      ),
    )
  })

  it('are not shared by two webhooks, whichever of theirs it is', () => {
    assert.deepEqual(namesOf(problems({ a: bearer('ONE'), b: bearer('TWO') }, { ONE: SECRET, TWO: SECRET })), ['TWO'])
    assert.deepEqual(namesOf(problems({ a: bearer('ONE'), b: bearer('ONE') }, { ONE: SECRET })), ['ONE'])
    assert.deepEqual(
      namesOf(
        problems({ a: bearer('ONE', 'NEXT'), b: bearer('TWO') }, { ONE: `${SECRET}1`, NEXT: SECRET, TWO: SECRET }),
      ),
      ['TWO'],
    )
    const [problem] = problems({ a: bearer('ONE'), b: bearer('TWO') }, { ONE: SECRET, TWO: SECRET })
    assert.ok(!JSON.stringify(problem).includes(SECRET))
  })
})

describe('one secret in two spellings', () => {
  const bytes = randomBytes(32)
  const key = bytes.toString('base64')
  const SPELLINGS: readonly [string, string][] = [
    ['with the prefix of Standard Webhooks', `whsec_${key}`],
    ['without padding', key.replace(/=+$/, '')],
    ['in the alphabet for URLs', bytes.toString('base64url')],
    ['in hexadecimal digits', bytes.toString('hex')],
    ['as itself', key],
  ]
  for (const [what, spelling] of SPELLINGS) {
    it(`is refused where two webhooks have it: ${what}`, () => {
      const webhooks = { a: bearer('ONE'), b: bearer('TWO') }
      const found = problems(webhooks, { ONE: key, TWO: spelling })
      assert.deepEqual(namesOf(found), ['TWO'])
      assert.match(found[0]?.expectation ?? '', /webhook 'a' has the same/)
      assert.deepEqual(namesOf(problems({ a: standard, b: bearer('TWO') }, { KEY: `whsec_${key}`, TWO: spelling })), [
        'TWO',
      ])
    })
  }

  it('is refused where one is the text and the other the key of the same bytes', () => {
    const text = 'k3jhw87fhKJh3782jsd92-xyz'
    const hmac = { format: 'generic', authentication: { type: 'hmac', secret: 'TEXT' } }
    const settings = { TEXT: text, KEY: Buffer.from(text).toString('base64') }
    assert.deepEqual(namesOf(problems({ a: hmac, b: standard }, settings)), ['KEY'])
  })

  it('may be the current and the next secret of one webhook', () => {
    assert.deepEqual(problems({ a: bearer('ONE', 'TWO') }, { ONE: key, TWO: `whsec_${key}` }), [])
  })
})

describe('a secret that stands where its name belongs', () => {
  for (const secret of ['JBSWY3DPEHPK3PXPJBSWY3DP', 'A1B2C3D4E5F60718293A4B5C6D7E8F90', 'QXJQWKZPLMVNBTRY']) {
    it(`is not repeated: ${secret}`, () => {
      const found = problems({ a: bearer(secret) })
      assert.deepEqual(namesOf(found), ['RECONNECT_POLICY webhooks.a.authentication.secret'])
      assert.ok(!JSON.stringify(found).includes(secret))
    })
  }

  it('is told from a name that is set, however it looks', () => {
    assert.deepEqual(problems({ a: bearer('JBSWY3DPEHPK3PXPJBSWY3DP') }, { JBSWY3DPEHPK3PXPJBSWY3DP: SECRET }), [])
  })

  it('is told from plain names, which are repeated', () => {
    for (const name of ['ALERTMANAGER_TOKEN', 'GRAFANA_HMAC_2', 'HMAC256', 'A', 'A1_', 'TOKEN__V2'])
      assert.deepEqual(namesOf(problems({ a: bearer(name) })), [name])
  })
})

describe('a secret of Standard Webhooks', () => {
  it('is 24 to 64 bytes in Base64, with or without its prefix', () => {
    for (const size of [24, 32, 64]) {
      const key = randomBytes(size).toString('base64')
      for (const secret of [key, `whsec_${key}`])
        assert.deepEqual(configOf(env({ a: standard }, { KEY: secret })).webhooks[0]?.secrets, [secret])
    }
  })

  for (const [what, value] of [
    ['too short', `whsec_${randomBytes(23).toString('base64')}`],
    ['too long', `whsec_${randomBytes(65).toString('base64')}`],
    ['no Base64', 'whsec_this is not base64 at all!!'],
    ['Base64 of another alphabet', `whsec_${'-_'.repeat(20)}`],
  ]) {
    it(`is refused: ${what}`, () => assert.deepEqual(namesOf(problems({ a: standard }, { KEY: value })), ['KEY']))
  }
})
