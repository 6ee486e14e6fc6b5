/** Rows of lists whose time has passed are removed, seldom, and never by a wrong clock. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createTidy } from '../../../src/operations/tidy.ts'
import { aPause } from '../../support/a-pause.ts'
import { createFakeClock, START_EPOCH_MS } from '../../support/fake-clock.ts'
import { createMemoryLists, createMemoryOperatorStore } from '../../support/memory-operator-store.ts'

const HOUR_MS = 3_600_000

function aRoom(aheadMs = 0) {
  const clock = createFakeClock()
  const lists = createMemoryLists(() => clock.now() + aheadMs)
  const lines: string[] = []
  const line = (text: string): void => void lines.push(text)
  const tidy = createTidy(createMemoryOperatorStore(lists), clock, { info: line, warn: line, error: line })
  const pause = aPause({ untilEpochMs: START_EPOCH_MS })
  lists.pauses.set(pause.id, pause)
  return { clock, lists, lines, tidy }
}

describe('what has expired', () => {
  it('is removed, at most once an hour however often it is asked for', async () => {
    const { clock, lists, tidy } = aRoom()
    for (let minute = 0; minute < 48 * 60; minute += 1) {
      tidy()
      await clock.advance(60_000)
    }
    assert.deepEqual([lists.pauses.size, lists.calls.length], [0, 48])
  })

  for (const aheadMs of [-2 * HOUR_MS, 2 * HOUR_MS]) {
    it(`stays where the clock differs from that of storage by ${aheadMs / HOUR_MS} h`, async () => {
      const { clock, lists, tidy } = aRoom(aheadMs)
      await clock.advance(48 * HOUR_MS)
      tidy()
      await clock.advance(1)
      assert.deepEqual([lists.pauses.size, lists.calls.length], [1, 1])
    })
  }

  it('stays while storage is away, and the log says so', async () => {
    const { clock, lists, lines, tidy } = aRoom()
    lists.fault = new Error('away')
    await clock.advance(48 * HOUR_MS)
    tidy()
    await clock.advance(1)
    assert.match(lines[0] ?? '', /away/)
  })
})
