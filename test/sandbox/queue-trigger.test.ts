import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { storageAccount } from '../conformance/places.ts'
import { startStorageProxy } from '../support/storage-proxy.ts'
import { encode, eventually, queueRoom, withId } from './queue-room.ts'

describe('a queue trigger', { concurrency: 3 }, () => {
  it('is listed, waits for a queue that does not exist yet, and gets JSON as an object with the message’s metadata', async (t) => {
    const { sandbox, send, line, left } = await queueRoom(t)
    assert.deepEqual(
      sandbox.app.functions.filter(({ trigger }) => trigger.startsWith('queue')),
      [
        { name: 'work', trigger: 'queue work' },
        { name: 'given-up', trigger: 'queue work-poison' },
      ],
    )
    const key = randomUUID()
    await send({ key, id: 'of the message' })
    const { message, metadata } = (await line(withId(key))) as { message: unknown; metadata: Record<string, unknown> }
    assert.deepEqual(message, { key, id: 'of the message' })
    assert.equal(metadata['dequeueCount'], 1)
    assert.equal(metadata['id'], 'of the message', 'a member of the message wins')
    for (const name of ['insertionTime', 'expirationTime', 'nextVisibleTime', 'popReceipt', 'queueTrigger', 'key'])
      assert.ok(metadata[name] !== undefined, name)
    await eventually(async () => (await left()) === 0)
  })

  it('gets metadata that members of the JSON replace, whatever their case', async (t) => {
    const { send, line } = await queueRoom(t)
    const key = randomUUID()
    await send({ key, dequeueCount: 99, ID: 'of the sender', insertiontime: 'never' })
    const { metadata } = (await line(withId(key))) as { metadata: Record<string, unknown> }
    assert.deepEqual(
      [metadata['dequeueCount'], metadata['id'], metadata['insertionTime']],
      [99, 'of the sender', 'never'],
    )
  })

  it('passes other text as text', async (t) => {
    const { send, line } = await queueRoom(t)
    await send('just words')
    await line(({ message }) => message === 'just words')
  })

  it('runs a batch and, before it has ended, part of the next; no more', async (t) => {
    const { send, lines } = await queueRoom(t)
    await Promise.all(Array.from({ length: 30 }, (_, index) => send({ key: String(index), ms: 150 })))
    await eventually(() => lines().filter(({ done }) => done !== undefined).length === 30)
    const most = Math.max(...lines().map(({ most: count }) => Number(count ?? 0)))
    assert.ok(most >= 4 && most <= 6, String(most))
  })
})

describe('a function that is switched off in the settings', () => {
  it('is not listed and takes no messages; the others do', async (t) => {
    for (const setting of ['AzureWebJobs.work.Disabled', 'AzureWebJobs__work__Disabled']) {
      const { sandbox, send, line, left, queues } = await queueRoom(t, { env: { [setting]: 'True' } })
      assert.deepEqual(
        sandbox.app.functions.map(({ name }) => name).filter((name) => name === 'work' || name === 'given-up'),
        ['given-up'],
      )
      await send({ key: 'kept' })
      await queues.getQueueClient('work-poison').createIfNotExists()
      await queues.getQueueClient('work-poison').sendMessage(encode({ key: 'given-up' }))
      await line(({ givenUp }) => givenUp !== undefined)
      assert.equal(await left(), 1)
    }
  })
})

describe('a message that runs', { concurrency: 2 }, () => {
  it('stays hidden for as long as it takes, however long that is', async (t) => {
    const { send, lines, line } = await queueRoom(t, { queueHiddenMs: 1_000 })
    const key = randomUUID()
    await send({ key, ms: 3_500 })
    await line(({ done }) => (done as { key?: string } | undefined)?.key === key)
    assert.equal(lines().filter(withId(key)).length, 1)
  })

  it('comes again when its process has died, once its time is up', async (t) => {
    const { send, line, sandbox, lines } = await queueRoom(t, { queueHiddenMs: 1_000 })
    const key = randomUUID()
    await send({ key, ms: 600 })
    await line(withId(key))
    await sandbox.app.crash()
    await sandbox.startAnother()
    await line(({ done }) => (done as { key?: string } | undefined)?.key === key)
    const counts = lines()
      .filter(withId(key))
      .map(({ metadata }) => (metadata as { dequeueCount: number }).dequeueCount)
    assert.deepEqual(counts, [1, 2])
  })

  it('may end when the host is told to stop; no other message is started', async (t) => {
    const { send, line, sandbox, lines, left } = await queueRoom(t)
    await send({ key: 'running', ms: 1_500 })
    await line(withId('running'))
    const stopping = sandbox.app.stop()
    // The app runs in another process: the next message is late only when that one has stopped listening.
    await eventually(() =>
      fetch(`http://127.0.0.1:${sandbox.app.port}/`).then(
        () => false,
        () => true,
      ),
    )
    await send({ key: 'late' })
    await stopping
    assert.ok(lines().some(({ done }) => (done as { key?: string } | undefined)?.key === 'running'))
    assert.equal(await left(), 1)
  })
})

describe('storage that is unreachable', () => {
  it('ends the real host and not this one, which says so once', async (t) => {
    const proxy = await startStorageProxy(await storageAccount(t), 'Queue')
    t.after(() => proxy.stop())
    const { send, line, sandbox } = await queueRoom(t, { storage: proxy.connectionString })
    await send({ key: 'before' })
    await line(withId('before'))
    await proxy.become('refuse')
    const warnings = () =>
      sandbox.logs.filter(({ level, message }) => level === 'critical' && /would have ended/.test(message))
    await eventually(() => warnings().length > 0, 60_000)
    await proxy.become('up')
    await send({ key: 'after' })
    await line(withId('after'))
    // One per listener.
    assert.ok(warnings().length <= 2)
  })
})

describe('storage that answers 503', () => {
  it('is polled again, and reported once', async (t) => {
    const proxy = await startStorageProxy(await storageAccount(t), 'Queue')
    t.after(() => proxy.stop())
    const { send, line, sandbox } = await queueRoom(t, { storage: proxy.connectionString })
    await send({ key: 'before' })
    await line(withId('before'))
    await proxy.become('busy')
    const complaints = () => sandbox.logs.filter(({ message }) => message.includes("queue 'work' cannot be read"))
    await eventually(() => complaints().length > 0)
    await delay(1_500)
    assert.equal(complaints().length, 1)
    await proxy.become('up')
    await send({ key: 'after' })
    await line(withId('after'))
  })
})
