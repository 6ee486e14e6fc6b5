/** The pure state machine of one backend. Numbers in parentheses are the invariants of docs/coordination.md. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  CLOCK_TOLERANCE_MS,
  complete,
  covers,
  decideSlot,
  isEmpty,
  isSafeToShare,
  JOIN_MARGIN_MS,
  release,
  takeLease,
  type Ask,
  type InFlight,
  type Slot,
} from '../../../src/coordination/slot.ts'
import type { Scheduled } from '../../../src/domain/operation.ts'
import type { OperationId } from '../../../src/domain/operation-id.ts'
import { START_EPOCH_MS as NOW } from '../../support/fake-clock.ts'

const idOf = (text: string): OperationId => text as OperationId
const anAsk = (change: Partial<Ask> = {}): Ask => ({
  nowEpochMs: NOW,
  sinceEpochMs: NOW,
  wantedByEpochMs: NOW + 120_000,
  force: false,
  ...change,
})
const inFlight = (change: Partial<InFlight> = {}): InFlight => ({
  operationId: idOf('in flight'),
  ownerToken: 'mine',
  leaseUntilEpochMs: NOW + 45_000,
  earliestDueEpochMs: NOW + 120_000,
  ...change,
})
const dueIn = (ms: number): Scheduled => ({ operationId: idOf('scheduled'), dueEpochMs: NOW + ms })
const LIMIT = { count: 2, windowMs: 3_600_000 }
const sendsAgo = (...agoMs: readonly number[]): Slot => ({ alertSends: agoMs.map((ms) => NOW - ms) })

describe('joining what is scheduled', () => {
  it('a reconnect due no later than asked is joined, with a tolerance of 750 ms for the clocks of instances', () => {
    assert.equal(CLOCK_TOLERANCE_MS, 750)
    assert.deepEqual(decideSlot({ scheduled: dueIn(120_750) }, anAsk()), { kind: 'join', scheduled: dueIn(120_750) })
    assert.equal(decideSlot({ scheduled: dueIn(120_751) }, anAsk()).kind, 'free')
  })

  it('a reconnect due less than a second after the request is not joined: the gateway may have done it before', () => {
    assert.equal(JOIN_MARGIN_MS, 1_000)
    assert.equal(decideSlot({ scheduled: dueIn(1_000) }, anAsk()).kind, 'join')
    assert.equal(decideSlot({ scheduled: dueIn(999) }, anAsk()).kind, 'free')
  })

  it('an alert joins a reconnect that is over, if it was due after the alert came', () => {
    const late = { nowEpochMs: NOW + 600_000, wantedByEpochMs: NOW + 720_000 }
    assert.equal(decideSlot({ scheduled: dueIn(60_000) }, anAsk(late)).kind, 'join')
    assert.equal(decideSlot({ scheduled: dueIn(60_000) }, anAsk({ ...late, sinceEpochMs: NOW + 60_000 })).kind, 'free')
  })

  it('a request that waited for the result joins it, if it is due at once or has been due meanwhile', () => {
    const ask = anAsk({ waitedFor: idOf('scheduled'), wantedByEpochMs: NOW + 1_000 })
    assert.equal(covers(dueIn(-5_000), ask), true)
    assert.equal(covers({ ...dueIn(-5_000), operationId: idOf('other') }, ask), false)
  })

  it('an alert that waited joins a result that is due at once, and not one from before it came', () => {
    const ask = anAsk({ waitedFor: idOf('scheduled'), limit: { count: 9, windowMs: 1 } })
    assert.equal(covers(dueIn(0), ask), true)
    assert.equal(covers(dueIn(-1), ask), false)
  })

  it('a request that waited does not join a reconnect that is due later than it asked for', () =>
    assert.equal(covers(dueIn(120_000), anAsk({ waitedFor: idOf('scheduled'), wantedByEpochMs: NOW + 10_000 })), false))

  it('force joins nothing, also not a result that it waited for', () => {
    assert.equal(decideSlot({ scheduled: dueIn(60_000) }, anAsk({ force: true })).kind, 'free')
    assert.equal(covers(dueIn(60_000), anAsk({ force: true, waitedFor: idOf('scheduled') })), false)
  })

  it('comes before waiting: the request in flight does not delay it', () =>
    assert.equal(decideSlot({ scheduled: dueIn(60_000), inFlight: inFlight() }, anAsk()).kind, 'join'))
})

describe('waiting for what is in flight', () => {
  it('lasts until the lease ends, to the millisecond (12)', () => {
    const slot = { inFlight: inFlight() }
    assert.deepEqual(decideSlot(slot, anAsk({ nowEpochMs: NOW + 44_999 })), { kind: 'wait', inFlight: inFlight() })
    assert.equal(decideSlot(slot, anAsk({ nowEpochMs: NOW + 45_000 })).kind, 'free')
  })

  it('applies to force as well', () =>
    assert.equal(decideSlot({ inFlight: inFlight() }, anAsk({ force: true })).kind, 'wait'))

  it('comes before joining while another delivery of the same operation is in flight: that one decides', () => {
    const slot = { scheduled: dueIn(60_000), inFlight: inFlight() }
    const own = { ownOperation: idOf('in flight') }
    assert.equal(decideSlot(slot, anAsk(own)).kind, 'wait')
    assert.equal(decideSlot(slot, anAsk({ ownOperation: idOf('other') })).kind, 'join')
    assert.equal(decideSlot(slot, anAsk({ ...own, nowEpochMs: NOW + 45_000 })).kind, 'join')
  })

  it('does not happen for a lease whose end cannot be read', () =>
    assert.equal(decideSlot({ inFlight: inFlight({ leaseUntilEpochMs: Number.NaN }) }, anAsk()).kind, 'free'))
})

describe('the loop guard', () => {
  it('stops alerts, and neither people nor tools, when the window has as many sends as it may', () => {
    assert.equal(decideSlot(sendsAgo(60_000, 1), anAsk({ limit: LIMIT })).kind, 'limit_reached')
    assert.equal(decideSlot(sendsAgo(60_000), anAsk({ limit: LIMIT })).kind, 'free')
    assert.equal(decideSlot(sendsAgo(60_000, 1), anAsk()).kind, 'free')
  })

  it('forgets a send after the window, to the millisecond, and counts one ahead of this clock', () => {
    assert.equal(decideSlot(sendsAgo(3_599_999, 1), anAsk({ limit: LIMIT })).kind, 'limit_reached')
    assert.equal(decideSlot(sendsAgo(3_600_000, 1), anAsk({ limit: LIMIT })).kind, 'free')
    assert.equal(decideSlot(sendsAgo(-5_000, -5_000), anAsk({ limit: LIMIT })).kind, 'limit_reached')
  })

  it('comes after joining and waiting', () => {
    const full = sendsAgo(1, 1)
    assert.equal(decideSlot({ ...full, scheduled: dueIn(60_000) }, anAsk({ limit: LIMIT })).kind, 'join')
    assert.equal(decideSlot({ ...full, inFlight: inFlight() }, anAsk({ limit: LIMIT })).kind, 'wait')
  })

  it('counts a send that ARM accepted or may have accepted, and drops those before the window', () => {
    const taken = takeLease(sendsAgo(3_700_000, 60_000), inFlight())
    const send = { atEpochMs: NOW, limit: LIMIT }
    assert.deepEqual(complete(taken, 'mine', dueIn(1), send)?.alertSends, [NOW - 60_000, NOW])
    assert.deepEqual(release(taken, 'mine', send)?.alertSends, [NOW - 60_000, NOW])
    assert.deepEqual(complete(takeLease({}, inFlight()), 'mine', dueIn(1), send)?.alertSends, [NOW])
  })

  it('keeps its sends through a request of a person or tool, and through a send that ARM refused', () => {
    const taken = takeLease(sendsAgo(60_000), inFlight())
    assert.deepEqual(complete(taken, 'mine', dueIn(1))?.alertSends, [NOW - 60_000])
    assert.deepEqual(release(taken, 'mine')?.alertSends, [NOW - 60_000])
  })
})

describe('sharing an operation that is not sent yet', () => {
  const ACCEPTED_AT = NOW - 60_000

  it('is safe where the slot says nothing', () => assert.equal(isSafeToShare({}, ACCEPTED_AT, NOW), true))

  for (const [where, slotOf] of [
    ['scheduled', (dueEpochMs: number): Slot => ({ scheduled: { ...dueIn(0), dueEpochMs } })],
    ['in flight', (earliestDueEpochMs: number): Slot => ({ inFlight: inFlight({ earliestDueEpochMs }) })],
  ] as const) {
    it(`is not safe where a reconnect that is ${where} comes after the earlier alert and before this one`, () => {
      assert.equal(isSafeToShare(slotOf(ACCEPTED_AT + JOIN_MARGIN_MS - 1), ACCEPTED_AT, NOW), true)
      assert.equal(isSafeToShare(slotOf(ACCEPTED_AT + JOIN_MARGIN_MS), ACCEPTED_AT, NOW), false)
      assert.equal(isSafeToShare(slotOf(NOW + JOIN_MARGIN_MS - 1), ACCEPTED_AT, NOW), false)
      assert.equal(isSafeToShare(slotOf(NOW + JOIN_MARGIN_MS), ACCEPTED_AT, NOW), true)
    })
  }

  it('is not safe if one of the two comes in between', () => {
    const early = inFlight({ earliestDueEpochMs: NOW })
    assert.equal(isSafeToShare({ scheduled: dueIn(60_000), inFlight: early }, ACCEPTED_AT, NOW), false)
  })
})

describe('an empty slot', () => {
  it('has no request, no schedule and no send', () => {
    assert.equal(isEmpty({}), true)
    assert.equal(isEmpty({ alertSends: [] }), true)
    for (const slot of [{ inFlight: inFlight() }, { scheduled: dueIn(1) }, sendsAgo(1)])
      assert.equal(isEmpty(slot), false)
  })
})

const someScheduled = fc.record(
  { operationId: fc.string().map(idOf), dueEpochMs: fc.integer({ min: NOW - 1e6, max: NOW + 1e8 }) },
  { noNullPrototype: true },
)
const someInFlight = fc.record(
  {
    operationId: fc.string().map(idOf),
    ownerToken: fc.uuid(),
    leaseUntilEpochMs: fc.integer({ min: NOW - 1e6, max: NOW + 1e6 }),
    earliestDueEpochMs: fc.integer({ min: NOW - 1e6, max: NOW + 1e6 }),
  },
  { noNullPrototype: true },
)
const someSlot: fc.Arbitrary<Slot> = fc.record(
  {
    inFlight: someInFlight,
    scheduled: someScheduled,
    alertSends: fc.array(fc.integer({ min: NOW - 1e7, max: NOW + 1e4 }), { maxLength: 5 }),
  },
  { requiredKeys: [], noNullPrototype: true },
)
const someSend = fc.option(fc.constant({ atEpochMs: NOW, limit: LIMIT }), { nil: undefined })

describe('properties', () => {
  it('taking the lease and releasing it keeps the schedule and removes the request (11)', () => {
    fc.assert(
      fc.property(someSlot, someInFlight, (slot, request) => {
        const taken = takeLease(slot, request)
        assert.deepEqual([taken.inFlight, taken.scheduled], [request, slot.scheduled])
        const { inFlight: _, ...rest } = slot
        assert.deepEqual(release(taken, request.ownerToken), rest)
      }),
    )
  })

  it('what ARM accepted last is what counts, and nothing is in flight then', () => {
    fc.assert(
      fc.property(someSlot, someInFlight, someScheduled, someSend, (slot, request, scheduled, send) => {
        const ended = complete(takeLease(slot, request), request.ownerToken, scheduled, send)
        assert.deepEqual([ended?.scheduled, ended?.inFlight], [scheduled, undefined])
      }),
    )
  })

  it('only the owner completes or releases (2)', () => {
    fc.assert(
      fc.property(someSlot, fc.uuid(), someScheduled, someSend, (slot, ownerToken, scheduled, send) => {
        fc.pre(slot.inFlight?.ownerToken !== ownerToken)
        assert.equal(complete(slot, ownerToken, scheduled, send), undefined)
        assert.equal(release(slot, ownerToken, send), undefined)
      }),
    )
  })

  it('a join names what is scheduled, a wait names what is in flight, and time alone ends every wait (12)', () => {
    fc.assert(
      fc.property(someSlot, fc.integer({ min: 0, max: 86_400_000 }), fc.boolean(), (slot, afterMs, force) => {
        const decision = decideSlot(slot, anAsk({ wantedByEpochMs: NOW + afterMs, force }))
        if (decision.kind === 'join')
          assert.ok(
            !force &&
              decision.scheduled === slot.scheduled &&
              decision.scheduled.dueEpochMs <= NOW + afterMs + CLOCK_TOLERANCE_MS,
          )
        if (decision.kind === 'wait')
          assert.ok(decision.inFlight === slot.inFlight && decision.inFlight.leaseUntilEpochMs > NOW)
        const nowEpochMs = Math.max(NOW, slot.inFlight?.leaseUntilEpochMs ?? NOW)
        assert.notEqual(decideSlot(slot, anAsk({ nowEpochMs })).kind, 'wait')
      }),
    )
  })
})
