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
  const cases: { what: string; request: TokenRequest; kind: string }[] = [
    { what: 'an application’s, v2, aud the bare client id, azp', request: { kind: 'tool', version: 2 }, kind: 'app' },
    {
      what: 'an application’s, v1, aud the application id URI, appid',
      request: { kind: 'tool', version: 1 },
      kind: 'app',
    },
    {
      what: 'an application’s, v1, aud the bare client id',
      request: { kind: 'tool', version: 1, audience: API_CLIENT_ID },
      kind: 'app',
    },
    { what: 'a person’s, v2', request: { kind: 'operator', version: 2 }, kind: 'user' },
    { what: 'a person’s, v1', request: { kind: 'operator', version: 1 }, kind: 'user' },
    {
      what: 'a person’s with scope Reconnect.Invoke among others',
      request: { kind: 'operator', scp: 'openid Reconnect.Invoke' },
      kind: 'user',
    },
    { what: 'one that expired 50 seconds ago', request: { kind: 'operator', expiresInSeconds: -50 }, kind: 'user' },
    { what: 'one that begins in 50 seconds', request: { kind: 'operator', notBeforeInSeconds: 50 }, kind: 'user' },
  ]
  for (const [index, { what, request, kind }] of cases.entries()) {
    it(what, async () => {
      const backend = kind === 'app' ? (TOOLS_BACKENDS[index] as string) : room.freshBackend()
      azure.addBackend(backend)
      const answer = await room.reconnect({ backend, as: { token: await azure.mint(request) } })
      assertAccepted(answer)
      const caller = (await room.decision(answer))['caller'] as { kind: string; id: string }
      assert.deepEqual([caller.kind, caller.id], [kind, kind === 'app' ? TOOL.clientId : OPERATOR.objectId])
    })
  }

  it('the scheme Bearer is accepted in any letter case', async () =>
    assertAccepted(await room.reconnectFresh({ as: null, headers: { authorization: `bEARER ${base}` } })))
})

describe('tokens that are refused: one answer for every cause, the exact cause in the record', () => {
  const claims = decodeJwt(base)
  const without = (name: string): object =>
    Object.fromEntries(Object.entries(claims).filter(([member]) => member !== name))
  const publicPem = issuerKey.publicKey.export({ type: 'spki', format: 'pem' }) as string
  const cases: { what: string; authorization: () => string | undefined | Promise<string>; reason: string }[] = [
    { what: 'none at all', authorization: () => undefined, reason: 'credential_missing' },
    { what: 'another scheme', authorization: () => 'Basic b3BlcmF0b3I6c2VjcmV0', reason: 'credential_malformed' },
    { what: 'a scheme and nothing else', authorization: () => 'Bearer', reason: 'credential_malformed' },
    { what: 'two tokens', authorization: () => `Bearer ${base} ${base}`, reason: 'credential_malformed' },
    {
      what: 'two credentials in one header',
      authorization: () => `Bearer ${base}, Bearer ${base}`,
      reason: 'credential_malformed',
    },
    { what: '17 KiB of token', authorization: () => `Bearer ${'a'.repeat(17 * 1024)}`, reason: 'token_too_large' },
    { what: 'no JWS', authorization: () => 'Bearer not-a-token', reason: 'token_malformed' },
    { what: 'a JWE', authorization: () => `Bearer ${base}.a.b`, reason: 'token_malformed' },
    { what: 'padding behind the signature', authorization: () => `Bearer ${base}=`, reason: 'token_malformed' },
    {
      what: 'alg none without signature',
      authorization: () => `Bearer ${forged({ alg: 'none' }, claims, unsigned)}`,
      reason: 'token_malformed',
    },
    {
      what: 'alg none with a signature',
      authorization: () => `Bearer ${forged({ alg: 'none' })}`,
      reason: 'token_algorithm',
    },
    {
      what: 'HS256 over the public key',
      authorization: () => `Bearer ${forged({ alg: 'HS256' }, claims, hs256(publicPem))}`,
      reason: 'token_algorithm',
    },
    {
      what: 'RS384',
      authorization: () => `Bearer ${forged({ alg: 'RS384' }, claims, rs384(issuerKey))}`,
      reason: 'token_algorithm',
    },
    {
      what: 'PS256',
      authorization: () => `Bearer ${forged({ alg: 'PS256' }, claims, ps256(issuerKey))}`,
      reason: 'token_algorithm',
    },
    {
      what: 'rs256 in lower case',
      authorization: () => `Bearer ${forged({ alg: 'rs256' })}`,
      reason: 'token_algorithm',
    },
    {
      what: 'HS256 over the public key, called RS256',
      authorization: () => `Bearer ${forged({}, claims, hs256(publicPem))}`,
      reason: 'token_signature',
    },
    {
      what: 'a critical extension',
      authorization: () => `Bearer ${forged({ crit: ['b64'], b64: false })}`,
      reason: 'token_malformed',
    },
    { what: 'no kid', authorization: () => `Bearer ${forged({ kid: undefined })}`, reason: 'token_malformed' },
    {
      what: 'a kid that is a path',
      authorization: () => `Bearer ${forged({ kid: '../../../dev/null' })}`,
      reason: 'token_key_unknown',
    },
    {
      what: 'a kid that is a member of every object',
      authorization: () => `Bearer ${forged({ kid: '__proto__' })}`,
      reason: 'token_key_unknown',
    },
    {
      what: 'a key that the issuer does not publish',
      authorization: async () => `Bearer ${await mint({ key: 'unpublished' })}`,
      reason: 'token_key_unknown',
    },
    {
      what: 'a forger’s signature under the issuer’s kid',
      authorization: () => `Bearer ${forged({}, claims, rs256(forger))}`,
      reason: 'token_signature',
    },
    {
      what: 'a forger’s key in jwk',
      authorization: () => `Bearer ${forged({ jwk: forger.jwk }, claims, rs256(forger))}`,
      reason: 'token_signature',
    },
    {
      what: 'a forger’s keys at jku and x5u',
      authorization: () =>
        `Bearer ${forged({ kid: 'forger', jku: `${trap.origin}/keys`, x5u: `${trap.origin}/cert` }, claims, rs256(forger))}`,
      reason: 'token_key_unknown',
    },
    {
      what: 'claims changed after signing',
      authorization: () =>
        `Bearer ${forged({}, claims, () => Buffer.from(base.split('.')[2] as string, 'base64url'))}`.replace(
          /\.[^.]+\./,
          `.${Buffer.from(JSON.stringify({ ...claims, roles: ['Everything'] })).toString('base64url')}.`,
        ),
      reason: 'token_signature',
    },
    {
      what: 'a payload that is no object',
      authorization: () => `Bearer ${forged({}, '[]')}`,
      reason: 'token_malformed',
    },
    {
      what: 'expired 70 seconds ago',
      authorization: async () => `Bearer ${await mint({ expiresInSeconds: -70 })}`,
      reason: 'token_expired',
    },
    { what: 'no exp', authorization: () => `Bearer ${forged({}, without('exp'))}`, reason: 'token_claims' },
    {
      what: 'an exp for ever',
      authorization: () => `Bearer ${forged({}, JSON.stringify(claims).replace(/"exp":[0-9]+/, '"exp":1e400'))}`,
      reason: 'token_claims',
    },
    {
      what: 'an exp in words',
      authorization: () => `Bearer ${forged({}, { ...claims, exp: '9999999999' })}`,
      reason: 'token_claims',
    },
    {
      what: 'nbf in 70 seconds',
      authorization: () => `Bearer ${forged({}, { ...claims, nbf: Math.floor(Date.now() / 1_000) + 70 })}`,
      reason: 'token_not_yet_valid',
    },
    {
      what: 'iat in 70 seconds',
      authorization: () => `Bearer ${forged({}, { ...claims, iat: Math.floor(Date.now() / 1_000) + 70 })}`,
      reason: 'token_not_yet_valid',
    },
    {
      what: 'another audience',
      authorization: async () => `Bearer ${await mint({ audience: 'https://management.azure.com' })}`,
      reason: 'token_audience',
    },
    {
      what: 'an audience that only begins like ours',
      authorization: async () => `Bearer ${await mint({ audience: `${API_AUDIENCE}/x` })}`,
      reason: 'token_audience',
    },
    {
      what: 'a list of audiences',
      authorization: () => `Bearer ${forged({}, { ...claims, aud: [API_CLIENT_ID] })}`,
      reason: 'token_audience',
    },
    { what: 'no audience', authorization: () => `Bearer ${forged({}, without('aud'))}`, reason: 'token_audience' },
    {
      what: 'another tenant, consistently',
      authorization: async () => `Bearer ${await mint({ tenantId: OTHER_TENANT })}`,
      reason: 'token_tenant',
    },
    {
      what: 'our tid, another tenant’s issuer',
      authorization: () => `Bearer ${forged({}, { ...claims, iss: `${info.issuer}/${OTHER_TENANT}/v2.0` })}`,
      reason: 'token_issuer',
    },
    {
      what: 'our issuer, another tid',
      authorization: () => `Bearer ${forged({}, { ...claims, tid: OTHER_TENANT })}`,
      reason: 'token_issuer',
    },
    { what: 'no tid', authorization: () => `Bearer ${forged({}, without('tid'))}`, reason: 'token_tenant' },
    {
      what: 'another cloud’s issuer',
      authorization: () =>
        `Bearer ${forged({}, { ...claims, iss: `https://login.microsoftonline.us/${TENANT_ID}/v2.0` })}`,
      reason: 'token_issuer',
    },
    {
      what: 'the v1 issuer without its slash',
      authorization: () => `Bearer ${forged({}, { ...claims, iss: `https://sts.windows.net/${TENANT_ID}` })}`,
      reason: 'token_issuer',
    },
    {
      what: 'a list of issuers',
      authorization: () => `Bearer ${forged({}, { ...claims, iss: [claims.iss] })}`,
      reason: 'token_issuer',
    },
    {
      what: 'a person’s, without one of the scopes',
      authorization: async () => `Bearer ${await mint({ scp: 'openid profile Reconnect.Invoke.All' })}`,
      reason: 'token_scope',
    },
    {
      what: 'a person’s, with no scope in scp',
      authorization: async () => `Bearer ${await mint({ scp: '' })}`,
      reason: 'token_scope',
    },
    { what: 'an ID token', authorization: () => `Bearer ${forged({}, without('scp'))}`, reason: 'token_claims' },
    {
      what: 'an application’s, without client id',
      authorization: async () => `Bearer ${await mint({ kind: 'tool', claims: { azp: null } })}`,
      reason: 'token_claims',
    },
  ]
  /** Apart from `error="invalid_token"`, which RFC 6750 (section 3.1) asks for where a token was sent. */
  const answers = new Set<string>()
  for (const { what, authorization, reason } of cases) {
    it(`${what}: ${reason}`, async () => {
      const answer = await assertNotBelieved(await authorization(), reason)
      answers.add(answer.replace(String.raw`, error=\"invalid_token\"`, ''))
    })
  }

  it('the answers to all refused tokens are the same', () => assert.equal(answers.size, 1, [...answers].join('\n')))
  it('no key is fetched from an address that a token names', () => assert.deepEqual(trap.received, []))

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

  it('x-ms-client-principal counts when the platform says WEBSITE_AUTH_ENABLED=True', async (t) => {
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

    // A browser adds the session's cookie to a request of every site.
    const forged = await own.reconnect({ as: null, headers: { ...header, 'sec-fetch-site': 'cross-site' } })
    assertRefused(forged, 401, 'AuthenticationFailed')
    assert.equal((await own.decision(forged))['reason'], 'principal_cross_site')
    assert.equal(
      (await own.reconnect({ as: null, headers: { ...header, 'sec-fetch-site': 'same-origin' } })).status,
      202,
    )

    // A request that carries a bearer token is judged by the token alone.
    assertRefused(await own.reconnect({ as: { token: 'x' }, headers: header }), 401, 'AuthenticationFailed')
    assertRefused(await own.reconnect({ as: 'stranger', headers: header }), 403, 'AuthorizationFailed')
    assertAccepted(await own.reconnectFresh({ as: 'operator', headers: { 'x-ms-client-principal': 'x' } }))
  })
})
