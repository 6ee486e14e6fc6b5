import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSingleFlight, type Entered } from '../../../src/coordination/single-flight.ts'
import { aDeadline } from '../../support/builders.ts'
import { createFakeClock } from '../../support/fake-clock.ts'

function room() {
  const clock = createFakeClock()
  const flights = createSingleFlight<string>(clock)
  /** Enters, and remembers the result once there is one. */
  function enter(key = 'a', deadlineMs = 30_000): { entered?: Entered<string> } {
    const seen: { entered?: Entered<string> } = {}
    void flights.enter(key, aDeadline(clock, deadlineMs)).then((entered) => (seen.entered = entered))
    return seen
  }
  const leaderOf = ({ entered }: { entered?: Entered<string> }) => {
    assert.ok(entered?.kind === 'leader', entered?.kind)
    return entered
  }
  return { clock, enter, leaderOf }
}

test('the first request goes ahead; the others wait and get its result', async () => {
  const { clock, enter, leaderOf } = room()
  const [first, second, third] = [enter(), enter(), enter()]
  await clock.advance(1_000)
  assert.deepEqual([second.entered, third.entered], [undefined, undefined])
  leaderOf(first).leave('result')
  await clock.advance(0)
  const waited = { kind: 'waited', result: 'result' }
  assert.deepEqual([second.entered, third.entered], [waited, waited])
  assert.equal(clock.sleeping(), 0)
})

test('without a result the others are told that there is none, and enter again', async () => {
  const { clock, enter, leaderOf } = room()
  const [first, second] = [enter(), enter()]
  await clock.advance(0)
  leaderOf(first).leave(undefined)
  await clock.advance(0)
  assert.deepEqual(second.entered, { kind: 'waited', result: undefined })
})

test('another key waits for no other', async () => {
  const { clock, enter, leaderOf } = room()
  const [one, other] = [enter('a'), enter('b')]
  await clock.advance(0)
  leaderOf(one)
  leaderOf(other)
})

test('nothing outlives a flight: the next request goes ahead', async () => {
  const { clock, enter, leaderOf } = room()
  const first = enter()
  await clock.advance(0)
  leaderOf(first).leave('result')
  const next = enter()
  await clock.advance(0)
  leaderOf(next)
})

test('a second call of leave does not end the flight of a later leader', async () => {
  const { clock, enter, leaderOf } = room()
  const first = enter()
  await clock.advance(0)
  const { leave } = leaderOf(first)
  leave('first')
  const [second, third] = [enter(), enter()]
  await clock.advance(0)
  leave('late')
  const fourth = enter()
  await clock.advance(0)
  assert.deepEqual([third.entered, fourth.entered], [undefined, undefined], 'both wait for the second request')
  leaderOf(second).leave('second')
  await clock.advance(0)
  assert.deepEqual(third.entered, { kind: 'waited', result: 'second' })
})

test('a wait ends at the deadline, leaves no timer, and does not disturb the flight', async () => {
  const { clock, enter, leaderOf } = room()
  const first = enter()
  const hurried = enter('a', 5_000)
  await clock.advance(4_999)
  assert.equal(hurried.entered, undefined)
  await clock.advance(1)
  assert.deepEqual(hurried.entered, { kind: 'timed_out' })
  assert.equal(clock.sleeping(), 0)
  const patient = enter()
  leaderOf(first).leave('result')
  await clock.advance(0)
  assert.deepEqual(patient.entered, { kind: 'waited', result: 'result' })
})
