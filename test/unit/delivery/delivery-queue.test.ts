import assert from 'node:assert/strict'
import { after, before, describe, it, test, type TestContext } from 'node:test'
import { startStorage, type Storage } from '../../../sandbox/azure/storage.ts'
import { createDeliveryQueue } from '../../../src/delivery/delivery-queue.ts'
import { parseMessage } from '../../../src/delivery/message.ts'
import { openQueues, type Queues } from '../../../src/delivery/open-queue.ts'
import type { QueuedAlert } from '../../../src/domain/queued-alert.ts'
import { systemClock } from '../../../src/shared/clock.ts'
import { queueNames } from '../../../src/storage/names.ts'
import { ALERT_TRIGGER, anAcceptedAlert } from '../../support/an-operation.ts'
import { aBackend, IDS } from '../../support/builders.ts'
import { createFakeClock, START_EPOCH_MS } from '../../support/fake-clock.ts'
import { claimStorage } from '../../support/storage.ts'
import { startStorageProxy } from '../../support/storage-proxy.ts'

let own: Storage | undefined
let accounts: string[] = []
before(async () => {
  const first = claimStorage()
  own = first === undefined ? await startStorage({ accounts: 12 }) : undefined
  accounts =
    own === undefined
      ? [first as string, ...Array.from({ length: 11 }, () => claimStorage() as string)]
      : [...own.connectionStrings]
})
after(() => own?.stop())

const ALERT: QueuedAlert = {
  operation: anAcceptedAlert(),
  trigger: ALERT_TRIGGER,
  backend: aBackend(),
  acceptedAtEpochMs: START_EPOCH_MS,
  tries: 3,
  generation: 3,
  correlationId: IDS.correlationId,
}

const connect = (connectionString: string): Queues =>
  openQueues({ kind: 'connection-string', connectionString, allowHttp: true }, queueNames(''), () =>
    assert.fail('no identity is asked for'),
  )

async function room(connectionString = accounts.pop() as string) {
  const queues = connect(connectionString)
  const { accept, retry, create } = createDeliveryQueue({ open: async () => queues, clock: systemClock })
  return { connectionString, queues, queue: queues.deliver, accept, retry, create }
}

async function behindProxy(t: TestContext) {
  const proxy = await startStorageProxy(accounts.pop() as string, 'Queue')
  t.after(() => proxy.stop())
  return { proxy, ...(await room(proxy.connectionString)) }
}

/** A queue of which a test says how each call ends, on simulated time. */
function simulated() {
  const clock = createFakeClock()
  const ends: ('stored' | 'hangs' | Error)[] = []
  const options: { visibilityTimeout?: number; messageTimeToLive?: number }[] = []
  let calls = 0
  let created = 0
  const deliver = {
    sendMessage: async (_text: string, given: (typeof options)[number]) => {
      calls += 1
      options.push(given)
      const end = ends.shift() ?? 'stored'
      if (end === 'hangs') return new Promise(() => undefined)
      if (end !== 'stored') throw end
      return {}
    },
    createIfNotExists: async () => void (created += 1),
  }
  const queues = { deliver, poison: deliver } as unknown as Queues
  const queue = createDeliveryQueue({ open: () => Promise.resolve(queues), clock })
  return { clock, ends, options, calls: () => calls, created: () => created, ...queue }
}
const busy = (): Error => Object.assign(new Error('busy'), { statusCode: 503 })

describe('a message', () => {
  it('is stored in a queue that is created when it is missing, without a time to live, as the trigger reads it', async () => {
    const { accept, queue } = await room()
    assert.deepEqual(await accept(ALERT), { ok: true, value: undefined })
    assert.equal(queue.name, 'reconnects')
    const [message] = (await queue.receiveMessages()).receivedMessageItems
    assert.ok(message !== undefined)
    const read = parseMessage(JSON.parse(Buffer.from(message.messageText, 'base64').toString('utf8')))
    assert.ok(read.ok)
    assert.deepEqual(
      [read.value.operation.id, read.value.tries, read.value.generation, read.value.correlationId],
      [ALERT.operation.id, 3, 3, IDS.correlationId],
    )
    assert.ok(message.expiresOn.getUTCFullYear() > 9_000)
  })

  it('that waits is not shown at once, and may wait for a week', async () => {
    const { retry, queue } = await room()
    assert.equal((await retry(ALERT, 7 * 86_400_000)).ok, true)
    assert.deepEqual((await queue.receiveMessages()).receivedMessageItems, [])
    assert.equal((await queue.getProperties()).approximateMessagesCount, 1)
  })

  it('waits in whole seconds, rounded up, and not at all where its moment has passed', async () => {
    const { retry, options } = simulated()
    await retry(ALERT, 1_001)
    await retry(ALERT)
    await retry(ALERT, -2_300)
    assert.deepEqual(
      options.map(({ visibilityTimeout, messageTimeToLive }) => [visibilityTimeout, messageTimeToLive]),
      [
        [2, -1],
        [0, -1],
        [0, -1],
      ],
    )
  })
})

describe('creating the queues', () => {
  it('creates the poison queue too: the host polls both', async () => {
    const { create, queues } = await room()
    await create()
    await create()
    assert.deepEqual([await queues.deliver.exists(), await queues.poison.exists()], [true, true])
    assert.equal(queues.poison.name, 'reconnects-poison')
  })
})

describe('for a sender that waits', () => {
  it('a queue that fails is tried twice', async () => {
    const there = simulated()
    there.ends.push(busy())
    assert.equal((await there.clock.finish(there.accept(ALERT))).ok, true)
    assert.equal(there.calls(), 2)
  })

  it('a queue that hangs is given up after three seconds: two tries of one and a half', async () => {
    const there = simulated()
    there.ends.push('hangs', 'hangs')
    const startedAt = there.clock.now()
    assert.equal((await there.clock.finish(there.accept(ALERT))).ok, false)
    assert.deepEqual([there.calls(), there.clock.now() - startedAt, there.clock.sleeping()], [2, 3_000, 0])
  })

  it('the next senders get the fault at once for a second, and then the queue is asked again', async () => {
    const there = simulated()
    there.ends.push(busy(), busy())
    await there.clock.finish(there.accept(ALERT))
    const ends = await there.clock.finish(Promise.all(Array.from({ length: 50 }, () => there.accept(ALERT))))
    assert.deepEqual(new Set(ends.map(({ ok }) => ok)), new Set([false]))
    assert.equal(there.calls(), 2)
    await there.clock.advance(1_000)
    assert.equal((await there.clock.finish(there.accept(ALERT))).ok, true)
  })

  it('an account that cannot be opened is opened again with the second try', async () => {
    const { queues } = await room()
    let opened = 0
    const { accept } = createDeliveryQueue({
      open: () => {
        opened += 1
        return opened === 1 ? Promise.reject(new Error('no such setting')) : Promise.resolve(queues)
      },
      clock: systemClock,
    })
    assert.equal((await accept(ALERT)).ok, true)
    assert.equal(opened, 2)
  })
})

describe('for a delivery that is put off', () => {
  it('a queue that hangs is tried once, for eight seconds: a second message would double it', async () => {
    const there = simulated()
    there.ends.push('hangs')
    const startedAt = there.clock.now()
    const end = await there.clock.finish(there.retry(ALERT, 1_000))
    assert.ok(!end.ok && /no answer within 8000 ms/.test(end.error))
    assert.deepEqual([there.calls(), there.clock.now() - startedAt], [1, 8_000])
  })

  it('the queue is asked also after it has failed for a sender', async () => {
    const there = simulated()
    there.ends.push(busy(), busy())
    await there.clock.finish(there.accept(ALERT))
    assert.equal((await there.clock.finish(there.retry(ALERT))).ok, true)
  })

  it('a queue that is missing is created, and asked again', async () => {
    const there = simulated()
    there.ends.push(Object.assign(new Error('gone'), { code: 'QueueNotFound' }))
    assert.equal((await there.clock.finish(there.retry(ALERT))).ok, true)
    assert.deepEqual([there.calls(), there.created()], [2, 1])
  })
})

describe('a real queue service that is away', { concurrency: 2 }, () => {
  for (const mood of ['refuse', 'busy'] as const) {
    it(`(${mood}) is reported as a fault, and used again when it is back`, async (t) => {
      const { proxy, accept } = await behindProxy(t)
      assert.equal((await accept(ALERT)).ok, true)
      await proxy.become(mood)
      assert.equal((await accept(ALERT)).ok, false)
      await proxy.become('up')
      await systemClock.sleep(1_050)
      assert.equal((await accept(ALERT)).ok, true)
    })
  }
})

test('a process that is too busy to read the answer does not take the queue for away', async () => {
  const { accept } = await room()
  assert.equal((await accept(ALERT)).ok, true)
  const stored = accept(ALERT)
  await systemClock.sleep(0)
  const until = performance.now() + 2_000
  while (performance.now() < until);
  assert.deepEqual(await stored, { ok: true, value: undefined })
})

describe('opening the queues', () => {
  const credential = { getToken: () => Promise.resolve(null) }
  const by = (queueUri: string | undefined) =>
    openQueues(
      { kind: 'identity', tableUri: 'https://t', queueUri, credential: { kind: 'managed-identity' } },
      queueNames('slot2'),
      () => credential,
    )

  it('with an identity uses the queue service of the settings, and the prefix', () => {
    const { deliver, poison } = by('https://streconnect.queue.core.windows.net')
    assert.deepEqual(
      [deliver.url, poison.url],
      [
        'https://streconnect.queue.core.windows.net/slot2reconnects',
        'https://streconnect.queue.core.windows.net/slot2reconnects-poison',
      ],
    )
  })

  it('fails where the settings name no queue service', () => {
    assert.throws(() => by(undefined), /no queue service/)
  })
})
