import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { encode, eventually, queueRoom, withId } from './queue-room.ts'

describe('a message that fails', { concurrency: 3 }, () => {
  it('is hidden for a while, tried again, and then moved to the poison queue', async (t) => {
    const { send, lines, line, left, sandbox } = await queueRoom(t)
    const key = randomUUID()
    const startedAt = performance.now()
    await send({ key, fail: true })
    await line(({ givenUp }) => (givenUp as { key?: string } | undefined)?.key === key)
    assert.ok(performance.now() - startedAt > 900, 'not at once')
    assert.equal(lines().filter(withId(key)).length, 2)
    assert.equal(
      sandbox.logs.filter(
        ({ category, message }) => category === 'system' && message.startsWith("Executed 'work' (Failed)"),
      ).length,
      2,
    )
    await eventually(async () => (await left()) === 0 && (await left('work-poison')) === 0)
  })

  it('that is not Base64 goes to the poison queue at once, and no function sees it there', async (t) => {
    const { work, lines, sandbox, left } = await queueRoom(t)
    await work.createIfNotExists()
    const { messageId } = await work.sendMessage('no Base64 at all')
    const decodingWarnings = () =>
      sandbox.logs.filter(
        ({ level, message }) => level === 'warning' && message.startsWith('Message decoding has failed!'),
      )
    // Once in each queue: the listener of the poison queue cannot decode it either.
    await eventually(() => decodingWarnings().length === 2)
    assert.ok(decodingWarnings()[0]?.message.includes(`MessageId=${messageId}.`))
    assert.ok(sandbox.logs.some(({ message }) => message.endsWith("Moving message to queue 'work-poison'.")))
    assert.deepEqual([lines(), await left(), await left('work-poison')], [[], 0, 1])
  })

  it('that is not Base64 stays in the poison queue as it was sent, for seven days', async (t) => {
    const { work, queues, left } = await queueRoom(t, { env: { 'AzureWebJobs.given-up.Disabled': 'true' } })
    await work.createIfNotExists()
    await work.sendMessage('no Base64 at all')
    await eventually(() =>
      left('work-poison').then(
        (count) => count === 1,
        () => false,
      ),
    )
    const [message] = (await queues.getQueueClient('work-poison').peekMessages()).peekedMessageItems
    assert.ok(message !== undefined)
    assert.equal(message.messageText, 'no Base64 at all')
    assert.equal(message.expiresOn.getTime() - message.insertedOn.getTime(), 7 * 86_400_000)
  })

  it('that is Base64 but not UTF-8 fails before the function runs, is tried again, and then goes to the poison queue', async (t) => {
    const { work, lines, sandbox, left } = await queueRoom(t)
    await work.createIfNotExists()
    await work.sendMessage(Buffer.from([0xff, 0xfe, 0x41]).toString('base64'))
    const failures = (name: string) =>
      sandbox.logs.filter(
        ({ message }) => message.startsWith(`Executed '${name}' (Failed)`) && /not UTF-8/.test(message),
      )
    await eventually(() => failures('given-up').length > 0)
    assert.equal(failures('work').length, 2, 'maxDequeueCount of the host.json of this app')
    assert.deepEqual([lines(), await left(), await left('work-poison')], [[], 0, 1])
  })

  it('in a poison queue stays there, hidden', async (t) => {
    const { queues, line, lines, left } = await queueRoom(t, { queueHiddenMs: 600_000 })
    const poison = queues.getQueueClient('work-poison')
    await poison.createIfNotExists()
    await poison.sendMessage(encode({ stubborn: true }))
    await line(({ givenUp }) => givenUp !== undefined)
    await delay(1_500)
    assert.deepEqual([lines().length, await left('work-poison')], [1, 1])
    await assert.rejects(queues.getQueueClient('work-poison-poison').getProperties(), { code: 'QueueNotFound' })
  })
})
