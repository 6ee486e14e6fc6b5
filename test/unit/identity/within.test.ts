import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { within } from '../../../src/identity/within.ts'
import { systemClock } from '../../../src/shared/clock.ts'
import { createDeadline } from '../../../src/shared/deadline.ts'

const never = new Promise<never>(() => {})

test('gives the answer that comes in time, and no answer at the deadline or after it', async (t) => {
  const deadline = createDeadline(systemClock, 20)
  t.after(() => deadline.dispose())
  assert.equal(await within(Promise.resolve('answer'), deadline), 'answer')
  assert.equal(await within(never, deadline), undefined)
  assert.equal(deadline.signal.aborted, true)
  assert.equal(await within(never, deadline), undefined)
})

test('leaves nothing on the deadline, which lives as long as the request', async (t) => {
  const deadline = createDeadline(systemClock, 1_000)
  t.after(() => deadline.dispose())
  await within(Promise.resolve(), deadline)
  assert.equal(getEventListeners(deadline.signal, 'abort').length, 0)
})
