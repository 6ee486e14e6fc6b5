/** Contract, section 4: who is calling. Tokens are really signed; the bad ones too, as far as their forger could. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { API_AUDIENCE, API_CLIENT_ID, OPERATOR, STRANGER, TENANT_ID, TOOL } from '../../sandbox/azure/directory.ts'
import { RECONNECTABLE_BACKENDS } from '../../sandbox/azure/resources.ts'
import type { TokenRequest } from '../../sandbox/azure/tokens.ts'
import { sendBytes } from '../sandbox/raw-http.ts'
import { sandboxPolicy } from '../support/sandbox-policy.ts'
import { respondJson, startScriptedServer } from '../support/scripted-server.ts'
import {
  createSigningKey,
  hs256,
  ps256,
  rawToken,
  rs256,
  rs384,
  unsigned,
  type Sign,
  type SigningKey,
} from '../support/token-mint.ts'
import { assertAccepted, assertRefused, sibling, startConversation } from './conversation.ts'

const GROUP = '7d0a2c64-51be-4f39-8a7e-3c9b0d6e2f18'
const PERSON = 'a6f3d0b7-2e94-4c1a-9b58-7f0e3d6c4a21'
const OTHER_TENANT = '9c5b1e70-3d2f-4a86-b1c4-5e7f0a9d8b36'
const [ORDERS, PAYMENTS] = RECONNECTABLE_BACKENDS as [string, string]
/** Backends for the tool beside its own, so that every token asks for one that was not asked for before. */
const TOOLS_BACKENDS = [1, 2, 3].map((number) => sibling(ORDERS, `tools-${number}`))
const room = await startConversation(
  { after },
  {
    policy: sandboxPolicy({
      grants: [
        ...TOOLS_BACKENDS.map((scope) => ({ principal: `app:${TOOL.clientId}`, scope })),
        { principal: `group:${GROUP.toUpperCase()}`, scope: PAYMENTS },
        { principal: `user:${PERSON}`, scope: PAYMENTS },
        { principal: 'role:olivia@contoso.example', scope: PAYMENTS },
      ],
    }),
  },
)
const { info, azure } = room.sandbox
const issuerKey = {
  keyId: azure.keys.current().kid,
  privateKey: azure.keys.current().privateKey,
  publicKey: azure.keys.current().publicKey,
} as SigningKey
const forger = createSigningKey('forger')
/** Where a token says that its key is to be found. */
const trap = await startScriptedServer(Array.from({ length: 10 }, () => respondJson(200, { keys: [forger.jwk] })))
after(() => trap.close())

const base = await azure.mint({ kind: 'operator' })
const mint = async (change: Omit<TokenRequest, 'kind'> & { kind?: TokenRequest['kind'] } = {}): Promise<string> =>
  azure.mint({ kind: 'operator', ...change })

/** The operator's token with another header, other claims or another signature. */
function forged(header: object, claims: unknown = decodeJwt(base), sign: Sign = rs256(issuerKey)): string {
  return rawToken({ header: { ...decodeProtectedHeader(base), ...header }, payload: claims, sign })
}

async function assertNotBelieved(authorization: string | undefined, reason: string): Promise<string> {
  const before = room.reached()
  const answer = await room.reconnect({ as: null, headers: authorization === undefined ? {} : { authorization } })
  assert.equal(
    assertRefused(answer, 401, 'AuthenticationFailed').message,
    'Authentication failed. A valid bearer token for this app is needed.',
  )
  const tokenSent = /^bearer +[^ ]/i.test(authorization ?? '')
  assert.equal(
    answer.headers['www-authenticate'],
    `Bearer authorization_uri="${info.issuer}/${TENANT_ID}"${tokenSent ? ', error="invalid_token"' : ''}`,
  )
  const decision = await room.decision(answer)
  assert.deepEqual(
    [decision['reason'], decision['fault'], decision['outcome'], decision['caller']],
    [reason, 'caller', 'refused', undefined],
  )
  assert.deepEqual(room.reached(), before)
  const { date: _date, 'x-ms-correlation-request-id': _id, ...headers } = answer.headers
  return JSON.stringify([answer.text, headers])
}

describe('tokens that are accepted', () => {
  const cases: [string, TokenRequest, string][] = [
    ['an application’s, v2, aud the bare client id, azp', { kind: 'tool', version: 2 }, 'app'],
    ['an application’s, v1, aud the application id URI, appid', { kind: 'tool', version: 1 }, 'app'],
    ['an application’s, v1, aud the bare client id', { kind: 'tool', version: 1, audience: API_CLIENT_ID }, 'app'],
    ['a person’s, v2', { kind: 'operator', version: 2 }, 'user'],
    ['a person’s, v1', { kind: 'operator', version: 1 }, 'user'],
    [
      'a person’s with scope Reconnect.Invoke among others',
      { kind: 'operator', scp: 'openid Reconnect.Invoke' },
      'user',
    ],
    ['one that expired 50 seconds ago', { kind: 'operator', expiresInSeconds: -50 }, 'user'],
    ['one that begins in 50 seconds', { kind: 'operator', notBeforeInSeconds: 50 }, 'user'],
  ]
  for (const [index, [what, request, kind]] of cases.entries()) {
    it(what, async () => {
      const backend = kind === 'app' ? (TOOLS_BACKENDS[index] as string) : room.freshBackend()
      azure.addBackend(backend)
      const answer = await room.reconnect({ backend, as: { token: await azure.mint(request) } })
      assertAccepted(answer)
      const caller = (await room.decision(answer))['caller'] as { kind: string; id: string }
      assert.deepEqual([caller.kind, caller.id], [kind, kind === 'app' ? TOOL.clientId : OPERATOR.objectId])
    })
  }

  it('with the scheme in any letter case', async () =>
    assertAccepted(await room.reconnectFresh({ as: null, headers: { authorization: `bEARER ${base}` } })))
})

describe('tokens that are refused: one answer for every cause, the exact cause in the record', () => {
  const claims = decodeJwt(base)
  const without = (name: string): object =>
    Object.fromEntries(Object.entries(claims).filter(([member]) => member !== name))
  const publicPem = issuerKey.publicKey.export({ type: 'spki', format: 'pem' }) as string
  const cases: [string, () => string | undefined | Promise<string>, string][] = [
    ['none at all', () => undefined, 'credential_missing'],
    ['another scheme', () => 'Basic b3BlcmF0b3I6c2VjcmV0', 'credential_malformed'],
    ['a scheme and nothing else', () => 'Bearer', 'credential_malformed'],
    ['two tokens', () => `Bearer ${base} ${base}`, 'credential_malformed'],
    ['two credentials in one header', () => `Bearer ${base}, Bearer ${base}`, 'credential_malformed'],
    ['17 KiB of token', () => `Bearer ${'a'.repeat(17 * 1024)}`, 'token_too_large'],
    ['no JWS', () => 'Bearer not-a-token', 'token_malformed'],
    ['a JWE', () => `Bearer ${base}.a.b`, 'token_malformed'],
    ['padding behind the signature', () => `Bearer ${base}=`, 'token_malformed'],
    ['alg none without signature', () => `Bearer ${forged({ alg: 'none' }, claims, unsigned)}`, 'token_malformed'],
    ['alg none with a signature', () => `Bearer ${forged({ alg: 'none' })}`, 'token_algorithm'],
    [
      'HS256 over the public key',
      () => `Bearer ${forged({ alg: 'HS256' }, claims, hs256(publicPem))}`,
      'token_algorithm',
    ],
    ['RS384', () => `Bearer ${forged({ alg: 'RS384' }, claims, rs384(issuerKey))}`, 'token_algorithm'],
    ['PS256', () => `Bearer ${forged({ alg: 'PS256' }, claims, ps256(issuerKey))}`, 'token_algorithm'],
    ['rs256 in lower case', () => `Bearer ${forged({ alg: 'rs256' })}`, 'token_algorithm'],
    [
      'HS256 over the public key, called RS256',
      () => `Bearer ${forged({}, claims, hs256(publicPem))}`,
      'token_signature',
    ],
    ['a critical extension', () => `Bearer ${forged({ crit: ['b64'], b64: false })}`, 'token_malformed'],
    ['no kid', () => `Bearer ${forged({ kid: undefined })}`, 'token_malformed'],
    ['a kid that is a path', () => `Bearer ${forged({ kid: '../../../dev/null' })}`, 'token_key_unknown'],
    ['a kid that is a member of every object', () => `Bearer ${forged({ kid: '__proto__' })}`, 'token_key_unknown'],
    [
      'a key that the issuer does not publish',
      async () => `Bearer ${await mint({ key: 'unpublished' })}`,
      'token_key_unknown',
    ],
    [
      'a forger’s signature under the issuer’s kid',
      () => `Bearer ${forged({}, claims, rs256(forger))}`,
      'token_signature',
    ],
    ['a forger’s key in jwk', () => `Bearer ${forged({ jwk: forger.jwk }, claims, rs256(forger))}`, 'token_signature'],
    [
      'a forger’s keys at jku and x5u',
      () =>
        `Bearer ${forged({ kid: 'forger', jku: `${trap.origin}/keys`, x5u: `${trap.origin}/cert` }, claims, rs256(forger))}`,
      'token_key_unknown',
    ],
    [
      'claims changed after signing',
      () =>
        `Bearer ${forged({}, claims, () => Buffer.from(base.split('.')[2] as string, 'base64url'))}`.replace(
          /\.[^.]+\./,
          `.${Buffer.from(JSON.stringify({ ...claims, roles: ['Everything'] })).toString('base64url')}.`,
        ),
      'token_signature',
    ],
    ['a payload that is no object', () => `Bearer ${forged({}, '[]')}`, 'token_malformed'],
    ['expired 70 seconds ago', async () => `Bearer ${await mint({ expiresInSeconds: -70 })}`, 'token_expired'],
    ['no exp', () => `Bearer ${forged({}, without('exp'))}`, 'token_claims'],
    [
      'an exp for ever',
      () => `Bearer ${forged({}, JSON.stringify(claims).replace(/"exp":[0-9]+/, '"exp":1e400'))}`,
      'token_claims',
    ],
    ['an exp in words', () => `Bearer ${forged({}, { ...claims, exp: '9999999999' })}`, 'token_claims'],
    [
      'nbf in 70 seconds',
      () => `Bearer ${forged({}, { ...claims, nbf: Math.floor(Date.now() / 1_000) + 70 })}`,
      'token_not_yet_valid',
    ],
    [
      'iat in 70 seconds',
      () => `Bearer ${forged({}, { ...claims, iat: Math.floor(Date.now() / 1_000) + 70 })}`,
      'token_not_yet_valid',
    ],
    [
      'another audience',
      async () => `Bearer ${await mint({ audience: 'https://management.azure.com' })}`,
      'token_audience',
    ],
    [
      'an audience that only begins like ours',
      async () => `Bearer ${await mint({ audience: `${API_AUDIENCE}/x` })}`,
      'token_audience',
    ],
    ['a list of audiences', () => `Bearer ${forged({}, { ...claims, aud: [API_CLIENT_ID] })}`, 'token_audience'],
    ['no audience', () => `Bearer ${forged({}, without('aud'))}`, 'token_audience'],
    ['another tenant, consistently', async () => `Bearer ${await mint({ tenantId: OTHER_TENANT })}`, 'token_tenant'],
    [
      'our tid, another tenant’s issuer',
      () => `Bearer ${forged({}, { ...claims, iss: `${info.issuer}/${OTHER_TENANT}/v2.0` })}`,
      'token_issuer',
    ],
    ['our issuer, another tid', () => `Bearer ${forged({}, { ...claims, tid: OTHER_TENANT })}`, 'token_issuer'],
    ['no tid', () => `Bearer ${forged({}, without('tid'))}`, 'token_tenant'],
    [
      'another cloud’s issuer',
      () => `Bearer ${forged({}, { ...claims, iss: `https://login.microsoftonline.us/${TENANT_ID}/v2.0` })}`,
      'token_issuer',
    ],
    [
      'the v1 issuer without its slash',
      () => `Bearer ${forged({}, { ...claims, iss: `https://sts.windows.net/${TENANT_ID}` })}`,
      'token_issuer',
    ],
    ['a list of issuers', () => `Bearer ${forged({}, { ...claims, iss: [claims.iss] })}`, 'token_issuer'],
    [
      'a person’s, without one of the scopes',
      async () => `Bearer ${await mint({ scp: 'openid profile Reconnect.Invoke.All' })}`,
      'token_scope',
    ],
    ['a person’s, with no scope in scp', async () => `Bearer ${await mint({ scp: '' })}`, 'token_scope'],
    ['an ID token', () => `Bearer ${forged({}, without('scp'))}`, 'token_claims'],
    [
      'an application’s, without client id',
      async () => `Bearer ${await mint({ kind: 'tool', claims: { azp: null } })}`,
      'token_claims',
    ],
  ]
  /** Apart from `error="invalid_token"`, which RFC 6750 (section 3.1) asks for where a token was sent. */
  const answers = new Set<string>()
  for (const [what, authorization, reason] of cases) {
    it(`${what}: ${reason}`, async () => {
      const answer = await assertNotBelieved(await authorization(), reason)
      answers.add(answer.replace(String.raw`, error=\"invalid_token\"`, ''))
    })
  }

  it('one answer cannot be told from another', () => assert.equal(answers.size, 1, [...answers].join('\n')))
  it('and no key was looked for where a token said', () => assert.deepEqual(trap.received, []))

  for (const [what, lines] of [
    ['twice the same', [`Bearer ${base}`, `Bearer ${base}`]],
    ['a good one before a bad one', [`Bearer ${base}`, 'Bearer x']],
    ['a bad one before a good one', ['Basic eDp5', `Bearer ${base}`]],
  ] as const) {
    it(`two Authorization headers, ${what}: credential_malformed`, async () => {
      const correlationId = crypto.randomUUID()
      const head = [
        `POST ${ORDERS}/reconnect HTTP/1.1`,
        'Host: x',
        ...lines.map((line) => `Authorization: ${line}`),
        `x-ms-correlation-request-id: ${correlationId}`,
        'Content-Length: 0',
        'Connection: close',
      ]
      assert.match(await sendBytes(info.proxy, `${head.join('\r\n')}\r\n\r\n`), /^HTTP\/1\.1 401 /)
      assert.equal((await room.decision({ correlationId }))['reason'], 'credential_malformed')
    })
  }
})

describe('principals', () => {
  const asks = async (backend: string, request: TokenRequest): Promise<number> =>
    (await room.reconnect({ backend, as: { token: await azure.mint(request) } })).status

  it('app: is given to application tokens only: a grant to a tool is no grant to everyone who uses it', async () => {
    assert.equal(await asks(ORDERS, { kind: 'tool' }), 202)
    assert.equal(
      await asks(ORDERS, { kind: 'stranger', app: TOOL.clientId, user: PERSON, scp: 'user_impersonation' }),
      403,
    )
  })

  it('user:, group: and role: are what the token says', async () => {
    assert.equal(await asks(PAYMENTS, { kind: 'stranger', user: PERSON.toUpperCase(), scp: 'user_impersonation' }), 202)
    assert.equal(await asks(PAYMENTS, { kind: 'stranger', groups: [GROUP] }), 202)
    assert.equal(
      await asks(sibling(PAYMENTS, 'Inventory.API'), { kind: 'stranger', roles: ['Reconnect.Operator'] }),
      202,
    )
    assert.equal(await asks(PAYMENTS, { kind: 'stranger' }), 403)
  })

  it('roles are compared as written', async () =>
    assert.equal(await asks(PAYMENTS, { kind: 'stranger', roles: ['reconnect.operator'] }), 403))

  it('names and mail addresses never decide anything', async () => {
    const named = {
      name: OPERATOR.name,
      preferred_username: OPERATOR.userName,
      upn: OPERATOR.userName,
      email: OPERATOR.userName,
      unique_name: OPERATOR.userName,
      app_displayname: 'Reconnect.Operator',
    }
    assert.equal(await asks(PAYMENTS, { kind: 'stranger', claims: named }), 403)
    assert.equal(await asks(PAYMENTS, { kind: 'stranger', user: STRANGER.objectId, claims: named }), 403)
  })

  it('an id cannot stand for one of another kind', async () => {
    assert.equal(await asks(PAYMENTS, { kind: 'stranger', groups: [PERSON], roles: [`user:${PERSON}`, GROUP] }), 403)
    assert.equal(await asks(ORDERS, { kind: 'stranger', user: TOOL.clientId, scp: 'user_impersonation' }), 403)
  })
})

describe('App Service Authentication', () => {
  const principal = (claims: readonly { typ: string; val: string }[], type = 'aad'): string =>
    Buffer.from(JSON.stringify({ auth_typ: type, claims, name_typ: 'name', role_typ: 'roles' })).toString('base64')
  const toolClaims = [
    { typ: 'aud', val: API_CLIENT_ID },
    { typ: 'azp', val: TOOL.clientId },
    { typ: 'http://schemas.microsoft.com/identity/claims/objectidentifier', val: TOOL.objectId },
    { typ: 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier', val: TOOL.objectId },
    { typ: 'http://schemas.microsoft.com/identity/claims/tenantid', val: TENANT_ID },
  ]
  const header = { 'x-ms-client-principal': principal(toolClaims) }

  it('x-ms-client-principal is ignored for every sender while the platform does not say that it is on', async () => {
    const answer = await room.reconnect({
      as: null,
      headers: { ...header, 'x-ms-client-principal-id': TOOL.objectId, 'x-ms-client-principal-idp': 'aad' },
    })
    assertRefused(answer, 401, 'AuthenticationFailed')
    assert.equal((await room.decision(answer))['reason'], 'credential_missing')
    assertRefused(await room.reconnect({ as: 'stranger', headers: header }), 403, 'AuthorizationFailed')
  })

  it('counts when the platform says WEBSITE_AUTH_ENABLED=True', async (t) => {
    const own = await startConversation(t, { env: { WEBSITE_AUTH_ENABLED: 'True' } })
    const answer = await own.reconnect({ as: null, headers: header })
    assertAccepted(answer)
    assert.deepEqual((await own.decision(answer))['caller'], { kind: 'app', id: TOOL.clientId })

    const bad: [string, string][] = [
      ['another provider', principal(toolClaims, 'facebook')],
      [
        'another tenant',
        principal(toolClaims.map((claim) => (claim.val === TENANT_ID ? { ...claim, val: OTHER_TENANT } : claim))),
      ],
      [
        'another audience',
        principal(toolClaims.map((claim) => (claim.typ === 'aud' ? { ...claim, val: 'x' } : claim))),
      ],
      ['no base64', '{"auth_typ":"aad"}'],
    ]
    for (const [what, value] of bad) {
      const refused = await own.reconnect({ as: null, headers: { 'x-ms-client-principal': value } })
      assertRefused(refused, 401, 'AuthenticationFailed')
      assert.equal((await own.decision(refused))['reason'], 'principal_header_invalid', what)
    }

    // A request that carries a bearer token is judged by the token alone.
    assertRefused(await own.reconnect({ as: { token: 'x' }, headers: header }), 401, 'AuthenticationFailed')
    assertRefused(await own.reconnect({ as: 'stranger', headers: header }), 403, 'AuthorizationFailed')
    assertAccepted(await own.reconnectFresh({ as: 'operator', headers: { 'x-ms-client-principal': 'x' } }))
  })
})
