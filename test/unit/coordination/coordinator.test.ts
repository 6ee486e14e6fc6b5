/** One reconnect per backend, in one process and among instances (contract, section 6). Numbers in parentheses: docs/coordination.md. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LEASE_MARGIN_MS } from '../../../src/coordination/lease.ts'
import type { ReconnectCommand } from '../../../src/domain/command.ts'
import { advance, startOperation, type Operation, type Scheduled } from '../../../src/domain/operation.ts'
import type { OperationId } from '../../../src/domain/operation-id.ts'
import type { DeliveryTurn, Lease, LeaseEnd, RequestTurn } from '../../../src/reconnect/ports.ts'
import { createOperationId } from '../../../src/storage/keys.ts'
import { ALERT_TRIGGER, anAcceptedAlert } from '../../support/an-operation.ts'
import { aBackend, aDuration, aPermit } from '../../support/builders.ts'
import { createCore, DEADLINE_MS, type Core, type CoreOptions } from '../../support/core.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'

const TWO_MINUTES_MS = 120_000
const ERROR = { code: 'C', message: 'm' }
const SENT = { attempts: 1, ambiguous: false }

/** Requests and deliveries of one instance, by the words of the stories. */
function on(core: Core) {
  const { clock, coordinator } = core
  function begin(change: Partial<ReconnectCommand> = {}, trigger?: typeof ALERT_TRIGGER): Operation {
    const permit = aPermit(change)
    const id = createOperationId(permit.command.backend.key, clock.now())
    return startOperation(permit, id, clock.now(), trigger)
  }
  const request = (change: Partial<ReconnectCommand> = {}, deadlineMs = DEADLINE_MS): Promise<RequestTurn> =>
    coordinator.acquireForRequest(aPermit(change), begin(change), core.deadline(deadlineMs))
  const delivery = (
    operation = begin({}, ALERT_TRIGGER),
    { generation = 0, deadlineMs = DEADLINE_MS } = {},
  ): Promise<DeliveryTurn> =>
    coordinator.acquireForDelivery(aPermit(), { operation, generation }, core.deadline(deadlineMs))
  return { ...core, begin, request, delivery, finish: <T>(work: Promise<T>) => clock.finish(work) }
}
const room = (options?: CoreOptions) => on(createCore(options))
type Room = ReturnType<typeof room>

function leaseOf(turn: DeliveryTurn): Lease {
  assert.ok(turn.kind === 'lease', turn.kind)
  return turn.lease
}
const lease = async ({ finish, request }: Room, change?: Partial<ReconnectCommand>): Promise<Lease> =>
  leaseOf(await finish(request(change)))

/** ARM accepted now. */
function complete({ clock }: Room, held: Lease, afterMs = TWO_MINUTES_MS): Promise<LeaseEnd> {
  const dueEpochMs = clock.now() + afterMs
  return held.complete(advance(held.operation, { to: 'forwarded', dueEpochMs, sent: SENT }, clock.now()), dueEpochMs)
}
function release({ clock }: Room, held: Lease, mayHaveActed = false): Promise<LeaseEnd> {
  return held.release(advance(held.operation, { to: 'failed', error: ERROR, sent: SENT }, clock.now()), {
    mayHaveActed,
  })
}
const theirs = (leaseMs: number, earliestDueMs = TWO_MINUTES_MS) => ({
  inFlight: {
    operationId: 'theirs' as OperationId,
    ownerToken: 'theirs',
    leaseUntilEpochMs: START_EPOCH_MS + leaseMs,
    earliestDueEpochMs: START_EPOCH_MS + earliestDueMs,
  },
})
const scheduledIn = (ms: number): Scheduled => ({
  operationId: 'earlier' as OperationId,
  dueEpochMs: START_EPOCH_MS + ms,
})

describe('a request', () => {
  it('gets the lease of an idle backend; it outlives the deadline by fifteen seconds (1)', async () => {
    const there = room()
    const held = await lease(there)
    assert.deepEqual(there.row(held.operation.id), held.operation)
    assert.equal(LEASE_MARGIN_MS, 15_000)
    assert.deepEqual(there.slot().inFlight, {
      operationId: held.operation.id,
      ownerToken: held.ownerToken,
      leaseUntilEpochMs: START_EPOCH_MS + DEADLINE_MS + LEASE_MARGIN_MS,
      earliestDueEpochMs: START_EPOCH_MS + TWO_MINUTES_MS,
    })
  })

  it('says with its lease from when on it may be due, also for a shorter after', async () => {
    const there = room()
    await lease(there, { after: aDuration('PT5S') })
    assert.equal(there.slot().inFlight?.earliestDueEpochMs, START_EPOCH_MS + 5_000)
  })

  it('makes its reconnect the one that counts when ARM has accepted', async () => {
    const there = room()
    const held = await lease(there)
    assert.equal(await there.finish(complete(there, held)), 'recorded')
    assert.deepEqual(there.slot(), {
      scheduled: { operationId: held.operation.id, dueEpochMs: START_EPOCH_MS + TWO_MINUTES_MS },
    })
    assert.equal(there.row(held.operation.id)?.state, 'forwarded')
  })

  it('orders a copy for lists when it begins and when it ends', async () => {
    const there = room()
    const first = await lease(there)
    await there.finish(complete(there, first))
    const second = await lease(there, { force: true })
    await there.finish(release(there, second))
    assert.deepEqual(
      there.copies.map(({ id, state }) => [id, state]),
      [
        [first.operation.id, 'accepted'],
        [first.operation.id, 'forwarded'],
        [second.operation.id, 'accepted'],
        [second.operation.id, 'failed'],
      ],
    )
  })

  it('is not counted by the loop guard', async () => {
    const there = room()
    await there.finish(complete(there, await lease(there)))
    await there.finish(release(there, await lease(there, { force: true }), true))
    assert.equal(there.slot().alertSends, undefined)
  })

  it('for the same backend in another letter case joins; for another backend it does not', async () => {
    const there = room()
    await there.finish(complete(there, await lease(there)))
    assert.equal((await there.finish(there.request({ backend: aBackend({ backendId: 'ORDERS' }) }))).kind, 'joined')
    assert.equal((await there.finish(there.request({ backend: aBackend({ backendId: 'payments' }) }))).kind, 'lease')
  })

  it('with a longer after joins; with a shorter one it is sent and becomes the one that counts', async () => {
    const there = room()
    await there.finish(complete(there, await lease(there)))
    assert.equal((await there.finish(there.request({ after: aDuration('PT1H') }))).kind, 'joined')
    const sooner = await lease(there, { after: aDuration('PT10S') })
    await there.finish(complete(there, sooner, 10_000))
    assert.equal(there.slot().scheduled?.operationId, sooner.operation.id)
  })

  it('with force is sent although a reconnect is scheduled', async () => {
    const there = room()
    await there.finish(complete(there, await lease(there)))
    assert.equal((await there.finish(there.request({ force: true }))).kind, 'lease')
  })
})

describe('requests that come soon after a look at the slot', () => {
  async function looked() {
    const there = room()
    there.putSlot({ scheduled: scheduledIn(TWO_MINUTES_MS) })
    assert.equal((await there.finish(there.request())).kind, 'joined')
    return there
  }

  it('share it for 50 ms', async () => {
    const there = await looked()
    for (let made = 0; made < 100; made += 1) assert.equal((await there.finish(there.request())).kind, 'joined')
    await there.clock.advance(50)
    assert.equal((await there.finish(there.request())).kind, 'joined')
    assert.equal(there.faults.calls('readSlot'), 1)
    await there.clock.advance(1)
    assert.equal((await there.finish(there.request())).kind, 'joined')
    assert.equal(there.faults.calls('readSlot'), 2)
  })

  it('look for themselves where it does not cover them, or was for another backend', async () => {
    const there = await looked()
    for (const change of [
      { force: true },
      { after: aDuration('PT10S') },
      { backend: aBackend({ backendId: 'payments' }) },
    ])
      await there.finish(release(there, await lease(there, change)))
    assert.equal(there.faults.calls('readSlot'), 4)
  })

  it('look again once a reconnect of this process has begun: it may become the one that counts', async () => {
    const there = await looked()
    const forced = await lease(there, { force: true })
    await there.finish(complete(there, forced))
    const turn = await there.finish(there.request())
    assert.ok(turn.kind === 'joined')
    assert.equal(turn.scheduled.operationId, forced.operation.id)
  })

  it('look again when the clock was set back', async () => {
    const there = await looked()
    await there.clock.advance(-3_600_000)
    await there.finish(there.request())
    assert.equal(there.faults.calls('readSlot'), 2)
  })
})

describe('requests of one process', () => {
  it('wait for the one in flight and join its result; storage is read once', async () => {
    const there = room()
    const held = await lease(there)
    const waiting = Promise.all([there.request(), there.request(), there.request()])
    await there.clock.advance(1_000)
    await there.finish(complete(there, held))
    const scheduled = { operationId: held.operation.id, dueEpochMs: START_EPOCH_MS + 1_000 + TWO_MINUTES_MS }
    for (const turn of await there.finish(waiting)) assert.deepEqual(turn, { kind: 'joined', scheduled })
    assert.equal(there.faults.calls('readSlot'), 1)
    assert.equal(there.clock.sleeping(), 0)
  })

  it('join the result that they waited for however short after is (contract, section 6)', async () => {
    const there = room()
    const after = aDuration('PT1S')
    const held = await lease(there, { after })
    const waiting = there.request({ after })
    await there.clock.advance(5_000)
    // The reconnect is over: it came half a second after the waiting request, which is closer than a join without waiting allows.
    void complete(there, held, -4_500)
    assert.equal((await there.finish(waiting)).kind, 'joined')
  })

  it('do not join a result that is due later than they asked for', async () => {
    const there = room()
    const held = await lease(there)
    const waiting = there.request({ after: aDuration('PT10S') })
    await there.clock.advance(0)
    void complete(there, held)
    assert.equal((await there.finish(waiting)).kind, 'lease')
  })

  it('do not join what another request found if it may be over before they came', async () => {
    const there = room({ latencyMs: 500 })
    there.putSlot({ scheduled: scheduledIn(1_200) })
    const first = there.request({ after: aDuration('PT10S') })
    await there.clock.advance(400)
    const second = there.request({ after: aDuration('PT10S') })
    assert.deepEqual(
      (await there.finish(Promise.all([first, second]))).map(({ kind }) => kind),
      ['joined', 'lease'],
    )
  })

  it('take over one by one after a failure', async () => {
    const there = room()
    const held = await lease(there)
    const turns: RequestTurn[] = []
    for (let count = 0; count < 3; count += 1) void there.request().then((turn) => turns.push(turn))
    await there.clock.advance(0)
    await there.finish(release(there, held))
    await there.clock.advance(0)
    assert.deepEqual(
      turns.map(({ kind }) => kind),
      ['lease'],
    )
    await there.finish(complete(there, leaseOf(turns[0] as RequestTurn)))
    await there.clock.advance(0)
    assert.deepEqual(
      turns.map(({ kind }) => kind),
      ['lease', 'joined', 'joined'],
    )
  })

  it('go on when the holder leaves without an end', async () => {
    const there = room()
    const held = await lease(there)
    const waiting = there.request({}, 60_000)
    await there.clock.advance(0)
    held.leave()
    const startedAt = there.clock.now()
    assert.equal((await there.finish(waiting)).kind, 'lease')
    assert.ok(there.clock.now() - startedAt >= DEADLINE_MS + LEASE_MARGIN_MS, 'the shared lease ends by itself (12)')
  })

  it('go on after a second when an end is not written down, and join it', async () => {
    const there = room()
    const held = await lease(there)
    const waiting = there.request()
    await there.clock.advance(0)
    there.faults.always('hangs', 'commit')
    void complete(there, held)
    await there.clock.advance(1_000)
    assert.equal((await there.finish(waiting)).kind, 'joined')
  })

  it('are busy at their deadline, and leave no timer and no wait behind', async () => {
    const there = room()
    await lease(there)
    assert.deepEqual(await there.finish(there.request({}, 5_000)), { kind: 'busy' })
    assert.equal(there.clock.now() - START_EPOCH_MS, 5_000)
    assert.equal(there.clock.sleeping(), 0)
  })

  it('are not locked by a defect', async () => {
    const there = room()
    there.faults.next('readSlot', () => {
      throw new TypeError('a defect')
    })
    await assert.rejects(there.finish(there.request()), TypeError)
    assert.equal((await there.finish(there.request())).kind, 'lease')
  })
})

describe('requests of several instances', () => {
  it('join what another instance has sent, with the same due time', async () => {
    const there = room()
    await there.finish(complete(there, await lease(there)))
    const { scheduled } = there.slot()
    assert.deepEqual(await there.finish(on(there.beside()).request()), { kind: 'joined', scheduled })
  })

  it('wait for another instance and join its result however short after is', async () => {
    const there = room()
    const after = aDuration('PT1S')
    const held = await lease(there, { after })
    const waiting = on(there.beside()).request({ after })
    void there.clock.sleep(3_000).then(() => complete(there, held, -2_900))
    assert.equal((await there.finish(waiting)).kind, 'joined')
  })

  it('wait together in their process for another instance, and all join its result', async () => {
    const there = room()
    const after = aDuration('PT1S')
    const held = await lease(there, { after })
    const other = on(there.beside())
    const waiting = Promise.all([other.request({ after }), other.request({ after })])
    void there.clock.sleep(3_000).then(() => complete(there, held, -2_900))
    assert.deepEqual(
      (await there.finish(waiting)).map(({ kind }) => kind),
      ['joined', 'joined'],
    )
  })

  it('are busy when another instance is in flight until their time is over', async () => {
    const there = room()
    there.putSlot(theirs(60_000))
    assert.deepEqual(await there.finish(there.request({}, 5_000)), { kind: 'busy' })
  })

  it('keep what was scheduled before a failure, here and elsewhere (11)', async () => {
    const there = room()
    await there.finish(complete(there, await lease(there)))
    const { scheduled } = there.slot()
    await there.finish(release(there, await lease(there, { force: true })))
    for (const instance of [there, on(there.beside())])
      assert.deepEqual(await there.finish(instance.request()), { kind: 'joined', scheduled })
  })
})

describe('while storage is away', () => {
  const away = (options?: CoreOptions): Room => {
    const there = room(options)
    there.faults.always('fails', 'readSlot', 'commit')
    return there
  }

  it('a request gets a lease of this process alone, which says that nothing is recorded', async () => {
    const there = away()
    const held = await lease(there)
    assert.equal(held.ownerToken, '')
    assert.equal(await there.finish(complete(there, held)), 'not_recorded')
    assert.equal(await there.finish(release(there, await lease(there, { force: true }))), 'not_recorded')
    assert.equal(there.rows.operations.size, 0)
  })

  it('the others of this process still wait and join', async () => {
    const there = away()
    const held = await lease(there)
    const waiting = there.request()
    await there.clock.advance(0)
    await there.finish(complete(there, held))
    assert.equal((await there.finish(waiting)).kind, 'joined')
  })

  it('the next one takes over after a failure, or after a holder that leaves', async () => {
    for (const end of ['release', 'leave'] as const) {
      const there = away()
      const held = await lease(there)
      const waiting = there.request()
      await there.clock.advance(0)
      if (end === 'release') await there.finish(release(there, held))
      else held.leave()
      assert.equal((await there.finish(waiting)).kind, 'lease')
    }
  })

  it('what this process has sent is joined from memory, if it covers the request', async () => {
    for (const before of [room(), away()]) {
      const held = await lease(before)
      await before.finish(complete(before, held))
      before.faults.always('fails', 'readSlot', 'commit')
      const joined = await before.finish(before.request())
      assert.ok(joined.kind === 'joined')
      assert.equal(joined.scheduled.operationId, held.operation.id)
      assert.equal((await before.finish(before.request({ after: aDuration('PT10S') }))).kind, 'lease')
    }
  })

  it('memory has ten thousand backends, and the oldest are forgotten first', async () => {
    const there = away()
    const backendOf = (index: number) => ({ backend: aBackend({ backendId: `b-${index}` }) })
    for (let index = 0; index <= 10_000; index += 1) {
      // The first one finds storage away; the circuit breaker answers the others at once.
      const turn = there.request(backendOf(index))
      await complete(there, leaseOf(await (index === 0 ? there.finish(turn) : turn)))
    }
    assert.equal((await there.finish(there.request(backendOf(10_000)))).kind, 'joined')
    assert.equal((await there.finish(there.request(backendOf(1)))).kind, 'joined')
    assert.equal((await there.finish(there.request(backendOf(0)))).kind, 'lease')
  })

  it('storage is asked again after five seconds, and its answer counts', async () => {
    const there = away()
    await there.finish(release(there, await lease(there)))
    const calls = there.faults.calls('readSlot')
    await there.clock.advance(4_000)
    await there.finish(release(there, await lease(there)))
    assert.equal(there.faults.calls('readSlot'), calls)
    there.faults.always('fine', 'readSlot', 'commit')
    await there.clock.advance(1_000)
    assert.notEqual((await lease(there)).ownerToken, '')
  })
})

describe('a delivery', () => {
  it('gets the lease under which its operation continues, and its send is counted', async () => {
    const there = room()
    const alert = anAcceptedAlert()
    there.putRow(alert)
    const held = leaseOf(await there.finish(there.delivery(alert, { generation: 2 })))
    assert.deepEqual([held.operation.id, held.operation.generation], [alert.id, 2])
    await there.finish(complete(there, held))
    assert.deepEqual(there.slot().alertSends, [START_EPOCH_MS])
  })

  it('without a row continues what its message says, and writes it', async () => {
    const there = room()
    const alert = anAcceptedAlert()
    leaseOf(await there.finish(there.delivery(alert)))
    assert.equal(there.row(alert.id)?.id, alert.id)
  })

  it('is counted where ARM may have acted, and not where it did not', async () => {
    const there = room()
    await there.finish(release(there, leaseOf(await there.finish(there.delivery())), false))
    assert.equal(there.slot().alertSends, undefined)
    await there.finish(release(there, leaseOf(await there.finish(there.delivery())), true))
    assert.deepEqual(there.slot().alertSends, [START_EPOCH_MS])
  })

  it('stops at the limit of the loop guard, which the requests of people do not', async () => {
    const there = room({ limitCount: 1 })
    await there.finish(complete(there, leaseOf(await there.finish(there.delivery()))))
    await there.clock.advance(TWO_MINUTES_MS)
    assert.deepEqual(await there.finish(there.delivery()), { kind: 'limit_reached' })
    assert.equal((await there.finish(there.request())).kind, 'lease')
  })

  it('joins what comes after its alert, also when that is over', async () => {
    const there = room()
    const alert = anAcceptedAlert()
    const scheduled = scheduledIn(60_000)
    there.putSlot({ scheduled })
    await there.clock.advance(600_000)
    assert.deepEqual(await there.finish(there.delivery(alert)), { kind: 'joined', scheduled })
  })

  it('joins what comes after now, although the instance that accepted its alert has a clock that is ahead', async () => {
    const there = room()
    const alert = anAcceptedAlert({}, { atEpochMs: START_EPOCH_MS + 10_000 })
    there.putSlot({ scheduled: scheduledIn(5_000) })
    assert.equal((await there.finish(there.delivery(alert))).kind, 'joined')
  })

  it('reads storage for itself after it has waited for another request of the process', async () => {
    const there = room()
    const held = await lease(there)
    const waiting = there.delivery()
    await there.clock.advance(0)
    await there.finish(complete(there, held))
    assert.equal((await there.finish(waiting)).kind, 'joined')
    assert.equal(there.faults.calls('readSlot'), 2)
  })

  it('is busy when its deadline comes first, in the process and among instances', async () => {
    const there = room()
    await lease(there)
    for (const instance of [there, on(there.beside())])
      assert.deepEqual(await there.finish(instance.delivery(undefined, { deadlineMs: 2_000 })), { kind: 'busy' })
  })

  it('is already done where its operation has ended', async () => {
    const there = room()
    const ended = anAcceptedAlert({ state: 'joined' })
    there.putRow(ended)
    assert.deepEqual(await there.finish(there.delivery(ended)), { kind: 'already_done', operation: ended })
  })

  it('gets no lease while storage is away: nothing is sent that cannot be recorded', async () => {
    const there = room()
    there.faults.always('fails', 'readSlot')
    assert.equal((await there.finish(there.delivery())).kind, 'storage_unavailable')
    assert.equal((await there.finish(there.delivery())).kind, 'storage_unavailable')
  })

  it('that ends in any way lets the next request of the process go ahead', async () => {
    const ended = anAcceptedAlert({ state: 'joined' })
    const there = room()
    there.putRow(ended)
    await there.finish(there.delivery(ended))
    there.faults.next('readSlot', () => {
      throw new TypeError('a defect')
    })
    await assert.rejects(there.finish(there.delivery()), TypeError)
    assert.equal((await there.finish(there.request())).kind, 'lease')
  })

  it('that joins tells the requests that wait in the process', async () => {
    const there = room({ latencyMs: 10 })
    there.putSlot({ scheduled: scheduledIn(60_000) })
    const turns = [there.delivery(), there.request()]
    assert.deepEqual(
      (await there.finish(Promise.all(turns))).map(({ kind }) => kind),
      ['joined', 'joined'],
    )
    assert.equal(there.faults.calls('readSlot'), 1)
  })
})

describe('recording a send that its holder could not record', () => {
  const setup = async () => {
    const there = room()
    const alert = anAcceptedAlert()
    there.putRow(alert)
    const { ownerToken } = leaseOf(await there.finish(there.delivery(alert)))
    const sent = { ...SENT, ownerToken, dueEpochMs: START_EPOCH_MS + TWO_MINUTES_MS }
    const record = (change: Partial<typeof sent> = {}) =>
      there.finish(
        there.coordinator.recordSent(aBackend(), alert, { ...sent, ...change }, (operation) =>
          advance(operation, { to: 'forwarded', dueEpochMs: sent.dueEpochMs, sent }, there.clock.now()),
        ),
      )
    return { ...there, alert, record }
  }

  it('writes the schedule with the time at which ARM was asked, and counts the send', async () => {
    const there = await setup()
    const end = await there.record()
    assert.ok(end.kind === 'recorded' && end.operation.state === 'forwarded')
    assert.deepEqual(there.slot(), {
      scheduled: { operationId: there.alert.id, dueEpochMs: START_EPOCH_MS + TWO_MINUTES_MS },
      alertSends: [START_EPOCH_MS],
    })
  })

  it('needs the owner token of the row', async () => {
    const there = await setup()
    assert.equal((await there.record({ ownerToken: 'forged' })).kind, 'already_done')
  })

  it('is not recorded while storage cannot be read', async () => {
    const there = await setup()
    there.faults.always('fails', 'readSlot')
    assert.deepEqual(await there.record(), { kind: 'not_recorded' })
  })

  it('throws a defect', async () => {
    const there = await setup()
    there.faults.next('readSlot', () => {
      throw new TypeError('a defect')
    })
    await assert.rejects(there.record(), TypeError)
  })
})

describe('a look for a dry run', () => {
  const lookAt = (there: Room, change: Partial<ReconnectCommand> = {}) =>
    there.finish(there.coordinator.look(aPermit(change), there.clock.now(), there.deadline()))

  it('says what a request would lead to: a send, or a join with its due time', async () => {
    const there = room()
    assert.deepEqual(await lookAt(there), { kind: 'forward' })
    there.putSlot({ scheduled: scheduledIn(60_000) })
    assert.deepEqual(await lookAt(there), { kind: 'join', dueEpochMs: START_EPOCH_MS + 60_000 })
    assert.deepEqual(await lookAt(there, { after: aDuration('PT10S') }), { kind: 'forward' })
    assert.deepEqual(await lookAt(there, { force: true }), { kind: 'forward' })
  })

  it('says of a request in flight that it would be joined, if the request may join its result', async () => {
    const there = room()
    there.putSlot(theirs(60_000))
    assert.deepEqual(await lookAt(there), { kind: 'join', dueEpochMs: START_EPOCH_MS + TWO_MINUTES_MS })
    assert.deepEqual(await lookAt(there, { after: aDuration('PT10S') }), { kind: 'forward' })
    assert.deepEqual(await lookAt(there, { force: true }), { kind: 'forward' })
  })

  it('changes nothing, and does not wait', async () => {
    const there = room()
    there.putSlot(theirs(60_000))
    await lookAt(there)
    assert.deepEqual([there.faults.calls('commit'), there.clock.now()], [0, START_EPOCH_MS])
    assert.equal((await there.beside().coordinator.look(aPermit(), START_EPOCH_MS, there.deadline())).kind, 'join')
  })

  it('knows nothing while storage cannot be read, and waits a quarter of the deadline at most', async () => {
    const there = room()
    there.faults.next('readSlot', 'fails', 'hangs')
    assert.deepEqual(await lookAt(there), { kind: 'unknown' })
    assert.deepEqual(await lookAt(there), { kind: 'unknown' })
    assert.equal(there.clock.now() - START_EPOCH_MS, DEADLINE_MS / 4)
    there.breaker.failed('storage failed')
    const calls = there.faults.calls('readSlot')
    assert.deepEqual(await lookAt(there), { kind: 'unknown' })
    assert.equal(there.faults.calls('readSlot'), calls, 'no call while the circuit breaker is open')
  })
})
