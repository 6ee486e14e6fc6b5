import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCircuitBreaker } from '../../../src/shared/circuit-breaker.ts'
import { createFakeClock, START_EPOCH_MS } from '../../support/fake-clock.ts'

function aBreaker(openAfterFaults = 3) {
  const clock = createFakeClock()
  return { clock, breaker: createCircuitBreaker({ clock, openAfterFaults, openMs: 5_000 }) }
}

test('a circuit breaker opens with the last of the faults in a row, and reports the opening once', () => {
  const { breaker } = aBreaker(3)
  assert.equal(breaker.failed('first'), false)
  assert.equal(breaker.failed('second'), false)
  assert.equal(breaker.isOpen(), false)
  assert.equal(breaker.failed('third'), true)
  assert.deepEqual(breaker.opened(), { detail: 'third', untilEpochMs: START_EPOCH_MS + 5_000 })
  assert.equal(breaker.failed('fourth'), false)
  assert.equal(breaker.opened()?.detail, 'third')
})

test('a success ends the row of faults', () => {
  const { breaker } = aBreaker(2)
  breaker.failed('one')
  breaker.succeeded()
  assert.equal(breaker.failed('two'), false)
  assert.equal(breaker.isOpen(), false)
})

test('an open circuit breaker closes when its time has passed, to the millisecond', async () => {
  const { breaker, clock } = aBreaker(1)
  breaker.failed('down')
  await clock.advance(4_999)
  assert.equal(breaker.isOpen(), true)
  await clock.advance(1)
  assert.equal(breaker.isOpen(), false)
  assert.equal(breaker.opened(), undefined)
})

test('faults that are reported while a circuit breaker is open do not extend it', async () => {
  const { breaker, clock } = aBreaker(1)
  breaker.failed('down')
  await clock.advance(4_999)
  breaker.failed('late')
  await clock.advance(1)
  assert.equal(breaker.isOpen(), false)
})

test('after its time one fault opens a circuit breaker again, and one success closes it', async () => {
  const { breaker, clock } = aBreaker(3)
  for (const detail of ['1', '2', '3']) breaker.failed(detail)
  await clock.advance(5_000)
  assert.equal(breaker.failed('still down'), true)
  await clock.advance(5_000)
  breaker.succeeded()
  assert.equal(breaker.failed('1'), false)
  assert.equal(breaker.failed('2'), false)
  assert.equal(breaker.isOpen(), false)
})

test('a success that is reported while a circuit breaker is open closes it', () => {
  const { breaker } = aBreaker(1)
  breaker.failed('down')
  breaker.succeeded()
  assert.equal(breaker.isOpen(), false)
})

test('a clock that is set back by an hour does not keep a circuit breaker open for an hour', () => {
  let nowEpochMs = START_EPOCH_MS
  const clock = { ...createFakeClock(), now: () => nowEpochMs }
  const breaker = createCircuitBreaker({ clock, openAfterFaults: 1, openMs: 5_000 })
  breaker.failed('down')
  nowEpochMs -= 3_600_000
  assert.equal(breaker.isOpen(), false)
})

test('after its time one caller has the trial, and the others learn that it runs until it has reported', async () => {
  for (const [report, entry] of [
    ['succeeded', 'closed'],
    ['failed', 'open'],
  ] as const) {
    const { breaker, clock } = aBreaker(1)
    assert.equal(breaker.enter(), 'closed')
    breaker.failed('down')
    assert.equal(breaker.enter(), 'open')
    await clock.advance(5_000)
    assert.deepEqual([breaker.enter(), breaker.enter(), breaker.enter()], ['trial', 'trial_running', 'trial_running'])
    breaker[report]('still down')
    assert.equal(breaker.enter(), entry)
  }
})

test('a trial that is never reported ends after the open time, or when the clock is set back', async () => {
  let nowEpochMs = START_EPOCH_MS
  const clock = { ...createFakeClock(), now: () => nowEpochMs }
  const breaker = createCircuitBreaker({ clock, openAfterFaults: 1, openMs: 5_000 })
  breaker.failed('down')
  nowEpochMs += 5_000
  assert.equal(breaker.enter(), 'trial')
  nowEpochMs += 4_999
  assert.equal(breaker.enter(), 'trial_running')
  nowEpochMs += 1
  assert.equal(breaker.enter(), 'trial')
  nowEpochMs -= 3_600_000
  assert.equal(breaker.enter(), 'trial')
})
