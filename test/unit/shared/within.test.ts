import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { TIMED_OUT, within } from '../../../src/shared/within.ts'
import { createFakeClock } from '../../support/fake-clock.ts'

const never = (): Promise<never> => new Promise(() => undefined)

test('within resolves as the work resolves, and leaves no timer behind', async () => {
  const clock = createFakeClock()
  assert.equal(await within(Promise.resolve('done'), 1_000, clock), 'done')
  assert.equal(clock.sleeping(), 0)
})

test('within rejects as the work rejects, and leaves no timer behind', async () => {
  const clock = createFakeClock()
  await assert.rejects(within(Promise.reject(new Error('broken')), 1_000, clock), /broken/)
  assert.equal(clock.sleeping(), 0)
})

test('within waits for the given time and no longer', async () => {
  const clock = createFakeClock()
  const waiting = within(never(), 1_000, clock)
  let ended = false
  void waiting.then(() => (ended = true))
  await clock.advance(999)
  assert.equal(ended, false)
  await clock.advance(1)
  assert.equal(await waiting, TIMED_OUT)
})

test('within ends when the signal aborts, and leaves no listener on it', async () => {
  const clock = createFakeClock()
  const given = new AbortController()
  const waiting = within(never(), 1_000, clock, given.signal)
  given.abort()
  assert.equal(await waiting, TIMED_OUT)
  assert.equal(await within(never(), 1_000, clock, given.signal), TIMED_OUT)
  const { signal } = new AbortController()
  assert.equal(await within(Promise.resolve('done'), 1_000, clock, signal), 'done')
  assert.equal(getEventListeners(signal, 'abort').length, 0)
  assert.equal(clock.sleeping(), 0)
})

test('work that rejects after the wait is no unhandled rejection', async () => {
  const clock = createFakeClock()
  let fail: (error: Error) => void = () => undefined
  const waiting = within(new Promise((_, reject) => (fail = reject)), 1_000, clock)
  await clock.advance(1_000)
  assert.equal(await waiting, TIMED_OUT)
  fail(new Error('late'))
  await clock.advance(0)
})
