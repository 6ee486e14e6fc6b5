import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { readAppServicePrincipal } from '../../../src/identity/app-service-principal.ts'
import { quote } from '../../../src/identity/credential-refusal.ts'
import { interpretClaims } from '../../../src/identity/entra-claims.ts'
import { toMembers } from '../../../src/identity/strict-json.ts'
import { claimsOf, createSigningKey, headerOf, issuerKey, rawToken, rs256 } from '../../support/token-mint.ts'
import { entraConfig, NOW, openRoom } from './identity-room.ts'

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ maxLength: 300 }),
  fc.base64String({ maxLength: 300 }),
)
const base64urlText = fc.string({ unit: fc.constantFrom(...'ABCabc019-_='.split('')), maxLength: 40 })

test('random headers never authenticate and never throw', async (t) => {
  const room = await openRoom(t, { appServiceAuthentication: true })
  await fc.assert(
    fc.asyncProperty(
      fc.option(anyText, { nil: undefined }),
      fc.option(anyText, { nil: undefined }),
      async (authorization, clientPrincipal) => {
        assert.equal((await room.authenticate({ authorization, clientPrincipal })).ok, false)
      },
    ),
  )
})

test('random tokens in the shape of a JWS never authenticate and never throw', async (t) => {
  const room = await openRoom(t)
  const encodedJson = fc.json({ maxDepth: 3 }).map((json) => Buffer.from(json).toString('base64url'))
  const part = fc.oneof(base64urlText, encodedJson, fc.constantFrom(...room.aToken().split('.')))
  await fc.assert(
    fc.asyncProperty(part, part, base64urlText, async (header, payload, signature) => {
      assert.equal((await room.authenticateToken(`${header}.${payload}.${signature}`)).ok, false)
    }),
  )
})

test('a valid token with any one character changed never authenticates', async (t) => {
  const room = await openRoom(t)
  const token = room.aToken()
  await fc.assert(
    fc.asyncProperty(
      fc.nat(token.length - 1),
      fc.string({ unit: 'binary', minLength: 0, maxLength: 2 }),
      async (index, put) => {
        const changed = token.slice(0, index) + put + token.slice(index + 1)
        fc.pre(changed !== token)
        assert.equal((await room.authenticateToken(changed)).ok, false)
      },
    ),
  )
})

test("a stranger's signature over any header and claims never authenticates and never throws", async (t) => {
  const room = await openRoom(t)
  const stranger = createSigningKey(issuerKey().keyId)
  await fc.assert(
    fc.asyncProperty(fc.object({ maxDepth: 1 }), fc.object({ maxDepth: 2 }), async (header, claims) => {
      const token = rawToken({
        header: { ...header, ...headerOf() },
        payload: { ...claimsOf(), ...claims },
        sign: rs256(stranger),
      })
      assert.equal((await room.authenticateToken(token)).ok, false)
    }),
    { numRuns: 50 },
  )
})

test('claims of any shape are read without throwing, and the caller that they make has one principal of its own kind', () => {
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom(...Object.values(claimsOf({ nowEpochSeconds: NOW }))),
  )
  const checked = ['iss', 'tid', 'aud', 'exp', 'nbf', 'iat', 'scp', 'oid', 'sub', 'azp', 'appid', 'idtyp']
  const names = fc.constantFrom(...checked, 'roles', 'groups', 'name', '__proto__')
  fc.assert(
    fc.property(
      fc.dictionary(names, value, { maxKeys: 4 }),
      fc.constantFrom('tool-v2' as const, 'person-v1' as const),
      (change, kind) => {
        const claims = toMembers({ ...claimsOf({ kind, nowEpochSeconds: NOW }), ...change })
        assert.ok(claims)
        const result = interpretClaims(claims, entraConfig(), NOW * 1000)
        if (!result.ok) return
        const { caller, expiresAtEpochMs } = result.value
        assert.ok(expiresAtEpochMs > NOW * 1000)
        assert.equal(caller.kind, claims.has('scp') ? 'user' : 'app')
        assert.deepEqual(
          caller.principals.filter((principal) => /^(?:app|user):/.test(principal)),
          [`${caller.kind}:${caller.id}`],
        )
      },
    ),
    { numRuns: 2_000 },
  )
})

test('principal headers of any shape are read without throwing, and never let in without our tenant', () => {
  const typ = fc.oneof(fc.constantFrom('oid', 'azp', 'roles', 'sub', 'aud'), fc.string())
  const claim = fc.record({ typ, val: fc.oneof(fc.uuid(), fc.jsonValue({ maxDepth: 1 })) })
  fc.assert(
    fc.property(
      fc.record({ auth_typ: fc.constantFrom('aad', 'x'), claims: fc.oneof(fc.array(claim), fc.jsonValue()) }),
      (principal) => {
        assert.equal(
          readAppServicePrincipal(Buffer.from(JSON.stringify(principal)).toString('base64'), entraConfig()).ok,
          false,
        )
      },
    ),
  )
})

test('quoted text is short printable ASCII on one line', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 500 }), (text) =>
      assert.match(quote(text), /^"[ !#-~]{0,480}"…?$/),
    ),
  )
})
