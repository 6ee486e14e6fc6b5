/** Contract, section 5: a bad configuration puts deliveries off; it does not end them before `deliverWithin`. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { call } from '../sandbox/raw-http.ts'
import { becomes, effects, fire, messagesIn, POISON_QUEUE, QUEUE, startScene, until } from '../support/scene.ts'

/** Of the message, while the configuration is bad: by the host's own 30 s between two of them this is twenty minutes. */
const DELIVERIES = 40
/** The host asks so often in this test. An app that leaves the message alone is not asked at all. */
const BAD_FOR_MS = 8_000

describe('a bad configuration for twenty minutes', () => {
  it('gives up no alert: its message waits in the queue, and its operation is not over when the configuration is good again', async (t) => {
    // Every failed delivery is followed by the next one at once; how many there may be is the app's own setting.
    const { room, storage } = await startScene(t, { queues: { visibilityTimeout: '00:00:00' }, queueHiddenMs: 2_000 })
    const { faults } = room.sandbox.azure
    const backend = room.freshBackend()
    faults.add({ target: 'arm', kind: '503', retryAfter: '1', scope: backend, times: 1 })
    const posted = await fire(room, backend)
    assert.equal(posted.status, 202, posted.text)
    await until('ARM is asked', () => room.armReceived(backend).length === 1)
    await until('one message is left', async () => (await messagesIn(storage, QUEUE)) === 1)
    await room.sandbox.app.stop()

    const bad = await room.sandbox.startAnother({ RECONNECT_POLICY: '{"grants":[{"principal":"nobody"}]}' })
    const MESSAGE_CALLS = { service: 'queue', name: QUEUE, about: 'messages', contains: 'popreceipt=' } as const
    const before = storage.calls(MESSAGE_CALLS).length
    await becomes(() => storage.calls(MESSAGE_CALLS).length - before >= DELIVERIES, BAD_FOR_MS)
    await bad.crash()
    assert.deepEqual(
      { poison: await messagesIn(storage, POISON_QUEUE), waiting: await messagesIn(storage, QUEUE) },
      { poison: 0, waiting: 1 },
    )
    const { port } = await room.sandbox.startAnother()
    // An app that puts it off by itself may do so for longer than a test waits.
    await becomes(() => effects(room, backend) === 1, 15_000)
    const answer = await call(`http://127.0.0.1:${port}`, `/operations/${posted.alerts[0]?.operation}`, {
      headers: { authorization: `Bearer ${room.sandbox.info.tokens.operator}` },
    })
    assert.match((answer.json() as { state: string }).state, /^(?:accepted|forwarded)$/)
  })
})
