import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, test, type TestContext } from 'node:test'
import type { AccessToken } from '@azure/identity'
import { createClientPool, type ClientPool } from '../../../src/arm/client-pool.ts'
import { TransportError } from '../../../src/transport/transport-error.ts'
import { systemClock } from '../../../src/shared/clock.ts'
import { PARTS } from '../../support/builders.ts'
import {
  hang,
  reset,
  respond,
  respondJson,
  startScriptedServer,
  type ScriptedServer,
  type Step,
} from '../../support/scripted-server.ts'
import { createTlsAuthority, trust } from '../../support/tls-authority.ts'

const authority = createTlsAuthority()
trust(authority)
const certificate = authority.issue('ARM of the tests', ['127.0.0.1'])

const TOKEN: AccessToken = { token: 'the-token', expiresOnTimestamp: systemClock.now() + 3_600_000 }

function aPool(
  endpoint = 'https://arm.example',
  currentToken: () => AccessToken | undefined = () => TOKEN,
): ClientPool {
  return createClientPool({ endpoint, tokenScope: `${endpoint}/.default`, currentToken })
}

const guid = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`

describe('clients', () => {
  test('are one per API version and subscription, in each of its spellings', () => {
    const pool = aPool()
    const client = pool.get(PARTS.subscriptionId, '2024-05-01')
    assert.equal(pool.get(PARTS.subscriptionId, '2024-05-01'), client)
    assert.notEqual(pool.get(PARTS.subscriptionId.toUpperCase(), '2024-05-01'), client)
    assert.notEqual(pool.get(PARTS.subscriptionId, '2022-08-01'), client)
    assert.notEqual(pool.get(guid(1), '2024-05-01'), client)
  })

  test('are at most 64: the one that was made first goes', () => {
    const pool = aPool()
    const clients = Array.from({ length: 64 }, (_, index) => pool.get(guid(index), 'v'))
    pool.get(guid(64), 'v')
    assert.equal(pool.get(guid(1), 'v'), clients[1])
    assert.notEqual(pool.get(guid(0), 'v'), clients[0])
  })
})

describe('the SDK, as it is set up', () => {
  async function serve(t: TestContext, ...script: Step[]): Promise<ScriptedServer> {
    const server = await startScriptedServer(script, certificate)
    t.after(() => server.close())
    return server
  }

  async function reconnect(
    server: ScriptedServer,
    pool = aPool(server.origin),
    signal?: AbortSignal,
  ): Promise<unknown> {
    const { subscriptionId, resourceGroupName, serviceName, backendId } = PARTS
    const client = pool.get(subscriptionId, '2022-08-01')
    return client.backend
      .reconnect(resourceGroupName, serviceName, backendId, signal === undefined ? {} : { abortSignal: signal })
      .catch((error: unknown) => error)
  }

  test('sends the token that is held, the version of the client, and the official path', async (t) => {
    const server = await serve(t, respond(202))
    await reconnect(server)
    const [received] = server.received
    assert.equal(received?.headers.authorization, 'Bearer the-token')
    assert.equal(
      received?.url,
      `/subscriptions/${PARTS.subscriptionId}/resourceGroups/rg-apim/providers/Microsoft.ApiManagement/service/apim-prod/backends/orders/reconnect?api-version=2022-08-01`,
    )
  })

  test('takes the newest token for every request', async (t) => {
    const server = await serve(t, respond(202), respond(202))
    let token = TOKEN
    const pool = aPool(server.origin, () => token)
    await reconnect(server, pool)
    token = { ...TOKEN, token: 'the-next-token' }
    await reconnect(server, pool)
    // The SDK keeps a token until it is about to expire; either is good, and none is fetched behind our back.
    assert.match(server.received[1]?.headers.authorization ?? '', /^Bearer the-(next-)?token$/)
  })

  test('sends nothing without a token', async (t) => {
    const server = await serve(t, respond(202))
    await reconnect(
      server,
      aPool(server.origin, () => undefined),
    )
    assert.ok((server.received[0]?.headers.authorization ?? undefined) === undefined)
  })

  const RETRIED_BY_DEFAULT: readonly [string, Step][] = [
    ['429 with Retry-After: 0', respondJson(429, {}, { 'retry-after': '0' })],
    ['503 with Retry-After: 0', respondJson(503, {}, { 'retry-after': '0' })],
    ['500', respond(500)],
    ['408', respond(408)],
    ['a reset', reset],
  ]
  for (const [name, step] of RETRIED_BY_DEFAULT) {
    test(`makes one POST for ${name}`, async (t) => {
      const server = await serve(t, step, respond(202))
      await reconnect(server)
      await delay(20)
      assert.equal(server.received.length, 1)
    })
  }

  for (const status of [301, 302, 303, 307, 308]) {
    test(`does not follow ${status}`, async (t) => {
      const server = await serve(t, respond(status, { headers: { location: '/subscriptions' } }), respond(202))
      await reconnect(server)
      assert.equal(server.received.length, 1)
    })
  }

  test('answers a claims challenge with no POST of its own', async (t) => {
    const claims = Buffer.from('{"access_token":{"nbf":{"essential":true,"value":"1"}}}').toString('base64')
    const challenge = `Bearer realm="", error="insufficient_claims", claims="${claims}"`
    const server = await serve(t, respondJson(401, {}, { 'www-authenticate': challenge }), respond(202))
    const error = await reconnect(server)
    assert.ok(error instanceof Error && 'statusCode' in error)
    assert.equal(error.statusCode, 401, 'the answer itself arrives')
    assert.equal(server.received.length, 1)
  })

  test('lets go of a server that hangs when it is told to', { timeout: 5_000 }, async (t) => {
    const server = await serve(t, hang)
    const error = await reconnect(server, undefined, AbortSignal.timeout(100))
    assert.ok(
      error instanceof TransportError,
      "the transport's own error arrives, which knows whether the request had left",
    )
    assert.equal(error.sent, true)
    assert.equal(error.name, 'AbortError')
  })
})
