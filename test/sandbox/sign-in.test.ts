import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { decodeJwt } from 'jose'
import { API_CLIENT_ID, PEOPLE, TENANT_ID } from '../../sandbox/azure/directory.ts'
import { azureRoom } from './azure-room.ts'
import { call, type Answer } from './raw-http.ts'

const room = azureRoom()
const REDIRECT = 'http://127.0.0.1:7071/console'
const ORIGIN = 'http://127.0.0.1:7071'
const VERIFIER = randomBytes(32).toString('base64url')
const [OLIVIA, , GUS] = PEOPLE.map(({ objectId }) => objectId)

const REQUEST = {
  client_id: API_CLIENT_ID,
  response_type: 'code',
  redirect_uri: REDIRECT,
  scope: `${API_CLIENT_ID}/Reconnect.Invoke`,
  state: 'a state',
  code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'),
  code_challenge_method: 'S256',
}

function authorize(change: Readonly<Record<string, string>>): Promise<Answer> {
  const query = new URLSearchParams({ ...REQUEST, ...change })
  return call(room.azure.issuer, `/${TENANT_ID}/oauth2/v2.0/authorize?${query.toString()}`)
}

async function codeFor(change: Readonly<Record<string, string>>): Promise<string> {
  const { status, headers } = await authorize(change)
  assert.equal(status, 302)
  const back = new URL(headers['location'] as string)
  assert.deepEqual([`${back.origin}${back.pathname}`, back.searchParams.get('state')], [REDIRECT, 'a state'])
  return back.searchParams.get('code') as string
}

function redeem(code: string, change: Readonly<Record<string, string>> = {}, headers = { origin: ORIGIN }) {
  const form = { grant_type: 'authorization_code', client_id: API_CLIENT_ID, redirect_uri: REDIRECT, code }
  return call(room.azure.issuer, `/${TENANT_ID}/oauth2/v2.0/token`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ ...form, code_verifier: VERIFIER, ...change }).toString(),
  })
}

describe('sign-in at the simulated tenant', () => {
  it('offers its people, and gives the chosen one a token of their own', async () => {
    const page = (await authorize({})).text
    for (const { name } of PEOPLE) assert.ok(page.includes(name), name)
    for (const { objectId, name, roles } of PEOPLE) {
      const answer = await redeem(await codeFor({ person: objectId }))
      assert.equal(answer.headers['access-control-allow-origin'], ORIGIN)
      const { token_type, access_token, refresh_token } = answer.json()
      assert.deepEqual([token_type, refresh_token], ['Bearer', undefined])
      const claims = decodeJwt(access_token as string)
      assert.deepEqual(
        [claims['oid'], claims['name'], claims['roles'] ?? [], claims['scp'], claims.aud, claims['tid']],
        [objectId, name, roles, 'Reconnect.Invoke', API_CLIENT_ID, TENANT_ID],
      )
    }
  })

  it('lets a page of any origin read metadata and keys, as Entra does', async () => {
    for (const path of ['/v2.0/.well-known/openid-configuration', '/discovery/v2.0/keys'])
      assert.equal((await call(room.azure.issuer, `/${TENANT_ID}${path}`)).headers['access-control-allow-origin'], '*')
  })

  it('sends nothing to an unknown client or address', async () => {
    for (const change of [
      { client_id: TENANT_ID },
      { redirect_uri: 'https://example.org/console' },
      { redirect_uri: 'http://127.0.0.1:7071/console/x' },
    ]) {
      const { status, headers } = await authorize({ ...change, person: OLIVIA as string })
      assert.deepEqual([status, headers['location']], [400, undefined])
    }
  })

  for (const [what, change, error] of [
    ['no PKCE', { code_challenge: '' }, 'invalid_request'],
    ['plain PKCE', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['another response type', { response_type: 'token' }, 'invalid_request'],
    ['the scope of another resource', { scope: 'https://graph.microsoft.com/.default' }, 'invalid_scope'],
    ['a user who declines', { person: 'none' }, 'access_denied'],
  ] as const)
    it(`answers ${what} with an error at the redirect address`, async () => {
      const { status, headers } = await authorize({ person: GUS as string, ...change })
      const back = new URL(headers['location'] as string)
      assert.deepEqual([status, back.searchParams.get('error'), back.searchParams.get('code')], [302, error, null])
    })

  it('redeems a code once, within ten minutes, with its verifier and address, and for pages only', async () => {
    const used = await codeFor({ person: OLIVIA as string })
    assert.equal((await redeem(used)).status, 200)
    const late = await codeFor({ person: OLIVIA as string })
    const bad: [Promise<Answer>, string][] = [
      [redeem(used), 'invalid_grant'],
      [redeem('x'), 'invalid_grant'],
      [redeem(await codeFor({ person: OLIVIA as string }), { code_verifier: 'x'.repeat(43) }), 'invalid_grant'],
      [redeem(await codeFor({ person: OLIVIA as string }), { code_verifier: '' }), 'invalid_grant'],
      [redeem(await codeFor({ person: OLIVIA as string }), { redirect_uri: `${ORIGIN}/other` }), 'invalid_grant'],
      [redeem(await codeFor({ person: OLIVIA as string }), { grant_type: 'password' }), 'unsupported_grant_type'],
      [redeem(await codeFor({ person: OLIVIA as string }), {}, {} as { origin: string }), 'invalid_request'],
    ]
    for (const [answer, error] of bad) {
      const { status, ...rest } = await answer
      assert.deepEqual([status, rest.json().error], [400, error])
    }
    room.nowEpochMs += 600_001
    assert.equal((await redeem(late)).json().error, 'invalid_grant')
  })
})
