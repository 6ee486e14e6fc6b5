import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OperationId } from '../../../src/domain/operation.ts'
import { createFlights, type Entry } from '../../../src/ledger/flights.ts'
import type { Ask, Scheduled } from '../../../src/ledger/slot.ts'
import { aDeadline } from '../../support/builders.ts'
import { createFakeClock } from '../../support/fake-clock.ts'

function room() {
  const clock = createFakeClock()
  const flights = createFlights(clock)
  const ask =
    (afterMs = 120_000, force = false) =>
    (): Ask => ({ nowEpochMs: clock.now(), wantedByEpochMs: clock.now() + afterMs, force, toleranceMs: 0 })
  const dueIn = (ms: number): Scheduled => ({ operationId: 'first' as OperationId, dueEpochMs: clock.now() + ms })
  /** Enters, and remembers how it ended. */
  function enter(key: string, { afterMs = 120_000, force = false, deadlineMs = 30_000 } = {}): { entry?: Entry } {
    const seen: { entry?: Entry } = {}
    void flights.enter(key, ask(afterMs, force), aDeadline(clock, deadlineMs)).then((entry) => (seen.entry = entry))
    return seen
  }
  return { clock, flights, dueIn, enter }
}

test('one takes off, the others wait, and join what it brings back', async () => {
  const { clock, flights, dueIn, enter } = room()
  const [first, second, third] = [enter('a'), enter('a'), enter('a')]
  await clock.advance(1_000)
  assert.deepEqual([first.entry?.kind, second.entry, third.entry], ['took_off', undefined, undefined])
  const scheduled = dueIn(120_000)
  flights.land('a', scheduled)
  await clock.advance(0)
  assert.deepEqual(
    [second.entry, third.entry],
    [
      { kind: 'join', scheduled },
      { kind: 'join', scheduled },
    ],
  )
  assert.equal(clock.sleeping(), 0)
})

test('another backend waits for nobody', async () => {
  const { clock, enter } = room()
  const [first, other] = [enter('a'), enter('b')]
  await clock.advance(0)
  assert.deepEqual([first.entry?.kind, other.entry?.kind], ['took_off', 'took_off'])
})

test('after a failure exactly one of those who waited takes over', async () => {
  const { clock, flights, enter } = room()
  enter('a')
  const waiting = [enter('a'), enter('a'), enter('a')]
  await clock.advance(100)
  flights.land('a', undefined)
  await clock.advance(0)
  assert.deepEqual(
    waiting.map(({ entry }) => entry?.kind).filter((kind) => kind !== undefined),
    ['took_off'],
  )
})

test('who wants it sooner than what was brought back takes off', async () => {
  const { clock, flights, dueIn, enter } = room()
  enter('a')
  const [sooner, later] = [enter('a', { afterMs: 10_000 }), enter('a', { afterMs: 3_600_000 })]
  await clock.advance(0)
  flights.land('a', dueIn(120_000))
  await clock.advance(0)
  assert.equal(later.entry?.kind, 'join')
  assert.equal(sooner.entry?.kind, 'took_off')
})

test('force waits for what is in flight, and then takes off', async () => {
  const { clock, flights, dueIn, enter } = room()
  enter('a')
  const forced = enter('a', { force: true })
  await clock.advance(500)
  assert.equal('entry' in forced, false)
  flights.land('a', dueIn(60_000))
  await clock.advance(0)
  assert.equal(forced.entry?.kind, 'took_off')
})

test('a failure forgets nothing that was scheduled before', async () => {
  const { clock, flights, dueIn, enter } = room()
  enter('a')
  flights.land('a', dueIn(100_000))
  enter('a', { force: true })
  await clock.advance(0)
  flights.land('a', undefined)
  const next = enter('a')
  await clock.advance(0)
  assert.equal(next.entry?.kind, 'join')
})

test('busy at the deadline, and no later; no timer is left', async () => {
  const { clock, flights, enter } = room()
  enter('a')
  const waiting = enter('a', { deadlineMs: 5_000 })
  await clock.advance(4_999)
  assert.equal('entry' in waiting, false)
  await clock.advance(1)
  assert.equal(waiting.entry?.kind, 'busy')
  assert.equal(clock.sleeping(), 0)
  flights.land('a', undefined)
  const next = enter('a')
  await clock.advance(0)
  assert.equal(next.entry?.kind, 'took_off', 'who gave up holds nobody up')
})

test('what is due is remembered no longer', async () => {
  const { clock, flights, dueIn, enter } = room()
  enter('a')
  flights.land('a', dueIn(10_000))
  await clock.advance(9_001)
  const next = enter('a')
  await clock.advance(0)
  assert.equal(next.entry?.kind, 'took_off')
})

/** Whether an old memory is still held shows by a clock that is set back: what was dropped is not joined again. */
test('memory is swept: what is over goes, what is in flight or to come stays', async () => {
  const clock = createFakeClock()
  let nowEpochMs = clock.now()
  const flights = createFlights({ ...clock, now: () => nowEpochMs })
  const start = nowEpochMs
  const ask = (): Ask => ({ nowEpochMs, wantedByEpochMs: nowEpochMs + 3_600_000, force: false, toleranceMs: 0 })
  const enter = (key: string): Promise<Entry> => flights.enter(key, ask, aDeadline(clock, 30_000))
  for (let index = 0; index < 999; index += 1) {
    await enter(`over-${index}`)
    flights.land(`over-${index}`, { operationId: 'x' as OperationId, dueEpochMs: start + 2_000 })
  }
  await enter('coming')
  flights.land('coming', { operationId: 'x' as OperationId, dueEpochMs: start + 600_000 })
  nowEpochMs = start + 10_000
  await enter('the one too many')
  nowEpochMs = start
  assert.equal((await enter('over-5')).kind, 'took_off')
  assert.equal((await enter('coming')).kind, 'join')
})

test('a thousand failures leave nothing behind', async () => {
  const { flights, clock, enter } = room()
  for (let index = 0; index < 1_000; index += 1) {
    enter(`a-${index}`)
    flights.land(`a-${index}`, undefined)
  }
  await clock.advance(0)
  assert.equal(clock.sleeping(), 0)
})
