/** Pauses as decisions read them: from memory, at most 10 s old, one read at a time, and none where storage cannot be read. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createPauses } from '../../../src/operations/pauses.ts'
import { aPause, aScope, GROUP, SERVICE, SUBSCRIPTION } from '../../support/a-pause.ts'
import { aBackend } from '../../support/builders.ts'
import { createFakeClock, START_EPOCH_MS } from '../../support/fake-clock.ts'
import { createMemoryLists, createMemoryOperatorStore } from '../../support/memory-operator-store.ts'

const BACKEND = aBackend()

function aRoom() {
  const clock = createFakeClock()
  const lists = createMemoryLists(clock.now)
  const store = createMemoryOperatorStore(lists)
  const pauses = createPauses(store, clock)
  const reads = (): number => lists.calls.filter((name) => name === 'listPauses').length
  const found = async (webhook = 'alertmanager', backend = BACKEND): Promise<string> =>
    (await pauses.find(backend, webhook)).kind
  /** As another instance would write it. */
  const elsewhere = createPauses(store, clock)
  return { clock, lists, pauses, reads, found, elsewhere }
}

describe('a decision', () => {
  for (const [what, scope] of [
    ['its backend', aScope()],
    ['its service', aScope(SERVICE)],
    ['its resource group, in another case', aScope(GROUP.toUpperCase())],
    ['its subscription', aScope(SUBSCRIPTION)],
  ] as const) {
    it(`is paused by a pause of ${what}`, async () => {
      const { pauses, found } = aRoom()
      await pauses.create(aPause({ scope }))
      assert.equal(await found(), 'paused')
    })
  }

  it('is not paused by a pause of another backend, of a service with a longer name, or of another webhook', async () => {
    const { pauses, found } = aRoom()
    await pauses.create(aPause({ scope: aScope(aBackend({ backendId: 'orders-2' }).resourceId) }))
    await pauses.create(aPause({ scope: aScope(`${SERVICE}-2`) }))
    await pauses.create(aPause({ scope: aScope(SERVICE), webhook: 'grafana' }))
    assert.deepEqual([await found('alertmanager'), await found('grafana')], ['none', 'paused'])
  })

  it('names the pause that ends last', async () => {
    const { pauses } = aRoom()
    const last = aPause({ scope: aScope(GROUP), untilEpochMs: START_EPOCH_MS + 7_200_000 })
    for (const pause of [aPause(), last, aPause()]) await pauses.create(pause)
    const found = await pauses.find(BACKEND, 'w')
    assert.equal(found.kind === 'paused' && found.pause.id, last.id)
  })

  it('ends its pause to the millisecond, with no read and no write', async () => {
    const { clock, lists, pauses, found } = aRoom()
    await pauses.create(aPause({ untilEpochMs: START_EPOCH_MS + 2_000 }))
    assert.equal(await found(), 'paused')
    const { length } = lists.calls
    await clock.advance(1_999)
    assert.equal(await found(), 'paused')
    await clock.advance(1)
    assert.equal(await found(), 'none')
    assert.equal(lists.calls.length, length)
  })
})

describe('storage is read', () => {
  it('once for a thousand decisions at once, and once in 5 s for those that follow', async () => {
    const { clock, reads, found } = aRoom()
    await Promise.all(Array.from({ length: 1_000 }, () => found()))
    assert.equal(reads(), 1)
    for (let second = 0; second < 60; second += 1) {
      await Promise.all(Array.from({ length: 20 }, () => found()))
      await clock.advance(1_000)
    }
    assert.equal(reads(), 12)
    assert.equal(clock.sleeping(), 0, 'no timer is left behind')
  })

  it('not at all while there are no decisions', async () => {
    const { clock, reads, found } = aRoom()
    await found()
    await clock.advance(86_400_000)
    assert.equal(reads(), 1)
  })

  it('so that a pause of another instance, and its end, hold within 10 s', async () => {
    const { clock, found, elsewhere } = aRoom()
    assert.equal(await found(), 'none')
    await clock.advance(1)
    const pause = aPause()
    await elsewhere.create(pause)
    const heldAfter = async (kind: string): Promise<number> => {
      for (let ms = 0; ; ms += 100) {
        if ((await found()) === kind) return ms
        await clock.advance(100)
      }
    }
    assert.ok((await heldAfter('paused')) <= 5_000)
    await elsewhere.remove(pause.id)
    assert.ok((await heldAfter('none')) <= 5_000)
  })

  it('at once after a change of this instance', async () => {
    const { pauses, found } = aRoom()
    assert.equal(await found(), 'none')
    const pause = aPause()
    await pauses.create(pause)
    assert.equal(await found(), 'paused')
    await pauses.remove(pause.id)
    assert.equal(await found(), 'none')
  })

  it('again after a change that came while a read was under way', async () => {
    const { lists, pauses, found } = aRoom()
    const gate = Promise.withResolvers<void>()
    lists.wait = gate.promise
    const early = found()
    lists.wait = undefined
    await pauses.create(aPause())
    gate.resolve()
    await early
    assert.equal(await found(), 'paused')
  })
})

describe('storage cannot be read', () => {
  it('nothing is paused, and the decision knows why', async () => {
    const { lists, found } = aRoom()
    lists.fault = new Error('away')
    assert.equal(await found(), 'unknown')
  })

  it('what was read less than 10 s ago still counts, and nothing older', async () => {
    const { clock, lists, pauses, found } = aRoom()
    await pauses.create(aPause())
    assert.equal(await found(), 'paused')
    lists.fault = new Error('away')
    const seen: string[] = []
    for (let second = 0; second <= 12; second += 1) {
      seen.push(await found())
      await clock.advance(1_000)
    }
    assert.deepEqual([seen[8], seen[10]], ['paused', 'unknown'])
  })

  it('it is asked once in 5 s, however many decisions there are', async () => {
    const { clock, lists, reads, found } = aRoom()
    lists.fault = new Error('away')
    for (let second = 0; second < 20; second += 1) {
      for (let index = 0; index < 10; index += 1) await found()
      await clock.advance(1_000)
    }
    assert.equal(reads(), 4)
  })

  it('once after a change as well', async () => {
    const { lists, pauses, reads, found } = aRoom()
    await found()
    await pauses.create(aPause())
    lists.fault = new Error('away')
    const before = reads()
    for (let index = 0; index < 10; index += 1) await found()
    assert.equal(reads() - before, 1)
  })

  it('and hangs: a decision waits 5 s at most, and half a second where it knows earlier pauses', async () => {
    const { clock, lists, found } = aRoom()
    lists.wait = new Promise(() => undefined)
    const first = found()
    await clock.advance(4_999)
    assert.equal(await Promise.race([first, Promise.resolve('waits')]), 'waits')
    await clock.advance(1)
    assert.equal(await first, 'unknown')

    const known = aRoom()
    assert.equal(await known.found(), 'none')
    await known.clock.advance(5_000)
    known.lists.wait = new Promise(() => undefined)
    const next = known.found()
    await known.clock.advance(500)
    assert.equal(await next, 'none')
  })

  it('and comes back: the next read holds', async () => {
    const { clock, lists, pauses, found } = aRoom()
    await pauses.create(aPause())
    lists.fault = new Error('away')
    assert.equal(await found(), 'unknown')
    lists.fault = undefined
    await clock.advance(5_000)
    assert.equal(await found(), 'paused')
  })
})

describe('a change whose answer is lost', () => {
  it('a pause that was stored is created', async () => {
    const { clock, lists } = aRoom()
    const store = createMemoryOperatorStore(lists)
    const pauses = createPauses(
      { ...store, writePause: (pause) => store.writePause(pause).then(() => Promise.reject(new Error('lost'))) },
      clock,
    )
    await pauses.create(aPause())
    assert.equal((await pauses.list()).length, 1)
  })

  it('a pause that was not stored is an error', async () => {
    const { pauses, lists } = aRoom()
    lists.fault = new Error('away')
    await assert.rejects(pauses.create(aPause()))
  })

  it('a pause that was removed is removed', async () => {
    const { clock, lists } = aRoom()
    const store = createMemoryOperatorStore(lists)
    const pauses = createPauses(
      { ...store, removePause: (id) => store.removePause(id).then(() => Promise.reject(new Error('lost'))) },
      clock,
    )
    const pause = aPause()
    await pauses.create(pause)
    assert.equal(await pauses.remove(pause.id), true)
  })
})

describe('lists', () => {
  it('have those that last, the newest first, and none that has ended', async () => {
    const { clock, pauses } = aRoom()
    const at = (ms: number): string => new Date(START_EPOCH_MS + ms).toISOString()
    await pauses.create(aPause({ reason: 'a', createdAt: at(0) }))
    await pauses.create(aPause({ reason: 'b', createdAt: at(2) }))
    await pauses.create(aPause({ reason: 'c', createdAt: at(1), untilEpochMs: START_EPOCH_MS + 1_000 }))
    const reasons = async (): Promise<string> => (await pauses.list()).map(({ reason }) => reason).join('')
    assert.equal(await reasons(), 'bca')
    await clock.advance(1_000)
    assert.equal(await reasons(), 'ba')
  })

  it('a pause that has ended is not read any more', async () => {
    const { clock, pauses } = aRoom()
    const pause = aPause({ untilEpochMs: START_EPOCH_MS + 1_000 })
    await pauses.create(pause)
    assert.equal((await pauses.read(pause.id))?.id, pause.id)
    await clock.advance(1_000)
    assert.equal(await pauses.read(pause.id), undefined)
  })
})
