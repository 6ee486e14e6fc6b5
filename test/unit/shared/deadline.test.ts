import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { test } from 'node:test'
import { systemClock } from '../../../src/shared/clock.ts'
import { createDeadline } from '../../../src/shared/deadline.ts'
import { createFakeClock, START_EPOCH_MS } from '../../support/fake-clock.ts'

test('the remaining time falls to zero and never below', async () => {
  const clock = createFakeClock()
  const deadline = createDeadline(clock, 1_000)
  assert.equal(deadline.atEpochMs, START_EPOCH_MS + 1_000)
  await clock.advance(400)
  assert.equal(deadline.remainingMs(), 600)
  await clock.advance(10_000)
  assert.equal(deadline.remainingMs(), 0)
  deadline.dispose()
})

test('the signal of a deadline aborts when it has passed, with a reason', async () => {
  const deadline = createDeadline(systemClock, 20)
  assert.equal(deadline.signal.aborted, false)
  await delay(60)
  assert.equal(deadline.signal.aborted, true)
  assert.match(String(deadline.signal.reason), /deadline of the request/)
})

const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length

test('a disposed deadline leaves no timer behind and does not abort', async () => {
  const before = timers()
  const deadline = createDeadline(systemClock, 20)
  const { signal } = deadline
  assert.equal(timers(), before + 1)
  assert.equal(deadline.signal, signal)
  deadline.dispose()
  assert.equal(timers(), before)
  await delay(60)
  assert.equal(signal.aborted, false)
})

test('a deadline whose signal is not used has no timer', () => {
  const before = timers()
  const deadline = createDeadline(systemClock, 20)
  assert.equal(deadline.remainingMs() > 0, true)
  assert.equal(timers(), before)
  deadline.dispose()
  assert.equal(deadline.signal.aborted, false)
  assert.equal(timers(), before, 'nor has it one when the request has ended')
})

test('a clock that is set back by an hour does not keep the signal from aborting', async () => {
  let nowEpochMs = START_EPOCH_MS
  const deadline = createDeadline({ ...systemClock, now: () => nowEpochMs }, 20)
  nowEpochMs -= 3_600_000
  const { signal } = deadline
  await delay(60)
  assert.equal(signal.aborted, true)
})

test('the signal of a deadline that has passed is aborted when it is first used', async () => {
  const clock = createFakeClock()
  const deadline = createDeadline(clock, 1_000)
  await clock.advance(1_000)
  assert.equal(deadline.signal.aborted, true)
  deadline.dispose()
})
