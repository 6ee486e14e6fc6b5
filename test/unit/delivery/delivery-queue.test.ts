import assert from 'node:assert/strict'
import { after, before, describe, it, type TestContext } from 'node:test'
import type { QueueClient } from '@azure/storage-queue'
import { startStorage, type Storage } from '../../../sandbox/azure/storage.ts'
import { createDeliveryQueue } from '../../../src/delivery/delivery-queue.ts'
import { parseMessage } from '../../../src/delivery/message.ts'
import { openQueue } from '../../../src/delivery/open-queue.ts'
import type { AcceptedAlert } from '../../../src/domain/accepted-alert.ts'
import { createOperationId, partitionKeyOf } from '../../../src/ledger/keys.ts'
import { startOperation } from '../../../src/ledger/operations.ts'
import { systemClock } from '../../../src/shared/clock.ts'
import { aBackend, aPermit, IDS } from '../../support/builders.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'
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

const ALERT: AcceptedAlert = {
  operation: startOperation(
    aPermit(),
    createOperationId(partitionKeyOf(aBackend().key), START_EPOCH_MS),
    START_EPOCH_MS,
    { kind: 'webhook', webhook: 'w' },
  ),
  trigger: { kind: 'webhook', webhook: 'w' },
  backend: aBackend(),
  acceptedAtEpochMs: START_EPOCH_MS,
  tries: 3,
  correlationId: IDS.correlationId,
}

const connect = (connectionString: string): Promise<QueueClient> =>
  openQueue({ kind: 'connection-string', connectionString, allowHttp: true }, () =>
    assert.fail('no identity is asked for'),
  )

async function room(connectionString = accounts.pop() as string) {
  const queue = await connect(connectionString)
  return { connectionString, queue, enqueue: createDeliveryQueue({ open: async () => queue, clock: systemClock }) }
}

async function behindProxy(t: TestContext) {
  const proxy = await startStorageProxy(accounts.pop() as string, 'Queue')
  t.after(() => proxy.stop())
  return { proxy, ...(await room(proxy.connectionString)) }
}

describe('a message', () => {
  it('is stored in a queue that is made when it is missed, for ever, as the trigger reads it', async () => {
    const { enqueue, queue } = await room()
    assert.deepEqual(await enqueue(ALERT), { ok: true, value: undefined })
    assert.equal(queue.name, 'reconnects')
    const [message] = (await queue.receiveMessages()).receivedMessageItems
    assert.ok(message !== undefined)
    const read = parseMessage(JSON.parse(Buffer.from(message.messageText, 'base64').toString('utf8')))
    assert.ok(read.ok)
    assert.deepEqual(
      [read.value.operation.id, read.value.tries, read.value.correlationId],
      [ALERT.operation.id, 3, IDS.correlationId],
    )
    assert.ok(message.expiresOn.getUTCFullYear() > 9_000)
  })

  it('is hidden for as long as it is to wait, in whole seconds, rounded up', async () => {
    const { enqueue, queue } = await room()
    await enqueue(ALERT, 1_200)
    assert.deepEqual((await queue.receiveMessages()).receivedMessageItems, [])
    const startedAt = performance.now()
    for (;;) {
      if ((await queue.receiveMessages()).receivedMessageItems.length > 0) break
      assert.ok(performance.now() - startedAt < 8_000)
      await systemClock.sleep(50)
    }
    assert.ok(performance.now() - startedAt > 1_100, 'not before its time')
  })

  it('may wait for a week', async () => {
    const { enqueue } = await room()
    assert.equal((await enqueue(ALERT, 7 * 86_400_000)).ok, true)
  })
})

describe('the queue is away', { concurrency: 3 }, () => {
  for (const mood of ['refuse', 'busy', 'hang'] as const) {
    it(`${mood}: told so within four seconds, after two tries at most, and those that come next at once`, async (t) => {
      const { proxy, enqueue } = await behindProxy(t)
      assert.equal((await enqueue(ALERT)).ok, true)
      const calls = proxy.calls()
      await proxy.become(mood)
      const startedAt = performance.now()
      const ends = await Promise.all(Array.from({ length: 50 }, () => enqueue(ALERT)))
      assert.deepEqual(new Set(ends.map(({ ok }) => ok)), new Set([false]))
      assert.ok(performance.now() - startedAt < 4_000)
      const again = performance.now()
      assert.equal((await enqueue(ALERT)).ok, false)
      assert.ok(performance.now() - again < 500, 'nobody waits for one time-out after the other')
      assert.ok(proxy.calls() - calls <= 100)
      await proxy.become('up')
      await systemClock.sleep(1_050)
      assert.equal((await enqueue(ALERT)).ok, true)
    })
  }

  it('a process that is too busy to read the answer does not take the queue for away', async () => {
    const { enqueue } = await room()
    assert.equal((await enqueue(ALERT)).ok, true)
    const stored = enqueue(ALERT)
    await systemClock.sleep(0)
    const until = performance.now() + 2_000
    while (performance.now() < until);
    assert.deepEqual(await stored, { ok: true, value: undefined })
  })

  it('an answer that is lost once is asked for again: stored, if twice', async (t) => {
    const { proxy, enqueue, queue } = await behindProxy(t)
    assert.equal((await enqueue(ALERT)).ok, true)
    await proxy.become('hang')
    // The connection that has ended is noticed, and costs no try.
    await systemClock.sleep(100)
    const stored = enqueue(ALERT)
    await systemClock.sleep(1_000)
    await proxy.become('up')
    assert.deepEqual(await stored, { ok: true, value: undefined })
    assert.ok((await queue.receiveMessages({ numberOfMessages: 8 })).receivedMessageItems.length >= 2)
  })

  it('an account that cannot be opened is told, and opened anew the next time', async () => {
    const { queue } = await room()
    let opened = 0
    const enqueue = createDeliveryQueue({
      open: () => {
        opened += 1
        return opened === 1 ? Promise.reject(new Error('no such setting')) : Promise.resolve(queue)
      },
      clock: systemClock,
    })
    // The second try of the same call finds it.
    assert.equal((await enqueue(ALERT)).ok, true)
    assert.equal(opened, 2)
  })
})

describe('opening', () => {
  it('by identity, where the settings name the service; and not, where they do not', async () => {
    const credential = { getToken: () => Promise.resolve(null) }
    const by = (queueUri: string | undefined) =>
      openQueue(
        { kind: 'identity', tableUri: 'https://t', queueUri, credential: { kind: 'managed-identity' } },
        () => credential,
      )
    assert.equal(
      (await by('https://streconnect.queue.core.windows.net')).url,
      'https://streconnect.queue.core.windows.net/reconnects',
    )
    await assert.rejects(by(undefined), /no queue service/)
  })
})
