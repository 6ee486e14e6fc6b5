/** Contract, section 4: the tenant's keys – found, renewed, and lived without. Each test has an issuer of its own. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { ACTION_GROUP_TOKEN } from '../../sandbox/azure/directory.ts'
import type { TokenRequest } from '../../sandbox/azure/tokens.ts'
import { startScriptedServer } from '../support/scripted-server.ts'
import { assertAccepted, assertRefused, startConversation, type Conversation, type Heard } from './conversation.ts'
import { post } from './senders.ts'

/** A sandbox whose app has the issuer's keys. */
async function withKeys(t: TestContext): Promise<Conversation> {
  const room = await startConversation(t)
  await room.untilReady()
  return room
}

async function reconnectWith(room: Conversation, request: Partial<TokenRequest> = {}): Promise<Heard> {
  return room.reconnectFresh({ as: { token: await room.sandbox.azure.mint({ kind: 'operator', ...request }) } })
}

async function assertUnavailable(room: Conversation, answer: Heard, detail = /./): Promise<void> {
  assertRefused(answer, 503, 'ServiceUnavailable')
  assert.match(String(answer.headers['retry-after']), /^[1-9][0-9]*$/)
  assert.equal(answer.headers['www-authenticate'], undefined)
  const decision = await room.decision(answer)
  assert.deepEqual(
    [decision['reason'], decision['fault'], decision['outcome']],
    ['keys_unavailable', 'dependency', 'failed'],
  )
  assert.match(String(decision['detail']), detail)
}

const isText = (header: unknown): boolean => typeof header === 'string' && header !== ''

describe('keys of the issuer', { concurrency: 4 }, () => {
  it('keys are read once, for any number of callers at the same time', async (t) => {
    const room = await startConversation(t)
    const answers = await Promise.all(Array.from({ length: 20 }, () => reconnectWith(room)))
    for (const answer of answers) assertAccepted(answer)
    assert.deepEqual({ ...room.sandbox.azure.issuerCounts }, { metadata: 1, keys: 1 })
  })

  it('rotated keys are accepted at once, and the old ones while they are published', async (t) => {
    const room = await withKeys(t)
    const old = await room.sandbox.azure.mint({ kind: 'operator' })
    await room.sandbox.azure.keys.rotate()
    assertAccepted(await reconnectWith(room))
    assertAccepted(await room.reconnectFresh({ as: { token: old } }))
    assert.deepEqual({ ...room.sandbox.azure.issuerCounts }, { metadata: 1, keys: 2 })
  })

  it('withdrawn keys are refused once their successors are known', async (t) => {
    const room = await withKeys(t)
    const old = await room.sandbox.azure.mint({ kind: 'operator' })
    await room.sandbox.azure.keys.rotate({ retireOld: true })
    assertAccepted(await reconnectWith(room))
    const answer = await room.reconnect({ as: { token: old } })
    assertRefused(answer, 401, 'AuthenticationFailed')
    assert.equal((await room.decision(answer))['reason'], 'token_key_unknown')
  })

  it('fifty unknown keys cost the issuer one request', async (t) => {
    const room = await withKeys(t)
    const before = { ...room.sandbox.azure.issuerCounts }
    const ask = (index: number) => reconnectWith(room, { header: { kid: `unknown-${index}` } })
    const answers = [
      ...(await Promise.all(Array.from({ length: 25 }, (_, index) => ask(index)))),
      ...(await Promise.all(Array.from({ length: 25 }, (_, index) => ask(25 + index)))),
    ]
    for (const answer of answers) assertRefused(answer, 401, 'AuthenticationFailed')
    assert.deepEqual({ ...room.sandbox.azure.issuerCounts }, { ...before, keys: before.keys + 1 })
    assertAccepted(await reconnectWith(room))
  })

  it('fifty unknown keys cost an issuer that is down one request, and each caller gets 503', async (t) => {
    const room = await withKeys(t)
    room.sandbox.azure.faults.set([{ target: 'issuer', kind: '500' }])
    const before = { ...room.sandbox.azure.issuerCounts }
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => reconnectWith(room, { header: { kid: `unknown-${index}` } })),
    )
    for (const answer of answers) await assertUnavailable(room, answer)
    assert.deepEqual({ ...room.sandbox.azure.issuerCounts }, { ...before, keys: before.keys + 1 })
  })

  for (const kind of ['close', '503', 'garbage', 'hang']) {
    it(`known keys are used while the issuer is down (${kind}), also for tokens never seen before`, async (t) => {
      const room = await withKeys(t)
      room.sandbox.azure.faults.set([{ target: 'issuer', kind }])
      for (const version of [1, 2] as const) assertAccepted(await reconnectWith(room, { version }))
      await room.untilReady()
      assert.deepEqual(
        { ...room.sandbox.azure.issuerCounts },
        { metadata: 1, keys: 1 },
        'no request waits for the issuer',
      )
    })
  }

  it('keys that cannot be read are a 503, never a 401: the caller is not at fault', async (t) => {
    // A port that is given to no process: one that was free a moment ago may be another test's issuer by now.
    const room = await startConversation(t, { env: { ENTRA_AUTHORITY: 'http://127.0.0.1:1' } })
    for (const as of ['operator', 'tool', 'stranger'] as const)
      await assertUnavailable(room, await room.reconnect({ as }), /ECONNREFUSED/)
    assert.deepEqual(room.reached(), { arm: 0, identity: 0 })
    // What cannot be a token of ours needs no key to be refused.
    assertRefused(await room.reconnect({ as: null }), 401, 'AuthenticationFailed')
    assertRefused(await room.reconnect({ as: { token: 'x' } }), 401, 'AuthenticationFailed')
    const ready = await room.get('/health/ready')
    assert.deepEqual(
      [ready.status, ready.json()],
      [
        503,
        {
          status: 'unready',
          checks: [
            { name: 'configuration', status: 'pass' },
            { name: 'issuer-keys', status: 'fail' },
            { name: 'storage', status: 'pass' },
          ],
        },
      ],
    )
    assert.equal((await room.get('/health/live')).status, 200)
  })

  it('keys that cannot be read do not tell which webhooks there are: a sender with a token gets 503 for every name', async (t) => {
    const room = await startConversation(t, { env: { ENTRA_AUTHORITY: 'http://127.0.0.1:1' } })
    const token = await room.sandbox.azure.mint(ACTION_GROUP_TOKEN)
    const answers = []
    for (const name of ['azure-monitor', 'alertmanager', 'grafana', 'generic', 'unknown']) {
      const answer = await post(room, name, { headers: { authorization: `Bearer ${token}` }, body: '{}' })
      // These are of the moment.
      const { date, 'x-ms-correlation-request-id': id, 'retry-after': retryAfter, ...headers } = answer.headers
      answers.push({ status: answer.status, text: answer.text, headers, dated: [date, id, retryAfter].map(isText) })
    }
    assert.equal(answers[0]?.status, 503)
    for (const answer of answers) assert.deepEqual(answer, answers[0])
  })

  it('keys are not fetched from the target of a redirect', async (t) => {
    const elsewhere = await startScriptedServer([])
    t.after(() => elsewhere.close())
    const redirecting = await startScriptedServer(
      Array.from({ length: 5 }, () => (response) => response.writeHead(302, { location: elsewhere.origin }).end()),
    )
    t.after(() => redirecting.close())
    const room = await startConversation(t, { env: { ENTRA_AUTHORITY: redirecting.origin } })
    await assertUnavailable(room, await room.reconnect(), /redirect|status 302/)
    assert.deepEqual(elsewhere.received, [])
  })

  it('keys are not taken from metadata of another issuer', async (t) => {
    const host = await startConversation(t)
    // The sandbox's issuer under another name: its metadata says who it is, and that is not who was configured.
    const room = await startConversation(t, {
      env: { ENTRA_AUTHORITY: host.sandbox.info.issuer.replace('127.0.0.1', 'localhost') },
    })
    await assertUnavailable(
      room,
      await room.reconnect({ as: { token: host.sandbox.info.tokens.operator } }),
      /not of the configured issuer/,
    )
  })
})
