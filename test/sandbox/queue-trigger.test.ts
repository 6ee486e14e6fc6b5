import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { QueueServiceClient } from '@azure/storage-queue'
import type { SandboxOptions } from '../../sandbox/create-sandbox.ts'
import { readQueueOptions } from '../../sandbox/host/queue-options.ts'
import { storageAccount } from '../conformance/places.ts'
import { startSandbox } from '../support/start-sandbox.ts'
import { startStorageProxy } from '../support/storage-proxy.ts'

const QUEUE_APP = fileURLToPath(new URL('queue-app', import.meta.url))
const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64')

type Line = Readonly<Record<string, unknown>>

async function room(t: TestContext, options: SandboxOptions = {}) {
  const storage = options.storage ?? (await storageAccount(t))
  const queues = QueueServiceClient.fromConnectionString(storage)
  const sandbox = await startSandbox(t, { appRoot: QUEUE_APP, ...options, storage })
  const lines = (): readonly Line[] =>
    sandbox.logs
      .filter(({ category, message }) => category === 'user' && message.startsWith('{'))
      .map(({ message }) => JSON.parse(message) as Line)
  async function line(isIt: (line: Line) => boolean, patienceMs = 10_000): Promise<Line> {
    for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += 10) {
      const found = lines().find(isIt)
      if (found !== undefined) return found
      await delay(10)
    }
    return assert.fail(`it was not logged: ${JSON.stringify(sandbox.logs.slice(-5))}`)
  }
  const work = queues.getQueueClient('work')
  return {
    sandbox,
    queues,
    work,
    lines,
    line,
    async send(value: unknown): Promise<void> {
      await work.createIfNotExists()
      await work.sendMessage(encode(value))
    },
    async left(name = 'work'): Promise<number> {
      return (await queues.getQueueClient(name).getProperties()).approximateMessagesCount ?? 0
    },
  }
}

async function eventually(isSo: () => Promise<boolean> | boolean, patienceMs = 10_000): Promise<void> {
  for (let waitedMs = 0; !(await isSo()); waitedMs += 20) {
    assert.ok(waitedMs < patienceMs, 'it has not come about')
    await delay(20)
  }
}

const withId = (id: string) => (line: Line) => (line['message'] as { key?: string } | undefined)?.key === id

describe('a queue trigger', { concurrency: 3 }, () => {
  it('is listed, waits for a queue that does not exist yet, and gets JSON as an object with the message’s metadata', async (t) => {
    const { sandbox, send, line, left } = await room(t)
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
    const { send, line } = await room(t)
    const key = randomUUID()
    await send({ key, dequeueCount: 99, ID: 'of the sender', insertiontime: 'never' })
    const { metadata } = (await line(withId(key))) as { metadata: Record<string, unknown> }
    assert.deepEqual(
      [metadata['dequeueCount'], metadata['id'], metadata['insertionTime']],
      [99, 'of the sender', 'never'],
    )
  })

  it('hands over other text as text', async (t) => {
    const { send, line } = await room(t)
    await send('just words')
    await line(({ message }) => message === 'just words')
  })

  it('runs a batch and, before it has ended, part of the next; no more', async (t) => {
    const { send, lines } = await room(t)
    await Promise.all(Array.from({ length: 30 }, (_, index) => send({ key: String(index), ms: 150 })))
    await eventually(() => lines().filter(({ done }) => done !== undefined).length === 30)
    const most = Math.max(...lines().map(({ most: count }) => Number(count ?? 0)))
    assert.ok(most >= 4 && most <= 6, String(most))
  })
})

describe('a function that is switched off in the settings', () => {
  it('is not listed and takes no messages; the others do', async (t) => {
    for (const setting of ['AzureWebJobs.work.Disabled', 'AzureWebJobs__work__Disabled']) {
      const { sandbox, send, line, left, queues } = await room(t, { env: { [setting]: 'True' } })
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

describe('a message that fails', { concurrency: 3 }, () => {
  it('is hidden for a while, tried again, and then moved to the poison queue', async (t) => {
    const { send, lines, line, left, sandbox } = await room(t)
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
    const { work, lines, sandbox, left } = await room(t)
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
    const { work, queues, left } = await room(t, { env: { 'AzureWebJobs.given-up.Disabled': 'true' } })
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
    const { work, lines, sandbox, left } = await room(t)
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
    const { queues, line, lines, left } = await room(t, { queueHiddenMs: 600_000 })
    const poison = queues.getQueueClient('work-poison')
    await poison.createIfNotExists()
    await poison.sendMessage(encode({ stubborn: true }))
    await line(({ givenUp }) => givenUp !== undefined)
    await delay(1_500)
    assert.deepEqual([lines().length, await left('work-poison')], [1, 1])
    await assert.rejects(queues.getQueueClient('work-poison-poison').getProperties(), { code: 'QueueNotFound' })
  })
})

describe('a message that runs', { concurrency: 2 }, () => {
  it('stays hidden for as long as it takes, however long that is', async (t) => {
    const { send, lines, line } = await room(t, { queueHiddenMs: 1_000 })
    const key = randomUUID()
    await send({ key, ms: 3_500 })
    await line(({ done }) => (done as { key?: string } | undefined)?.key === key)
    assert.equal(lines().filter(withId(key)).length, 1)
  })

  it('comes again when its process has died, once its time is up', async (t) => {
    const { send, line, sandbox, lines } = await room(t, { queueHiddenMs: 1_000 })
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

  it('may end when the host is told to stop; no other is begun', async (t) => {
    const { send, line, sandbox, lines, left } = await room(t)
    await send({ key: 'running', ms: 1_500 })
    await line(withId('running'))
    const stopping = sandbox.app.stop()
    // Told in a process of its own: only then is the next message a late one.
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
    const { send, line, sandbox } = await room(t, { storage: proxy.connectionString })
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
    const { send, line, sandbox } = await room(t, { storage: proxy.connectionString })
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

describe('the settings of host.json', () => {
  it('have the host’s defaults', () => {
    assert.deepEqual(readQueueOptions({}, 2), {
      batchSize: 16,
      newBatchThreshold: 16,
      maxPollingIntervalMs: 60_000,
      visibilityTimeoutMs: 0,
      maxDequeueCount: 5,
    })
  })

  it('are read, and refused where the host would refuse them', () => {
    assert.deepEqual(
      readQueueOptions(
        {
          batchSize: 32,
          newBatchThreshold: 0,
          maxPollingInterval: '00:01:30',
          visibilityTimeout: '01:00:00.5',
          maxDequeueCount: 1,
          messageEncoding: 'Base64',
        },
        2,
      ),
      {
        batchSize: 32,
        newBatchThreshold: 0,
        maxPollingIntervalMs: 90_000,
        visibilityTimeoutMs: 3_600_500,
        maxDequeueCount: 1,
      },
    )
    for (const wrong of [
      { batchSize: 33 },
      { batchSize: 0 },
      { maxDequeueCount: 0 },
      { visibilityTimeout: '30' },
      { maxPollingInterval: 5 },
      { messageEncoding: 'none' },
    ])
      assert.throws(() => readQueueOptions(wrong, 2), /host\.json/)
  })
})
