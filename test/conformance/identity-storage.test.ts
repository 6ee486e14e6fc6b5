import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { call } from '../sandbox/raw-http.ts'
import { assertAccepted, startConversation, type Conversation } from './conversation.ts'
import { alert, isFinal, operationWhen } from './senders.ts'

/** Contract, section 6: every wait for storage is bounded, also while the identity endpoint hangs. A generous bound: far below the host's. */
const BOUND_MS = 40_000
const operator = (room: Conversation) => ({ authorization: `Bearer ${room.sandbox.info.tokens.operator}` })

async function bounded<T>(what: string, work: Promise<T>): Promise<T> {
  const done = new AbortController()
  try {
    return await Promise.race([
      work,
      delay(BOUND_MS, undefined, { signal: done.signal }).then(() =>
        assert.fail(`${what} did not end within ${BOUND_MS} ms`),
      ),
    ])
  } finally {
    done.abort()
  }
}

describe('storage that is reached with an identity', { concurrency: 2 }, () => {
  for (const identityStorage of ['system-assigned', 'user-assigned'] as const) {
    it(`${identityStorage}: a reconnect, an alert to its delivery and the history are as with a connection string`, async (t) => {
      const room = await startConversation(t, { identityStorage })
      assertAccepted(await room.reconnectFresh())
      const posted = await alert(room, 'alertmanager', room.freshBackend())
      assert.equal(posted.status, 202, posted.text)
      const operation = await operationWhen(room, posted.alerts[0]?.operation, isFinal)
      assert.equal(operation.state, 'forwarded')

      const listed = await room.get('/operations', operator(room))
      const { value } = listed.json() as { value: readonly { state: string }[] }
      assert.deepEqual(
        value.map(({ state }) => state),
        ['forwarded', 'forwarded'],
      )
      await room.untilReady()
    })
  }

  it('an identity that storage does not know: what needs storage is 503, and reconnects go on unrecorded', async (t) => {
    const room = await startConversation(t, {
      identityStorage: 'system-assigned',
      hostStorage: 'key',
      env: { AzureWebJobsStorage__clientId: '00000000-0000-4000-8000-000000000001' },
    })
    const answer = await room.reconnectFresh()
    assertAccepted(answer)
    assert.equal(answer.headers['x-reconnect-warning'], 'not-recorded')
    assert.equal((await alert(room, 'alertmanager', room.freshBackend())).status, 503)
    assert.equal((await room.get('/health/ready')).status, 503)
  })
})

describe('an identity endpoint that takes 3 s, for an instance that has no token yet', () => {
  it('the first alert of an instance is stored and answered 202 while the identity endpoint takes 3 s', async (t) => {
    const room = await startConversation(t, { identityStorage: 'system-assigned' })
    room.sandbox.azure.faults.set([{ target: 'identity', kind: 'slow', delayMs: 3_000 }])
    const another = await room.sandbox.startAnother()
    const posted = await alert(at(room, another.port), 'alertmanager', room.freshBackend(), { port: another.port })
    assert.equal(posted.status, 202, posted.text)
  })
})

describe('an identity endpoint that hangs, for an instance that has no token yet', () => {
  it('every request and every delivery ends while the identity endpoint hangs', async (t) => {
    const room = await startConversation(t, {
      identityStorage: 'system-assigned',
      hostStorage: 'key',
      queueHiddenMs: 4_000,
    })
    // An alert that is stored and waits for its next try: the instance that is about to start will find its message.
    room.sandbox.azure.faults.add({ target: 'arm', kind: '503' })
    const posted = await alert(room, 'alertmanager', room.freshBackend())
    assert.equal(posted.status, 202, posted.text)
    const { operation } = posted.alerts[0] ?? {}
    await operationWhen(room, operation, (found) => found['error'] !== undefined)
    await room.sandbox.app.stop()

    room.sandbox.azure.faults.set([{ target: 'identity', kind: 'hang' }])
    const before = room.sandbox.logs.length
    const another = await room.sandbox.startAnother()
    const cold = at(room, another.port)
    const proxy = `http://127.0.0.1:${another.port}`

    const [received, reconnected, ready, listed] = await Promise.all([
      bounded('alert-receive', alert(cold, 'alertmanager', room.freshBackend(), { port: another.port })),
      bounded(
        'backend-reconnect',
        call(proxy, `${room.freshBackend()}/reconnect`, { method: 'POST', headers: operator(room) }),
      ),
      bounded('health-ready', call(proxy, '/health/ready')),
      bounded('operation-list', call(proxy, '/operations', { headers: operator(room) })),
    ])
    assert.deepEqual(
      { received: received.status, reconnected: reconnected.status, ready: ready.status, listed: listed.status },
      { received: 503, reconnected: 503, ready: 503, listed: 503 },
    )
    const hasTried = (): boolean =>
      room.sandbox.logs
        .slice(before)
        .some(({ functionName, level }) => functionName === 'reconnect-deliver' && level !== 'information')
    await bounded(
      'reconnect-deliver',
      (async () => {
        while (!hasTried()) await delay(100)
      })(),
    )

    room.sandbox.azure.faults.set([])
    const delivered = await operationWhen(cold, operation, isFinal)
    assert.equal(delivered.state, 'forwarded')
  })
})

/** The same conversation with another process of the app. */
function at(room: Conversation, port: number): Conversation {
  const { sandbox } = room
  const proxy = `http://127.0.0.1:${port}`
  const moved = { ...sandbox, info: { ...sandbox.info, proxy } }
  return { ...room, sandbox: moved, get: (path, headers = {}) => call(proxy, path, { headers }) }
}
