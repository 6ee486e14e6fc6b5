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
