import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { OperationId } from '../../../src/domain/operation.ts'
import {
  CLOCK_TOLERANCE_MS,
  decideSlot,
  JOIN_MARGIN_MS,
  release,
  reserve,
  settle,
  type Ask,
  type Flight,
  type Scheduled,
  type Slot,
} from '../../../src/ledger/slot.ts'

const NOW = 1_795_392_000_000
const anId = (text: string): OperationId => text as OperationId
const anAsk = (change: Partial<Ask> = {}): Ask => ({
  nowEpochMs: NOW,
  wantedByEpochMs: NOW + 120_000,
  force: false,
  toleranceMs: 0,
  ...change,
})
const aFlight = (change: Partial<Flight> = {}): Flight => ({
  operationId: anId('flying'),
  nonce: 'mine',
  leaseUntilEpochMs: NOW + 45_000,
  ...change,
})
const dueIn = (ms: number): Scheduled => ({ operationId: anId('scheduled'), dueEpochMs: NOW + ms })

test('an idle backend is started', () => {
  assert.deepEqual(decideSlot({}, anAsk()), { kind: 'start' })
})

test('what is due no later than asked is joined, to the millisecond', () => {
  assert.equal(decideSlot({ scheduled: dueIn(120_000) }, anAsk()).kind, 'join')
  assert.equal(decideSlot({ scheduled: dueIn(120_001) }, anAsk()).kind, 'start')
})

test('the tolerance for clocks widens that by itself and by nothing else', () => {
  const ask = anAsk({ toleranceMs: CLOCK_TOLERANCE_MS })
  assert.equal(decideSlot({ scheduled: dueIn(120_000 + CLOCK_TOLERANCE_MS) }, ask).kind, 'join')
  assert.equal(decideSlot({ scheduled: dueIn(120_001 + CLOCK_TOLERANCE_MS) }, ask).kind, 'start')
})

test('what may have passed by the gateway’s clock is not joined', () => {
  assert.equal(decideSlot({ scheduled: dueIn(JOIN_MARGIN_MS) }, anAsk()).kind, 'join')
  assert.equal(decideSlot({ scheduled: dueIn(JOIN_MARGIN_MS - 1) }, anAsk({ toleranceMs: 5_000 })).kind, 'start')
})

test('force joins nothing, and still waits for what is in flight', () => {
  assert.equal(decideSlot({ scheduled: dueIn(60_000) }, anAsk({ force: true })).kind, 'start')
  assert.equal(decideSlot({ scheduled: dueIn(60_000), flight: aFlight() }, anAsk({ force: true })).kind, 'wait')
})

test('a flight is waited for until its lease ends, and not a millisecond longer', () => {
  assert.deepEqual(decideSlot({ flight: aFlight() }, anAsk({ nowEpochMs: NOW + 44_999 })), {
    kind: 'wait',
    flight: aFlight(),
  })
  assert.equal(decideSlot({ flight: aFlight() }, anAsk({ nowEpochMs: NOW + 45_000 })).kind, 'start')
})

test('a lease that cannot be read holds nobody up', () => {
  assert.equal(decideSlot({ flight: aFlight({ leaseUntilEpochMs: Number.NaN }) }, anAsk()).kind, 'start')
})

test('what is scheduled is joined although something else is in flight', () => {
  assert.equal(decideSlot({ scheduled: dueIn(60_000), flight: aFlight() }, anAsk()).kind, 'join')
})

const someScheduled = fc.record(
  { operationId: fc.string().map(anId), dueEpochMs: fc.integer({ min: NOW - 1e6, max: NOW + 1e8 }) },
  { noNullPrototype: true },
)
const someFlight = fc.record(
  {
    operationId: fc.string().map(anId),
    nonce: fc.uuid(),
    leaseUntilEpochMs: fc.integer({ min: NOW - 1e6, max: NOW + 1e6 }),
  },
  { noNullPrototype: true },
)
const someSlot: fc.Arbitrary<Slot> = fc.record(
  { flight: someFlight, scheduled: someScheduled },
  { requiredKeys: [], noNullPrototype: true },
)

test('property: taking the slot and giving it back leaves what was scheduled, and nothing of the flight', () => {
  fc.assert(
    fc.property(someSlot, someFlight, (slot, flight) => {
      const taken = reserve(slot, flight)
      assert.deepEqual(taken.flight, flight)
      assert.deepEqual(taken.scheduled, slot.scheduled)
      const released = release(taken, flight.nonce)
      assert.deepEqual(released, slot.scheduled === undefined ? {} : { scheduled: slot.scheduled })
    }),
  )
})

test('property: what ARM accepted is what counts, whatever counted before', () => {
  fc.assert(
    fc.property(someSlot, someFlight, someScheduled, (slot, flight, scheduled) => {
      assert.deepEqual(settle(reserve(slot, flight), flight.nonce, scheduled), { scheduled })
    }),
  )
})

test('property: who does not hold the slot changes nothing', () => {
  fc.assert(
    fc.property(someSlot, fc.uuid(), someScheduled, (slot, nonce, scheduled) => {
      fc.pre(slot.flight?.nonce !== nonce)
      assert.equal(settle(slot, nonce, scheduled), undefined)
      assert.equal(release(slot, nonce), undefined)
    }),
  )
})

test('property: a decision to join names what is scheduled, one to wait names what is in flight, and time alone frees any flight', () => {
  fc.assert(
    fc.property(someSlot, fc.integer({ min: 0, max: 86_400_000 }), fc.boolean(), (slot, after, force) => {
      const decision = decideSlot(slot, anAsk({ wantedByEpochMs: NOW + after, force }))
      if (decision.kind === 'join')
        assert.ok(!force && decision.scheduled === slot.scheduled && decision.scheduled.dueEpochMs <= NOW + after)
      if (decision.kind === 'wait')
        assert.ok(decision.flight === slot.flight && decision.flight.leaseUntilEpochMs > NOW)
      const later = slot.flight === undefined ? NOW : slot.flight.leaseUntilEpochMs
      assert.notEqual(decideSlot(slot, anAsk({ nowEpochMs: Math.max(NOW, later) })).kind, 'wait')
    }),
  )
})

const LIMIT = { count: 2, windowMs: 3_600_000 }
const forwards = (...agoMs: number[]): Slot => ({ alertForwards: agoMs.map((ms) => NOW - ms) })

test('alerts that have started as often as they may start nothing more; people and tools do', () => {
  assert.equal(decideSlot(forwards(60_000, 1), anAsk({ limit: LIMIT })).kind, 'exhausted')
  assert.equal(decideSlot(forwards(60_000), anAsk({ limit: LIMIT })).kind, 'start')
  assert.equal(decideSlot(forwards(60_000, 1), anAsk()).kind, 'start')
})

test('what lies a window back does not count, to the millisecond', () => {
  assert.equal(decideSlot(forwards(3_599_999, 1), anAsk({ limit: LIMIT })).kind, 'exhausted')
  assert.equal(decideSlot(forwards(3_600_000, 1), anAsk({ limit: LIMIT })).kind, 'start')
  assert.equal(
    decideSlot(forwards(-5_000, -5_000), anAsk({ limit: LIMIT })).kind,
    'exhausted',
    'a time ahead of our clock counts',
  )
})

test('joining and waiting go before the loop guard', () => {
  assert.equal(decideSlot({ ...forwards(1, 1), scheduled: dueIn(60_000) }, anAsk({ limit: LIMIT })).kind, 'join')
  assert.equal(decideSlot({ ...forwards(1, 1), flight: aFlight() }, anAsk({ limit: LIMIT })).kind, 'wait')
})

test('only what ARM accepted for an alert counts, and nothing that happens to the slot forgets it', () => {
  const byAlert = { nowEpochMs: NOW, limit: LIMIT }
  const flying = reserve(forwards(3_700_000, 60_000), aFlight())
  assert.deepEqual(flying.alertForwards, [NOW - 3_700_000, NOW - 60_000])
  assert.deepEqual(settle(flying, 'mine', dueIn(1), byAlert)?.alertForwards, [NOW - 60_000, NOW])
  assert.deepEqual(settle(flying, 'mine', dueIn(1))?.alertForwards, flying.alertForwards)
  assert.deepEqual(release(flying, 'mine')?.alertForwards, flying.alertForwards)
  assert.deepEqual(settle({ flight: aFlight() }, 'mine', dueIn(1), byAlert)?.alertForwards, [NOW])
  assert.equal(settle(flying, 'another', dueIn(1), byAlert), undefined)
})
