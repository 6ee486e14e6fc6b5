import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../../src/shared/clock.ts'

const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length

test('tells the time in epoch milliseconds', () => {
  // 2026-01-01T00:00:00Z in milliseconds as a number: seconds would be a thousand times smaller.
  assert.ok(systemClock.now() > 1_767_225_600_000)
})

test('sleeps for the given time', async () => {
  const startedMs = performance.now()
  await systemClock.sleep(30)
  assert.ok(performance.now() - startedMs >= 28)
})

test('an aborted sleep ends at once, without an exception and without a timer left behind', async () => {
  const before = timers()
  const abort = new AbortController()
  const sleeping = systemClock.sleep(60_000, abort.signal)
  abort.abort()
  await sleeping
  assert.equal(timers(), before)
})

test('a sleep with an aborted signal ends at once', async () => {
  await systemClock.sleep(60_000, AbortSignal.abort())
})
