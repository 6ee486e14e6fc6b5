import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MAX_PRINCIPAL_HEADER_BYTES, readAppServicePrincipal } from '../../../src/identity/app-service-principal.ts'
import {
  API_ID,
  GROUP_ID,
  OTHER_TENANT_ID,
  PERSON_OBJECT_ID,
  TENANT_ID,
  TOOL_CLIENT_ID,
  TOOL_OBJECT_ID,
} from '../../support/token-mint.ts'
import { assertAccepted, assertRefused, entraConfig, openRoom } from './identity-room.ts'

const OBJECT_ID = 'http://schemas.microsoft.com/identity/claims/objectidentifier'
const TENANT = 'http://schemas.microsoft.com/identity/claims/tenantid'
const SCOPE = 'http://schemas.microsoft.com/identity/claims/scope'
const SUBJECT = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier'
const ROLE = 'http://schemas.microsoft.com/ws/2008/06/identity/claims/role'

type Claim = readonly [typ: string, val: unknown]

const SESSION: readonly Claim[] = [
  ['aud', API_ID],
  ['name', 'Sample Operator'],
  [OBJECT_ID, PERSON_OBJECT_ID],
  [TENANT, TENANT_ID],
  [SUBJECT, 'HKZpfaHyWadeOouYlitjrI'],
]
const TOOL: readonly Claim[] = [
  ['aud', API_ID],
  ['azp', TOOL_CLIENT_ID],
  [OBJECT_ID, TOOL_OBJECT_ID],
  ['roles', 'Reconnect.Tool'],
  [SUBJECT, TOOL_OBJECT_ID],
  [TENANT, TENANT_ID],
]

function header(claims: readonly Claim[], others: Record<string, unknown> = {}): string {
  const principal = {
    auth_typ: 'aad',
    claims: claims.map(([typ, val]) => ({ typ, val })),
    name_typ: 'name',
    role_typ: ROLE,
    ...others,
  }
  return Buffer.from(JSON.stringify(principal)).toString('base64')
}

const read = (claims: readonly Claim[], others?: Record<string, unknown>) =>
  readAppServicePrincipal(header(claims, others), entraConfig())
const without = (claims: readonly Claim[], typ: string) => claims.filter(([type]) => type !== typ)

describe('who is let in', () => {
  test('a person with a browser session, by object id, roles and groups', () => {
    assert.deepEqual(
      assertAccepted(read([...SESSION, [ROLE, 'Reconnect.Operator'], ['roles', 'Reader'], ['groups', GROUP_ID]])),
      {
        kind: 'user',
        id: PERSON_OBJECT_ID,
        name: 'Sample Operator',
        principals: [`user:${PERSON_OBJECT_ID}`, 'role:Reader', 'role:Reconnect.Operator', `group:${GROUP_ID}`],
      },
    )
  })

  test('a person whose token has a scope, by either name of the claim', () => {
    for (const typ of ['scp', SCOPE]) {
      const caller = assertAccepted(read([...SESSION, [typ, 'openid Reconnect.Invoke'], ['azp', TOOL_CLIENT_ID]]))
      assert.deepEqual(caller.principals, [`user:${PERSON_OBJECT_ID}`])
      assertRefused(read([...SESSION, [typ, 'openid']]), 'principal_header_invalid', /scp/)
      assertRefused(read([...TOOL, [typ, '']]), 'principal_header_invalid', /scp/)
    }
  })

  test('an application, by client id of a v1 or a v2 token', () => {
    assert.deepEqual(assertAccepted(read(TOOL)), {
      kind: 'app',
      id: TOOL_CLIENT_ID,
      principals: [`app:${TOOL_CLIENT_ID}`, 'role:Reconnect.Tool'],
    })
    assert.equal(
      assertAccepted(read([...without(TOOL, 'azp'), ['appid', TOOL_CLIENT_ID.toUpperCase()]])).id,
      TOOL_CLIENT_ID,
    )
  })

  test('a person and never an application: no client id, another idtyp, or a subject that is not the object id', () => {
    const persons: readonly (readonly Claim[])[] = [
      without(TOOL, 'azp'),
      [...TOOL, ['idtyp', 'user']],
      [...without(TOOL, SUBJECT), [SUBJECT, 'another']],
      [...without(TOOL, SUBJECT), ['sub', 'another']],
    ]
    for (const claims of persons) assert.equal(assertAccepted(read(claims)).kind, 'user')
  })
})

describe('what is refused', () => {
  const refusals: readonly [name: string, claims: readonly Claim[], detail: RegExp][] = [
    ['no tenant', without(SESSION, TENANT), /tenant/],
    ['another tenant', [...without(SESSION, TENANT), [TENANT, OTHER_TENANT_ID]], /tenant/],
    ['two tenants', [...SESSION, ['tid', OTHER_TENANT_ID]], /tenant/],
    ['no audience', without(SESSION, 'aud'), /aud/],
    ['another audience', [...without(SESSION, 'aud'), ['aud', TOOL_CLIENT_ID]], /aud/],
    ['two audiences', [...SESSION, ['aud', TOOL_CLIENT_ID]], /aud/],
    ['no object id', without(SESSION, OBJECT_ID), /object id/],
    ['an object id that is no GUID', [...without(SESSION, OBJECT_ID), ['oid', 'operator']], /object id/],
    ['two object ids', [...SESSION, ['oid', TOOL_OBJECT_ID]], /object id/],
    ['two client ids', [...TOOL, ['appid', API_ID]], /azp/],
    ['a client id that is no GUID', [...without(TOOL, 'azp'), ['azp', 'my-tool']], /azp/],
    ['a claim that is no text', [...SESSION, ['x', 7]], /claims/],
  ]
  for (const [name, claims, detail] of refusals) {
    test(name, () => void assertRefused(read(claims), 'principal_header_invalid', detail))
  }

  test('a sign-in with anything but Entra', () => {
    for (const provider of ['google', 'AAD', '', undefined, ['aad']]) {
      assertRefused(read(SESSION, { auth_typ: provider }), 'principal_header_invalid', /auth_typ/)
    }
  })

  test('claims in any other shape', () => {
    for (const claims of [undefined, null, {}, 'x', [null], [[]], ['x'], [{ typ: 'tid' }], [{ typ: 7, val: 'x' }]]) {
      assertRefused(read(SESSION, { claims }), 'principal_header_invalid', /claims/)
    }
  })

  test('what is not strict base64 of a JSON object', () => {
    const good = header([...SESSION, ['x', '?>?>']])
    assertAccepted(readAppServicePrincipal(good, entraConfig()))
    const otherAlphabet = good.replaceAll('/', '_').replaceAll('+', '-')
    assert.notEqual(otherAlphabet, good)
    const spelled = [
      '',
      'x',
      '{}',
      `${good}=`,
      ` ${good}`,
      `${good.slice(0, 8)}\n${good.slice(8)}`,
      otherAlphabet,
      `${good}, ${good}`,
    ]
    for (const text of ['[]', 'null', '"x"', '{', '\ufeff{}']) spelled.push(Buffer.from(text).toString('base64'))
    for (const text of spelled) {
      assertRefused(readAppServicePrincipal(text, entraConfig()), 'principal_header_invalid', /base64/)
    }
  })

  test('what is too large', () => {
    const room = MAX_PRINCIPAL_HEADER_BYTES
    assertRefused(read([...SESSION, ['x', 'x'.repeat(room)]]), 'principal_header_invalid', /large/)
    assertAccepted(read([...SESSION, ['x', 'x'.repeat(room / 2)]]))
  })
})

describe('x-ms-client-principal at the door', () => {
  test('is ignored unless the platform says that it wrote it', async (t) => {
    const room = await openRoom(t)
    assertRefused(await room.authenticate({ clientPrincipal: header(TOOL) }), 'credential_missing')
  })

  test('counts when the platform says so', async (t) => {
    const room = await openRoom(t, { appServiceAuthentication: true })
    assertAccepted(await room.authenticate({ clientPrincipal: header(TOOL) }))
    assertRefused(await room.authenticate({ clientPrincipal: '' }), 'principal_header_invalid')
    assertRefused(await room.authenticate({}), 'credential_missing')
    assert.equal(room.issuer.metadataRequests, 0)
  })

  test('never stands in for a bad Authorization header, and never adds to a good one', async (t) => {
    const room = await openRoom(t, { appServiceAuthentication: true })
    const clientPrincipal = header([...TOOL, ['roles', 'Reconnect.Operator']])
    for (const authorization of ['', 'Bearer x', 'Basic eDp5', `Bearer ${room.aToken({ claims: { exp: 1 } })}`]) {
      assert.equal((await room.authenticate({ authorization, clientPrincipal })).ok, false)
    }
    const caller = assertAccepted(
      await room.authenticate({ authorization: `Bearer ${room.aToken({ kind: 'person-v2' })}`, clientPrincipal }),
    )
    assert.deepEqual(caller.principals, [`user:${PERSON_OBJECT_ID}`])
  })

  test('does not prove a request that another site started', async (t) => {
    const room = await openRoom(t, { appServiceAuthentication: true })
    const clientPrincipal = header(SESSION)
    // Apps of strangers are one site under `<region>-01.azurewebsites.net` where a browser's Public Suffix List is older than those zones.
    for (const fetchSite of ['cross-site', 'same-site', 'Cross-Site', 'cross-site, same-origin', '', 'x'])
      assertRefused(await room.authenticate({ clientPrincipal, fetchSite }), 'principal_cross_site')
    for (const fetchSite of [undefined, 'same-origin', 'none'])
      assertAccepted(await room.authenticate({ clientPrincipal, fetchSite }))
  })

  test('a bearer token proves a request of any site: a browser does not add it by itself', async (t) => {
    const room = await openRoom(t, { appServiceAuthentication: true })
    const authorization = `Bearer ${room.aToken()}`
    assertAccepted(await room.authenticate({ authorization, fetchSite: 'cross-site' }))
  })
})
