import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createStorageClock } from '../../../src/ledger/storage-clock.ts'
import { createFakeClock } from '../../support/fake-clock.ts'
import { createRandom } from '../../support/simulation.ts'

/** Storage's clock is ahead of ours by `aheadMs`; an answer is on its way for `wayMs`, stamped in the middle. */
function room(aheadMs: number) {
  const clock = createFakeClock()
  const storage = createStorageClock(clock)
  async function answer(wayMs = 10): Promise<void> {
    const sentAt = clock.now()
    await clock.advance(wayMs / 2)
    const date = new Date(clock.now() + aheadMs).toUTCString()
    await clock.advance(wayMs / 2)
    storage.observe(date, sentAt, clock.now())
  }
  return { clock, storage, answer, off: () => Math.abs(storage.now() - (clock.now() + aheadMs)) }
}

test('before any answer it is our own clock', () => {
  const { clock, storage } = room(60_000)
  assert.equal(storage.now(), clock.now())
  assert.equal(storage.uncertaintyMs(), 0)
})

test('a clock that agrees is left alone, to the millisecond', async () => {
  for (const aheadMs of [0, 3, -3]) {
    const { clock, storage, answer } = room(aheadMs)
    for (let count = 0; count < 40; count += 1) {
      await answer(20)
      await clock.advance(337)
      assert.equal(storage.now(), clock.now())
      assert.equal(storage.uncertaintyMs(), 0)
    }
  }
})

test('a clock a minute off is brought to within half a second by one answer, and says how far it may be off', async () => {
  for (const aheadMs of [60_000, -60_000, 61_437, -59_001]) {
    const { storage, answer, off } = room(aheadMs)
    await answer(0)
    assert.ok(off() <= 500, `${off()} ms off`)
    assert.ok(storage.uncertaintyMs() >= off())
    assert.ok(storage.uncertaintyMs() <= 500)
  }
})

test('and closer by every further answer', async () => {
  const { clock, storage, answer, off } = room(60_123)
  const random = createRandom(7)
  let before = Number.POSITIVE_INFINITY
  for (let count = 0; count < 60; count += 1) {
    await answer(10)
    assert.ok(storage.uncertaintyMs() <= before)
    assert.ok(off() <= storage.uncertaintyMs() + 0.5)
    before = storage.uncertaintyMs()
    await clock.advance(Math.floor(random() * 2_000))
  }
  assert.ok(off() < 60, `${off()} ms off after 60 answers`)
})

test('an answer that took long proves little', async () => {
  const { storage, answer, clock } = room(900)
  await answer(4_000)
  assert.equal(storage.now(), clock.now())
})

test('answers that contradict each other: a clock was set, and the later one is right', async () => {
  const clock = createFakeClock()
  const storage = createStorageClock(clock)
  storage.observe(new Date(clock.now() + 60_000).toUTCString(), clock.now(), clock.now())
  await clock.advance(1_000)
  storage.observe(new Date(clock.now()).toUTCString(), clock.now(), clock.now())
  assert.equal(storage.now(), clock.now())
  assert.equal(storage.uncertaintyMs(), 0)
})

test('what was learned is forgotten after ten minutes: clocks drift', async () => {
  const { clock, storage, answer } = room(60_000)
  for (let count = 0; count < 20; count += 1) {
    await answer(0)
    await clock.advance(1_237)
  }
  const close = storage.uncertaintyMs()
  assert.ok(close < 250)
  await clock.advance(599_000)
  await answer(0)
  assert.ok(storage.uncertaintyMs() > close, 'it begins anew')
})

test('a date that is none, or missing, teaches nothing', async () => {
  const { clock, storage } = room(60_000)
  for (const date of [undefined, '', 'soon', 'Mon, 99 Foo 2026 99:99:99 GMT', '\0'])
    storage.observe(date, clock.now(), clock.now())
  assert.equal(storage.now(), clock.now())
})

test('an answer during which our own clock was set back teaches nothing', () => {
  const clock = createFakeClock()
  const storage = createStorageClock(clock)
  storage.observe(new Date(clock.now()).toUTCString(), clock.now() + 60_000, clock.now())
  assert.equal(storage.now(), clock.now())
  assert.equal(storage.uncertaintyMs(), 0)
})
