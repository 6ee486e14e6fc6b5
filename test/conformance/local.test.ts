/** Contract, section 10: what runs around the app on one machine. `npm start` itself is tested in test/sandbox/start.test.ts and test/readme.test.ts. */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { decodeJwt } from 'jose'
import { API_CLIENT_ID, MANAGED_IDENTITY } from '../../sandbox/azure/directory.ts'
import { APP_ROOT, PROJECT_ROOT } from '../../sandbox/create-sandbox.ts'
import { call } from '../sandbox/raw-http.ts'
import { assertAccepted, startConversation } from './conversation.ts'

const room = await startConversation({ after })
const { info, azure } = room.sandbox
const caFile = await readFile(info.armCa, 'utf8')

describe('the addresses and credentials of a running sandbox', () => {
  it('proxy and proxyTls are the same function app, and proxyTls and arm have certificates of the same CA, armCa', async () => {
    assert.equal((await call(info.proxy, '/health/live')).status, 200)
    assert.equal((await call(info.proxyTls, '/health/live', { ca: caFile })).status, 200)
    assert.equal((await call(info.arm, '/', { ca: caFile })).status, 401)
    for (const origin of [info.proxyTls, info.arm])
      await assert.rejects(call(origin, '/'), ({ code }: NodeJS.ErrnoException) =>
        /^(?:UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN)$/.test(code ?? ''),
      )
  })

  it('issuer and tenantId lead to OpenID metadata, and from there to keys', async () => {
    const metadata = (await call(info.issuer, `/${info.tenantId}/v2.0/.well-known/openid-configuration`)).json() as {
      issuer: string
      jwks_uri: string
    }
    assert.equal(metadata.issuer, `${info.issuer}/${info.tenantId}/v2.0`)
    const keys = (await call(info.issuer, new URL(metadata.jwks_uri).pathname)).json().keys as {
      kty: string
      use: string
    }[]
    assert.deepEqual(
      keys.map(({ kty, use }) => [kty, use]),
      [['RSA', 'sig']],
    )
  })

  it('identityEndpoint and identityHeader speak the App Service protocol 2019-08-01', async () => {
    const { origin, pathname } = new URL(info.identityEndpoint)
    const ask = (header: string) =>
      call(origin, `${pathname}?resource=${encodeURIComponent(info.arm)}&api-version=2019-08-01`, {
        headers: { 'x-identity-header': header },
      })
    assert.equal((await ask('wrong')).status, 401)
    const token = (await ask(info.identityHeader)).json() as {
      access_token: string
      expires_on: string
      resource: string
      token_type: string
    }
    assert.deepEqual(
      [typeof token.expires_on, token.resource, token.token_type, decodeJwt(token.access_token)['oid']],
      ['string', info.arm, 'Bearer', MANAGED_IDENTITY.objectId],
    )
  })

  it('tokens are of an operator, who may everything here, of a tool, which may one thing, and of a stranger, who may nothing; audience is what they are for', async () => {
    const statuses = await Promise.all(
      (['operator', 'tool', 'stranger'] as const).map((as) =>
        Promise.all(
          info.backends.map(
            async (backend) =>
              (
                await room.reconnect({
                  as,
                  backend: encodeURI(backend).replaceAll('%25', '%'),
                  headers: { 'x-reconnect-dry-run': 'true' },
                })
              ).status,
          ),
        ),
      ),
    )
    const others = info.backends.slice(1)
    assert.deepEqual(statuses, [
      info.backends.map(() => 202),
      [202, ...others.map(() => 403)],
      info.backends.map(() => 403),
    ])
    for (const token of Object.values(info.tokens))
      assert.ok([info.audience, API_CLIENT_ID].includes(String(decodeJwt(token).aud)))
    assert.equal(info.audience, `api://${API_CLIENT_ID}`)
  })

  it('all addresses of the sandbox are on the loopback address, where no other machine can connect', async () => {
    const origins = [info.proxy, info.proxyTls, info.arm, info.issuer, info.identityEndpoint, info.control]
    for (const origin of origins) assert.equal(new URL(origin).hostname, '127.0.0.1')
    const addresses = Object.values(networkInterfaces())
      .flat()
      .filter((address) => address !== undefined && !address.internal && address.family === 'IPv4')
    for (const address of addresses)
      for (const origin of origins)
        assert.equal(await answers(address?.address as string, Number(new URL(origin).port)), false)
  })
})

describe('what runs is what is deployed', () => {
  it('the app is the bundle of the folder that is deployed, in a process of its own', async () => {
    const { main } = JSON.parse(await readFile(join(APP_ROOT, 'package.json'), 'utf8')) as { main: string }
    assert.match(main, /^[^/]*\.cjs$/)
    assert.notEqual(room.sandbox.app.pid, process.pid)
    assertAccepted(await room.reconnect())
    assert.equal(azure.journal.counts().tookEffect, 1)
  })

  it('no production code knows that the simulation exists', async () => {
    for (const folder of ['src', 'deploy']) {
      const files = (await readdir(join(PROJECT_ROOT, folder), { recursive: true })).filter((name) =>
        /\.(?:ts|cjs)$/.test(name),
      )
      assert.ok(files.length > 0)
      for (const name of files)
        assert.doesNotMatch(
          await readFile(join(PROJECT_ROOT, folder, name), 'utf8'),
          /sandbox\/|simulat(?:ed|ion) Azure|NODE_TLS_REJECT_UNAUTHORIZED|rejectUnauthorized:\s*(?:false|!1)/i,
          `${folder}/${name}`,
        )
    }
  })
})

function answers(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, address, () => socket.destroy(new Error('connected')))
    socket.setTimeout(1_000, () => socket.destroy(new Error('no answer')))
    socket.on('error', (error) => resolve(error.message === 'connected'))
  })
}
