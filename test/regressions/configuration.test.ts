/** Contract, section 5: a bad configuration puts deliveries off; it does not end them before `deliverWithin`. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { becomes, effectsReach, fire, messagesIn, POISON_QUEUE, QUEUE, startScene, until } from '../support/scene.ts'

/** Of the message, while the configuration is bad: by the host's own 30 s between two of them this is twenty minutes. */
const DELIVERIES = 40
/** The host asks so often in this test. An app that leaves the message alone is not asked at all. */
const BAD_FOR_MS = 8_000

describe('a bad configuration for twenty minutes', () => {
  it('gives up no alert: its message waits in the queue, and is delivered when the configuration is good again', async (t) => {
    // Every failed delivery is followed by the next one at once; how many there may be is the app's own setting.
    const { room, storage } = await startScene(t, { queues: { visibilityTimeout: '00:00:00' } })
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
    await room.sandbox.startAnother()
    await effectsReach(room, backend, 1)
  })
})
