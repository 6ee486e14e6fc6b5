/** Which backends have operations: one row per backend and day, in the background, and nothing lost while storage is away. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createBackendIndex } from '../../../src/operations/backend-index.ts'
import { StorageFault } from '../../../src/storage/store.ts'
import { aBackend } from '../../support/builders.ts'
import { createFakeClock } from '../../support/fake-clock.ts'
import { createMemoryLists, createMemoryOperatorStore } from '../../support/memory-operator-store.ts'

const DAY_MS = 86_400_000
const ofBackend = (backendId: string) => ({ backend: aBackend({ backendId }).resourceId })

function aRoom(refused: (backendId: string) => boolean = () => false) {
  const clock = createFakeClock()
  const lists = createMemoryLists(clock.now)
  const lines: string[] = []
  const store = createMemoryOperatorStore(lists)
  const line = (text: string): void => void lines.push(text)
  const note = createBackendIndex(
    {
      async writeBackends(backends) {
        if (backends.some(({ backend }) => refused(backend.backendId)))
          throw new StorageFault(Object.assign(new Error('refused'), { statusCode: 400 }))
        return store.writeBackends(backends)
      },
    },
    clock,
    { info: line, warn: line, error: line },
  )
  const ids = (): string => [...lists.backends.values()].map(({ backend }) => backend.backendId).join()
  return { clock, lists, lines, note, ids }
}

describe('the list of backends', () => {
  it('has a backend once, for any number of operations and any spelling', async () => {
    const { clock, lists, note } = aRoom()
    for (let index = 0; index < 1_000; index += 1) note(ofBackend(index % 2 === 0 ? 'orders' : 'ORDERS'))
    await clock.advance(60_000)
    assert.deepEqual([lists.backends.size, lists.calls.length], [1, 1])
  })

  it('is written again on another day', async () => {
    const { clock, lists, note } = aRoom()
    for (let day = 0; day < 3; day += 1) {
      note(ofBackend('orders'))
      await clock.advance(DAY_MS)
    }
    assert.equal(lists.calls.length, 3)
    const [seen] = lists.backends.values()
    assert.equal(seen?.seenAtEpochMs, clock.now() - DAY_MS)
  })

  it('takes a storm on many backends in calls of a hundred', async () => {
    const { clock, lists, note } = aRoom()
    for (let index = 0; index < 250; index += 1) note(ofBackend(`b${index}`))
    await clock.advance(10_000)
    assert.deepEqual([lists.backends.size, lists.calls.length], [250, 3])
  })

  it('keeps what storage does not take, asks at most once a minute, and says so once', async () => {
    const { clock, lists, lines, note, ids } = aRoom()
    lists.fault = new Error('away')
    note(ofBackend('orders'))
    await clock.advance(3_600_000)
    assert.ok(lists.calls.length < 70, `${lists.calls.length} calls in an hour`)
    assert.equal(lines.length, 1)
    lists.fault = undefined
    await clock.advance(60_000)
    assert.equal(ids(), 'orders')
    assert.equal(clock.sleeping(), 0)
  })

  it('leaves out a row that storage refuses, and only that one', async () => {
    const { clock, lines, note, ids } = aRoom((backendId) => backendId === 'bad')
    for (const id of ['a', 'bad', 'c']) note(ofBackend(id))
    await clock.advance(10_000)
    assert.equal(ids(), 'a,c')
    assert.match(lines.join(), /refused/)
  })

  it('takes no text that is no backend', async () => {
    const { clock, lists, note } = aRoom()
    note({ backend: '/subscriptions/x' })
    await clock.advance(10_000)
    assert.deepEqual(lists.calls, [])
  })
})
