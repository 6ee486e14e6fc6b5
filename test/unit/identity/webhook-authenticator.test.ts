import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Webhook as StandardWebhook } from 'standardwebhooks'
import { PROJECT_ROOT } from '../../../sandbox/create-sandbox.ts'
import type { WebhookConfig } from '../../../src/config/config.ts'
import type { Caller } from '../../../src/domain/caller.ts'
import type { AuthenticationFailure } from '../../../src/domain/failure.ts'
import { createWebhookAuthenticator } from '../../../src/identity/webhook-authenticator.ts'
import { err, ok, type Result } from '../../../src/shared/result.ts'
import { aCaller, aDeadline, aPrincipal, TOOL_ID } from '../../support/builders.ts'
import { createFakeClock, START_EPOCH_MS } from '../../support/fake-clock.ts'

const SECRET = 'k3jhw87fhKJh3782jsd92'
const NEXT = 'Lk3js9Kd83jdkL39skd8x'
const KEY = `whsec_${randomBytes(32).toString('base64')}`
const BODY = Buffer.from('{"alerts":[]}')
const NOW_SECONDS = Math.floor(START_EPOCH_MS / 1_000)

interface Scene {
  readonly authentication: object
  readonly secrets?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
  readonly query?: string
  readonly body?: Uint8Array
  readonly name?: string
  readonly sender?: Result<Caller, AuthenticationFailure>
}

function scene({
  authentication,
  secrets = [SECRET, NEXT],
  headers = {},
  query = '',
  body = BODY,
  name = 'w',
  sender = err({ reason: 'credential_missing' }),
}: Scene) {
  const clock = createFakeClock()
  const webhook = { name: 'w', format: 'alertmanager', backend: '{id}', authentication, secrets } as WebhookConfig
  const asked: unknown[] = []
  const authenticator = createWebhookAuthenticator({
    webhooks: [webhook],
    authenticate: (credentials) => {
      asked.push(credentials)
      return Promise.resolve(sender)
    },
    clock,
  })
  const folded = new Headers(headers)
  const credentials = {
    header: (named: string) => folded.get(named) ?? undefined,
    query: (named: string) => new URLSearchParams(query).getAll(named),
  }
  let reads = 0
  const readBody = () => {
    reads += 1
    return Promise.resolve(ok(body))
  }
  return {
    asked,
    reads: () => reads,
    post: () => authenticator.verifyPost(name, credentials, readBody, aDeadline(clock)),
    handshake: () => authenticator.verifyHandshake(name, credentials, aDeadline(clock)),
  }
}

async function reasonOf(given: Scene): Promise<string> {
  const posted = await scene(given).post()
  return posted.ok ? 'verified' : posted.error.reason
}

const hmac = (secret: string, ...parts: (string | Uint8Array)[]): string =>
  parts.reduce((mac, part) => mac.update(part), createHmac('sha256', secret)).digest('hex')

describe('a sender that proves itself', () => {
  it('is the webhook, and the body comes with it', async () => {
    const posted = await scene({
      authentication: { type: 'bearer' },
      headers: { authorization: `Bearer ${SECRET}` },
    }).post()
    assert.ok(posted.ok)
    assert.deepEqual(
      [posted.value.caller, posted.value.body, posted.value.webhook.name],
      [{ kind: 'webhook', id: 'w', principals: ['webhook:w'] }, BODY, 'w'],
    )
  })

  it('may spell the name in any case, in ASCII', async () => {
    const headers = { authorization: `Bearer ${SECRET}` }
    assert.equal(await reasonOf({ authentication: { type: 'bearer' }, headers, name: 'W' }), 'verified')
    for (const name of ['', 'x', 'w ', '\u212a', '__proto__', 'constructor'])
      assert.equal(await reasonOf({ authentication: { type: 'bearer' }, headers, name }), 'webhook_unknown')
  })

  it('an unknown webhook reads the body, as one that is signed does', async () => {
    const unknown = scene({ authentication: { type: 'bearer' }, name: 'absent' })
    await unknown.post()
    assert.equal(unknown.reads(), 1)
  })

  it('a body that cannot be read is reported as such, for every sender', async () => {
    const authenticator = createWebhookAuthenticator({
      webhooks: [],
      authenticate: () => assert.fail('nothing is asked of a body that could not be read'),
      clock: createFakeClock(),
    })
    const posted = await authenticator.verifyPost(
      'x',
      { header: () => undefined, query: () => [] },
      () => Promise.resolve(err({ reason: 'body_too_large', limitBytes: 1 })),
      aDeadline(createFakeClock()),
    )
    assert.deepEqual(posted, err({ reason: 'body_too_large', limitBytes: 1 }))
  })
})

describe('bearer', () => {
  const authentication = { type: 'bearer' }
  it('the current and the next secret, the scheme in any case', async () => {
    for (const authorization of [`Bearer ${SECRET}`, `bearer ${NEXT}`, `BEARER   ${SECRET}`])
      assert.equal(await reasonOf({ authentication, headers: { authorization } }), 'verified')
  })

  it('no other, none with more or less to it, none at all', async () => {
    for (const authorization of [
      `Bearer ${SECRET}x`,
      `Bearer ${SECRET.slice(1)}`,
      'Bearer x',
      `Bearer ${SECRET.toUpperCase()}`,
      `Bearer ${SECRET}, Bearer ${SECRET}`,
    ])
      assert.equal(await reasonOf({ authentication, headers: { authorization } }), 'webhook_secret')
    for (const headers of [{}, { authorization: `Basic ${SECRET}` }, { authorization: SECRET }, { authorization: '' }])
      assert.equal(await reasonOf({ authentication, headers }), 'webhook_proof_missing')
  })

  it('nothing is read before the secret is good', async () => {
    const refused = scene({ authentication, headers: { authorization: 'Bearer wrong' } })
    await refused.post()
    assert.equal(refused.reads(), 0)
  })
})

describe('basic', () => {
  const authentication = { type: 'basic', username: 'alertmanager' }
  const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
  it('user name and password, both', async () => {
    for (const secret of [SECRET, NEXT])
      assert.equal(await reasonOf({ authentication, headers: basic(`alertmanager:${secret}`) }), 'verified')
    for (const text of [`other:${SECRET}`, `alertmanager:${SECRET}x`, `alertmanager${SECRET}`, SECRET, `:${SECRET}`])
      assert.equal(await reasonOf({ authentication, headers: basic(text) }), 'webhook_secret')
  })

  it('in canonical Base64', async () => {
    const encoded = Buffer.from(`alertmanager:${SECRET}`).toString('base64')
    assert.equal(await reasonOf({ authentication, headers: { authorization: `Basic ${encoded}` } }), 'verified')
    for (const authorization of [
      `Basic ${encoded}====`,
      `Basic ${encoded.slice(0, 10)} ${encoded.slice(10)}`,
      'Basic',
      'Basic ?',
      encoded,
    ])
      assert.equal(
        await reasonOf({ authentication, headers: { authorization } }),
        'webhook_proof_missing',
        authorization,
      )
  })

  it('a password may have colons', async () => {
    assert.equal(
      await reasonOf({
        authentication,
        secrets: ['a:b:c:d:e:f:g:h:i'],
        headers: basic('alertmanager:a:b:c:d:e:f:g:h:i'),
      }),
      'verified',
    )
  })
})

describe('query', () => {
  const authentication = { type: 'query', parameter: 'code' }
  it('the parameter, once', async () => {
    assert.equal(await reasonOf({ authentication, query: `code=${SECRET}&x=1` }), 'verified')
    assert.equal(await reasonOf({ authentication, query: `code=${SECRET}&code=${SECRET}` }), 'webhook_proof_missing')
    assert.equal(await reasonOf({ authentication, query: `Code=${SECRET}` }), 'webhook_proof_missing')
    assert.equal(await reasonOf({ authentication, query: 'code=wrong' }), 'webhook_secret')
  })
})

describe('hmac', () => {
  const authentication = { type: 'hmac', secret: 'S' }
  const header = 'x-grafana-alerting-signature'

  it('over the raw bytes, with either secret, hexadecimal in any case', async () => {
    for (const secret of [SECRET, NEXT])
      assert.equal(await reasonOf({ authentication, headers: { [header]: hmac(secret, BODY) } }), 'verified')
    assert.equal(
      await reasonOf({ authentication, headers: { [header]: hmac(SECRET, BODY).toUpperCase() } }),
      'verified',
    )
  })

  it('in the header that the policy names', async () => {
    const named = { ...authentication, header: 'X-Signature' }
    assert.equal(await reasonOf({ authentication: named, headers: { 'x-signature': hmac(SECRET, BODY) } }), 'verified')
    assert.equal(
      await reasonOf({ authentication: named, headers: { [header]: hmac(SECRET, BODY) } }),
      'webhook_proof_missing',
    )
  })

  it('not over other bytes, not with another key, not in another form', async () => {
    const good = hmac(SECRET, BODY)
    for (const value of [
      hmac(SECRET, '{"alerts":[] }'),
      hmac('other', BODY),
      `${good}0`,
      good.slice(1),
      `sha256=${good}`,
      `${good.slice(0, 62)}zz`,
      `${good},${good}`,
      '',
      good.replace(/^./, 'g'),
    ]) {
      assert.notEqual(await reasonOf({ authentication, headers: { [header]: value } }), 'verified', value)
    }
  })

  it('with a time: signed with it, and recent', async () => {
    const timed = { ...authentication, timestampHeader: 'X-Time', toleranceSeconds: 60 }
    const at = (seconds: string, signed = seconds) =>
      reasonOf({ authentication: timed, headers: { [header]: hmac(SECRET, `${signed}:`, BODY), 'x-time': seconds } })
    for (const offset of [0, 60, -60]) assert.equal(await at(String(NOW_SECONDS + offset)), 'verified', String(offset))
    for (const offset of [61, -61, 1e6])
      assert.equal(await at(String(NOW_SECONDS + offset)), 'webhook_timestamp', String(offset))
    for (const text of [
      `${NOW_SECONDS}abc`,
      `0x${NOW_SECONDS.toString(16)}`,
      `${NOW_SECONDS}.5`,
      '1e9',
      '',
      `-${NOW_SECONDS}`,
      ' ',
    ])
      assert.notEqual(await at(text), 'verified', text)
    assert.equal(await at(String(NOW_SECONDS), String(NOW_SECONDS - 1)), 'webhook_signature')
    assert.equal(
      await reasonOf({ authentication: timed, headers: { [header]: hmac(SECRET, BODY) } }),
      'webhook_proof_missing',
    )
    // A signature without the time in it is not good because a time stands beside it.
    assert.equal(
      await reasonOf({
        authentication: timed,
        headers: { [header]: hmac(SECRET, BODY), 'x-time': String(NOW_SECONDS) },
      }),
      'webhook_signature',
    )
  })

  const VECTORS = join(PROJECT_ROOT, '../shared/azure/grafana')
  it(`as Grafana computes it${existsSync(VECTORS) ? '' : ' (vectors not here)'}`, async () => {
    if (!existsSync(VECTORS)) return
    const { vectors } = JSON.parse(readFileSync(join(VECTORS, 'hmac-vectors.json'), 'utf8')) as {
      vectors: { secret: string; timestamp?: number; signatureHex: string; bodyUtf8?: string; bodyFile?: string }[]
    }
    for (const { secret, timestamp, signatureHex, bodyUtf8, bodyFile } of vectors) {
      const body = bodyFile === undefined ? Buffer.from(bodyUtf8 ?? '') : readFileSync(join(VECTORS, bodyFile))
      const timed = timestamp === undefined ? {} : { timestampHeader: 'X-Time', toleranceSeconds: 10 ** 12 }
      const headers = { [header]: signatureHex, ...(timestamp === undefined ? {} : { 'x-time': String(timestamp) }) }
      assert.equal(
        await reasonOf({ authentication: { ...authentication, ...timed }, secrets: [secret], headers, body }),
        'verified',
      )
    }
  })
})

describe('standard-webhooks', () => {
  const authentication = { type: 'standard-webhooks' }
  const signer = new StandardWebhook(KEY)
  const text = BODY.toString()
  const signed = (
    change: Partial<Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string>> = {},
    seconds = NOW_SECONDS,
  ) => ({
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(seconds),
    'webhook-signature': signer.sign('msg_1', new Date(seconds * 1_000), text),
    ...change,
  })
  const reason = (headers: Readonly<Record<string, string>>, secrets: readonly string[] = [KEY]) =>
    reasonOf({ authentication, secrets, headers })

  it('as its own library signs, with prefix or without, with the next key too', async () => {
    assert.equal(await reason(signed()), 'verified')
    assert.equal(await reason(signed(), [KEY.replace('whsec_', '')]), 'verified')
    assert.equal(await reason(signed(), [`whsec_${randomBytes(32).toString('base64')}`, KEY]), 'verified')
  })

  it('one good signature of several is enough; other versions are not looked at', async () => {
    const { 'webhook-signature': good } = signed()
    assert.equal(
      await reason(signed({ 'webhook-signature': `v1a,abc v1,${randomBytes(32).toString('base64')} ${good}` })),
      'verified',
    )
    assert.equal(await reason(signed({ 'webhook-signature': good.replace('v1,', 'v2,') })), 'webhook_signature')
    assert.equal(
      await reason(signed({ 'webhook-signature': `${'v1,x '.repeat(16)}${good}` })),
      'webhook_signature',
      'no more are looked at than there are keys to rotate',
    )
  })

  it('id, time and body are signed; all three headers are needed', async () => {
    assert.equal(await reason(signed({ 'webhook-id': 'msg_2' })), 'webhook_signature')
    assert.equal(await reason(signed({ 'webhook-timestamp': String(NOW_SECONDS + 1) })), 'webhook_signature')
    for (const name of ['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const) {
      const { [name]: _, ...rest } = signed()
      assert.equal(await reason(rest as Record<string, string>), 'webhook_proof_missing')
      void _
    }
    for (const value of ['', 'v1,', 'v1', 'v1,AAAA', 'not base64'])
      assert.notEqual(await reason(signed({ 'webhook-signature': value })), 'verified', value)
  })

  it('is good for five minutes, both ways', async () => {
    for (const offset of [300, -300]) assert.equal(await reason(signed({}, NOW_SECONDS + offset)), 'verified')
    for (const offset of [301, -301]) assert.equal(await reason(signed({}, NOW_SECONDS + offset)), 'webhook_timestamp')
  })
})

describe('entra', () => {
  const app = (...roles: string[]) =>
    ok(aCaller({ principals: [aPrincipal(`app:${TOOL_ID}`), ...roles.map((role) => aPrincipal(`role:${role}`))] }))
  const reason = (sender: Result<Caller, AuthenticationFailure>, more: object = {}) =>
    reasonOf({ authentication: { type: 'entra', ...more }, secrets: [], sender })

  it('a token of an application, with the role, of the application: all that is asked', async () => {
    assert.equal(await reason(app()), 'verified')
    assert.equal(await reason(app('R', 'S'), { role: 'R' }), 'verified')
    assert.equal(
      await reason(app('R'), { role: 'R', appIds: ['99999999-8888-7777-6666-555555555555', TOOL_ID.toUpperCase()] }),
      'verified',
    )
  })

  it('lacks one of them', async () => {
    assert.equal(await reason(app('r'), { role: 'R' }), 'webhook_sender')
    assert.equal(
      await reason(app('R'), { role: 'R', appIds: ['99999999-8888-7777-6666-555555555555'] }),
      'webhook_sender',
    )
    assert.equal(await reason(app(), { role: 'R', appIds: [TOOL_ID] }), 'webhook_sender')
    assert.equal(
      await reason(ok(aCaller({ kind: 'user', principals: [aPrincipal('role:R')] })), { role: 'R' }),
      'webhook_sender',
      'a person',
    )
  })

  it('what is wrong with the token itself stays what it is, and missing keys are no refusal', async () => {
    assert.equal(await reason(err({ reason: 'token_expired' })), 'token_expired')
    assert.equal(
      await reason(err({ reason: 'keys_unavailable', detail: '', retryAfterSeconds: 1 })),
      'keys_unavailable',
    )
  })

  it('is asked with the token alone, also where App Service signs people in; what the application may do is not what the webhook may do', async () => {
    const asking = scene({
      authentication: { type: 'entra' },
      secrets: [],
      sender: app('Reconnect.Operator'),
      headers: { authorization: 'Bearer t', 'x-ms-client-principal': 'p' },
    })
    const posted = await asking.post()
    assert.deepEqual(asking.asked, [{ authorization: 'Bearer t', clientPrincipal: undefined }])
    assert.deepEqual(posted.ok && posted.value.caller, {
      kind: 'webhook',
      id: 'w',
      name: TOOL_ID,
      principals: ['webhook:w'],
    })
  })
})

describe('an issuer that is away', () => {
  const away = err({ reason: 'keys_unavailable', detail: '', retryAfterSeconds: 5 } as const)
  const headers = { authorization: 'Bearer a.b.c' }
  const PROOFS = [
    { type: 'entra', role: 'R' },
    { type: 'bearer' },
    { type: 'basic', username: 'u' },
    { type: 'query', parameter: 'code' },
    { type: 'hmac' },
    { type: 'standard-webhooks' },
  ]

  it('is answered 503 by every webhook, existing or not, to a token that cannot be judged', async () => {
    for (const authentication of PROOFS) {
      for (const name of ['w', 'absent']) {
        const asking = scene({ authentication, headers, name, sender: away })
        for (const answer of [await asking.post(), await asking.handshake()]) {
          assert.ok(!answer.ok && answer.error.reason === 'keys_unavailable', `${authentication.type} ${name}`)
          assert.equal(answer.error.retryAfterSeconds, 5)
          // The exact reason stays in the record.
          if (name === 'absent') assert.match(answer.error.detail, /^webhook_unknown; /)
        }
      }
    }
  })

  it('does not matter to a sender that proves itself otherwise, or brings nothing', async () => {
    const bearer = { authentication: { type: 'bearer' }, sender: away }
    assert.equal(await reasonOf({ ...bearer, headers: { authorization: `Bearer ${SECRET}` } }), 'verified')
    const nothing = { sender: err({ reason: 'credential_missing' } as const) }
    assert.equal(await reasonOf({ ...bearer, ...nothing }), 'webhook_proof_missing')
    assert.equal(await reasonOf({ ...bearer, ...nothing, name: 'absent' }), 'webhook_unknown')
  })
})

describe('the handshake', () => {
  it('needs the same proof, and is refused where that needs a body', async () => {
    assert.equal(
      (await scene({ authentication: { type: 'query', parameter: 'code' }, query: `code=${SECRET}` }).handshake()).ok,
      true,
    )
    assert.equal((await scene({ authentication: { type: 'query', parameter: 'code' } }).handshake()).ok, false)
    for (const type of ['hmac', 'standard-webhooks'])
      assert.deepEqual(
        await scene({ authentication: { type } }).handshake(),
        err({ reason: 'webhook_proof_missing', detail: 'a handshake has no body to be signed' }),
      )
    assert.deepEqual(
      await scene({ authentication: { type: 'bearer' }, name: 'absent' }).handshake(),
      err({ reason: 'webhook_unknown' }),
    )
  })
})

describe('any input', () => {
  it('is refused without throwing', async () => {
    const types = [
      { type: 'bearer' },
      { type: 'basic', username: 'u' },
      { type: 'query', parameter: 'q' },
      { type: 'hmac', timestampHeader: 'x-time' },
      { type: 'standard-webhooks' },
    ]
    const value = fc.oneof(
      fc.string({ unit: 'grapheme-ascii', maxLength: 80 }),
      fc.constantFrom(`Bearer ${SECRET}y`, 'Basic ====', 'v1,', 'v1,'.repeat(50)),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...types),
        value,
        value,
        fc.uint8Array({ maxLength: 50 }),
        async (authentication, one, two, body) => {
          const clean = (text: string): string => text.replace(/[^ -~]/g, '').trim()
          const headers = {
            authorization: clean(one),
            'x-grafana-alerting-signature': clean(two),
            'x-time': clean(one),
            'webhook-id': clean(one),
            'webhook-timestamp': clean(two),
            'webhook-signature': clean(one),
          }
          assert.notEqual(
            await reasonOf({
              authentication,
              secrets: [SECRET, KEY.replace('whsec_', '')],
              headers,
              query: `q=${encodeURIComponent(two)}`,
              body,
            }),
            'verified',
          )
        },
      ),
      { numRuns: 500 },
    )
  })
})
