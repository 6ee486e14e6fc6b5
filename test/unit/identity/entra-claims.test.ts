import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { interpretClaims } from '../../../src/identity/entra-claims.ts'
import { MAX_PRINCIPALS_PER_CLAIM } from '../../../src/identity/principals.ts'
import { toMembers } from '../../../src/identity/strict-json.ts'
import {
  API_ID,
  claimsOf,
  GROUP_ID,
  PERSON_OBJECT_ID,
  TOOL_CLIENT_ID,
  TOOL_OBJECT_ID,
  type TokenChange,
} from '../../support/token-mint.ts'
import { assertAccepted, assertRefused, entraConfig, NOW } from './identity-room.ts'

function interpret(change: TokenChange) {
  const claims = toMembers(JSON.parse(JSON.stringify(claimsOf({ nowEpochSeconds: NOW, ...change }))))
  assert.ok(claims)
  const result = interpretClaims(claims, entraConfig(), NOW * 1000)
  return result.ok ? ({ ok: true, value: result.value.caller } as const) : result
}

describe('an application', () => {
  for (const kind of ['tool-v2', 'tool-v1'] as const) {
    test(`is its client id, its roles and its groups (${kind})`, () => {
      assert.deepEqual(
        assertAccepted(
          interpret({ kind, claims: { groups: [GROUP_ID.toUpperCase()], app_displayname: 'Sample tool' } }),
        ),
        {
          kind: 'app',
          id: TOOL_CLIENT_ID,
          name: 'Sample tool',
          principals: [`app:${TOOL_CLIENT_ID}`, 'role:Reconnect.Tool', `group:${GROUP_ID}`],
        },
      )
    })
  }

  test('is not what oid or sub says', () => {
    const caller = assertAccepted(interpret({}))
    assert.ok(!caller.principals.some((principal) => principal.includes(TOOL_OBJECT_ID)))
  })

  test('may leave out sub and oid, and may have different ones when idtyp says app', () => {
    assertAccepted(interpret({ claims: { sub: undefined, oid: undefined } }))
    assertAccepted(interpret({ claims: { idtyp: 'app', sub: 'another' } }))
  })

  test('needs a client id that is a GUID, in azp or appid', () => {
    for (const azp of [undefined, '', 'my-tool', 7, [TOOL_CLIENT_ID]])
      assertRefused(interpret({ claims: { azp } }), 'token_claims', /azp/)
    assertRefused(interpret({ claims: { appid: API_ID } }), 'token_claims', /differ/)
  })

  test("is not a person's ID token: idtyp that is not app, or sub that is not oid, without scp", () => {
    assertRefused(interpret({ claims: { idtyp: 'user' } }), 'token_claims', /idtyp/)
    assertRefused(interpret({ claims: { idtyp: null } }), 'token_claims', /idtyp/)
    assertRefused(interpret({ kind: 'person-v2', claims: { scp: undefined } }), 'token_claims', /sub/)
    assertRefused(interpret({ kind: 'person-v1', claims: { scp: undefined } }), 'token_claims', /sub/)
  })
})

describe('a person', () => {
  for (const kind of ['person-v2', 'person-v1'] as const) {
    test(`is an object id, roles and groups, and never the application in use (${kind})`, () => {
      assert.deepEqual(
        assertAccepted(interpret({ kind, claims: { roles: ['Reconnect.Operator'], groups: [GROUP_ID] } })),
        {
          kind: 'user',
          id: PERSON_OBJECT_ID,
          name: 'Sample Operator',
          principals: [`user:${PERSON_OBJECT_ID}`, 'role:Reconnect.Operator', `group:${GROUP_ID}`],
        },
      )
    })
  }

  test('stays a person when idtyp and sub look like an application', () => {
    const caller = assertAccepted(interpret({ kind: 'person-v2', claims: { idtyp: 'app', sub: PERSON_OBJECT_ID } }))
    assert.equal(caller.kind, 'user')
  })

  test('needs one of the scopes, exactly, in a text', () => {
    for (const scp of ['Reconnect.Invoke', 'openid user_impersonation'])
      assertAccepted(interpret({ kind: 'person-v2', claims: { scp } }))
    const texts = [
      '',
      ' ',
      'openid',
      'reconnect.invoke',
      'Reconnect.InvokeAll',
      'Reconnect.Invoke,openid',
      'x\tReconnect.Invoke',
    ]
    for (const scp of [...texts, null, [], ['Reconnect.Invoke'], 7, true])
      assertRefused(interpret({ kind: 'person-v2', claims: { scp } }), 'token_scope')
  })

  test('needs an object id that is a GUID', () => {
    for (const oid of [undefined, '', 'operator@contoso.example', 7]) {
      assertRefused(interpret({ kind: 'person-v2', claims: { oid } }), 'token_claims', /oid/)
    }
  })

  test('is called by name, else by user name, bounded, for the record only', () => {
    const called = (claims: Record<string, unknown>) => assertAccepted(interpret({ kind: 'person-v2', claims })).name
    assert.equal(
      called({ name: undefined, preferred_username: 'operator@contoso.example' }),
      'operator@contoso.example',
    )
    assert.equal(called({ name: '', upn: 'operator' }), 'operator')
    assert.equal(called({ name: 7 }), undefined)
    assert.equal(called({ name: 'n'.repeat(500) })?.length, 128)
    const same = (name: string) => assertAccepted(interpret({ kind: 'person-v2', claims: { name } })).principals
    assert.deepEqual(same('Alice'), same('role:Reconnect.Operator'))
  })
})

describe('roles and groups', () => {
  const principals = (claims: Record<string, unknown>) => assertAccepted(interpret({ claims })).principals.slice(1)

  test('count as lists of strings only', () => {
    for (const roles of [
      'Reconnect.Operator',
      { 0: 'Reconnect.Operator' },
      ['Reconnect.Operator', 7],
      [['Reconnect.Operator']],
      null,
    ]) {
      assert.deepEqual(principals({ roles }), [])
    }
    for (const groups of [GROUP_ID, [GROUP_ID, null], { src1: GROUP_ID }])
      assert.deepEqual(principals({ roles: [], groups }), [])
  })

  test('that name no principal are left out, the others stay', () => {
    const roles = ['', 'with space', 'Rôle', 'x'.repeat(121), 'Reader']
    assert.deepEqual(principals({ roles, groups: ['Operators', GROUP_ID] }), ['role:Reader', `group:${GROUP_ID}`])
  })

  test('cannot become principals of another kind', () => {
    const named = principals({ roles: [`app:${API_ID}`, 'user:x', `:${API_ID}`], groups: [`app:${API_ID}`] })
    assert.equal(named.length, 3)
    for (const principal of named) assert.match(principal, /^role:/)
  })

  test('are looked at up to a limit, and once each', () => {
    const many = Array.from({ length: MAX_PRINCIPALS_PER_CLAIM + 10 }, (_, index) => `Role.${index}`)
    assert.equal(principals({ roles: many }).length, MAX_PRINCIPALS_PER_CLAIM)
    assert.deepEqual(principals({ roles: ['Reader', 'Reader'] }), ['role:Reader'])
  })

  test('beyond what a token holds are not fetched: overage leaves a person without groups', () => {
    const overage = {
      _claim_names: { groups: 'src1' },
      _claim_sources: { src1: { endpoint: 'https://graph.example/' } },
    }
    assert.deepEqual(principals({ roles: [], ...overage }), [])
  })
})
