/** One request per backend among all instances. Numbers in parentheses are the invariants of docs/coordination.md. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { createLeases, type Leased, type SharedLease } from '../../../src/coordination/lease.ts'
import type { AlertSend, InFlight, Slot } from '../../../src/coordination/slot.ts'
import { advance, type Scheduled, type SentFacts, type StoredOperation } from '../../../src/domain/operation.ts'
import type { OperationId } from '../../../src/domain/operation-id.ts'
import { partitionKeyOf } from '../../../src/storage/keys.ts'
import { anAcceptedAlert, anOperation } from '../../support/an-operation.ts'
import { A_LIMIT, aBackend } from '../../support/builders.ts'
import { createCore, type CoreOptions } from '../../support/core.ts'
import { createFakeClock, START_EPOCH_MS } from '../../support/fake-clock.ts'
import type { Mishap } from '../../support/store-faults.ts'

const PARTITION = partitionKeyOf(aBackend().key)
const LEASE_MS = 45_000
const AFTER_MS = 120_000
const SENT: SentFacts = { attempts: 1, ambiguous: false, arm: { status: 202, requestId: 'r' } }
const ERROR = { code: 'C', message: 'm' }
/** A person's name with which the row is not minimal. */
const NAMED = { kind: 'user', id: 'u', name: 'A name' }

function room(options: CoreOptions = {}) {
  const core = createCore(options)
  const { clock } = core
  const leases = createLeases({
    store: core.store,
    breaker: core.breaker,
    clock,
    leaseMs: LEASE_MS,
    createToken: randomUUID,
    random: () => 0.5,
  })
  const begun = anOperation({ state: 'accepted', attempts: 0, caller: NAMED }, { atEpochMs: clock.now() })
  const alert = anAcceptedAlert({}, { atEpochMs: clock.now() })

  interface Acquire {
    readonly deadlineMs?: number
    readonly afterMs?: number
    readonly limitCount?: number
    /** Present: for a message of the queue about this alert. */
    readonly generation?: number
    readonly operation?: StoredOperation
  }
  function begin({ deadlineMs = 30_000, afterMs = AFTER_MS, limitCount, generation, ...more }: Acquire = {}) {
    const { operation = generation === undefined ? begun : alert } = more
    return leases.acquire({
      partitionKey: PARTITION,
      sending: (from, ownerToken) =>
        advance(
          from ?? operation,
          { to: 'sending', ownerToken, ...(generation === undefined ? {} : { generation }) },
          clock.now(),
        ),
      ask: (waitedFor) => ({
        nowEpochMs: clock.now(),
        sinceEpochMs: Date.parse(operation.requestedAt),
        wantedByEpochMs: clock.now() + afterMs,
        force: false,
        ...(waitedFor === undefined ? {} : { waitedFor }),
        ...(limitCount === undefined ? {} : { limit: { ...A_LIMIT, count: limitCount } }),
      }),
      afterMs,
      deadline: core.deadline(deadlineMs),
      ...(generation === undefined ? {} : { message: { operationId: operation.id, generation } }),
    })
  }
  const acquire = (how?: Acquire): Promise<Leased> => clock.finish(begin(how))
  async function lease(how?: Acquire): Promise<SharedLease> {
    const leased = await acquire(how)
    assert.ok(leased.kind === 'lease', leased.kind)
    return leased.lease
  }
  const forwarded = (held: SharedLease): StoredOperation =>
    advance(held.operation, { to: 'forwarded', dueEpochMs: clock.now() + AFTER_MS, sent: SENT }, clock.now())
  const failed = (held: SharedLease): StoredOperation =>
    advance(held.operation, { to: 'failed', error: ERROR, sent: SENT }, clock.now())
  const scheduledOf = ({ operation }: SharedLease): Scheduled => ({
    operationId: operation.id,
    dueEpochMs: START_EPOCH_MS + AFTER_MS,
  })
  return {
    ...core,
    leases,
    begun,
    alert,
    acquire,
    lease,
    forwarded,
    failed,
    scheduledOf,
    complete: (held: SharedLease, send?: AlertSend) =>
      clock.finish(held.complete(forwarded(held), scheduledOf(held), send)),
    release: (held: SharedLease, to = failed(held), send?: AlertSend) => clock.finish(held.release(to, send)),
  }
}

type Room = ReturnType<typeof room>
const theirs = (_there: Pick<Room, 'clock'>, change: Partial<InFlight> = {}): Slot => ({
  inFlight: {
    operationId: 'theirs' as OperationId,
    ownerToken: 'theirs',
    leaseUntilEpochMs: START_EPOCH_MS + LEASE_MS,
    earliestDueEpochMs: START_EPOCH_MS + AFTER_MS,
    ...change,
  },
})
const scheduledIn = ({ clock }: Pick<Room, 'clock'>, ms: number): Scheduled => ({
  operationId: 'earlier' as OperationId,
  dueEpochMs: clock.now() + ms,
})

describe('taking a lease', () => {
  it('writes the slot and the operation in one transaction: owner token, end of the lease, earliest due time (1)', async () => {
    const there = room()
    const startedAt = there.clock.now()
    const { ownerToken, operation } = await there.lease()
    assert.deepEqual(there.slot().inFlight, {
      operationId: operation.id,
      ownerToken,
      leaseUntilEpochMs: startedAt + LEASE_MS,
      earliestDueEpochMs: startedAt + AFTER_MS,
    })
    assert.deepEqual(there.row(operation.id), operation)
    assert.deepEqual([operation.state, operation.sendingBy], ['accepted', ownerToken])
    assert.deepEqual([there.faults.calls('readSlot'), there.faults.calls('commit')], [1, 1])
  })

  it('gives every holder a token of its own', async () => {
    const there = room()
    const first = await there.lease()
    await there.release(first)
    assert.notEqual((await there.lease({ operation: anOperation({ state: 'accepted' }) })).ownerToken, first.ownerToken)
  })

  it('keeps what is scheduled (11)', async () => {
    const there = room()
    const scheduled = scheduledIn(there, 600_000)
    there.putSlot({ scheduled })
    await there.lease()
    assert.deepEqual(there.slot().scheduled, scheduled)
  })

  it('joins what is scheduled in time, without a write', async () => {
    const there = room()
    const scheduled = scheduledIn(there, 60_000)
    there.putSlot({ scheduled })
    assert.deepEqual(await there.acquire(), { kind: 'joined', scheduled, waited: false })
    assert.equal(there.faults.calls('commit'), 0)
  })

  it('stops at the limit for alerts', async () => {
    const there = room()
    there.putSlot({ alertSends: [there.clock.now()] })
    assert.deepEqual(await there.acquire({ limitCount: 1 }), { kind: 'limit_reached' })
    assert.equal((await there.acquire({ limitCount: 2 })).kind, 'lease')
  })
})

describe('while another instance is in flight', () => {
  it('the request looks again with growing pauses until its deadline, and then it is busy', async () => {
    const there = room()
    there.putSlot(theirs(there))
    const startedAt = there.clock.now()
    assert.deepEqual(await there.acquire({ deadlineMs: 10_000 }), { kind: 'busy' })
    assert.equal(there.clock.now() - startedAt, 10_000)
    const looks = there.faults.calls('readSlot')
    assert.ok(looks > 8 && looks < 20, `${looks} looks`)
    assert.equal(there.faults.calls('commit'), 0)
    assert.equal(there.clock.sleeping(), 0)
  })

  it('the lease is taken over when it ends, and not before (12)', async () => {
    const there = room()
    there.putSlot(theirs(there))
    const startedAt = there.clock.now()
    await there.lease({ deadlineMs: 60_000 })
    const tookMs = there.clock.now() - startedAt
    assert.ok(tookMs >= LEASE_MS && tookMs <= LEASE_MS + 1_000, `${tookMs} ms`)
  })

  it('its result is joined as soon as it is seen', async () => {
    const there = room()
    there.putSlot(theirs(there))
    const scheduled = scheduledIn(there, 100_000)
    void there.clock.sleep(3_000).then(() => there.putSlot({ scheduled }))
    assert.deepEqual(await there.acquire(), { kind: 'joined', scheduled, waited: false })
  })

  it('its result is joined by a request that waited for it, also where it is due at once', async () => {
    const there = room()
    there.putSlot(theirs(there))
    const scheduled = { operationId: 'theirs' as OperationId, dueEpochMs: there.clock.now() + 500 }
    void there.clock.sleep(3_000).then(() => there.putSlot({ scheduled }))
    assert.deepEqual(await there.acquire({ afterMs: 1_000 }), { kind: 'joined', scheduled, waited: true })
  })
})

describe('a conflict', () => {
  it('makes the request look again and decide anew (2)', async () => {
    const there = room()
    const scheduled = scheduledIn(there, 60_000)
    there.faults.next('commit', () => there.putSlot({ scheduled }))
    assert.deepEqual(await there.acquire(), { kind: 'joined', scheduled, waited: false })
  })

  it('is survived fifty times in a row; then the request is busy, and storage is not called away', async () => {
    const conflicts = (there: Room, count: number): void =>
      there.faults.next(
        'commit',
        ...Array.from({ length: count }, (): Mishap => () => there.putSlot({ alertSends: [1] })),
      )
    const patient = room()
    conflicts(patient, 50)
    await patient.lease()
    const endless = room()
    conflicts(endless, 51)
    assert.deepEqual(await endless.acquire(), { kind: 'busy' })
    assert.equal(endless.faults.calls('commit'), 51)
    assert.equal(endless.breaker.isOpen(), false)
  })

  it('counts in a row: a wait for another instance in between starts the count again', async () => {
    const there = room()
    const conflict: Mishap = () => there.putSlot({ alertSends: [1] })
    const elsewhere: Mishap = () => there.putSlot(theirs(there, { leaseUntilEpochMs: there.clock.now() + 400 }))
    there.faults.next(
      'commit',
      ...Array.from({ length: 30 }, () => conflict),
      elsewhere,
      ...Array.from({ length: 30 }, () => conflict),
    )
    await there.lease()
  })

  it('of the operation alone is a conflict too: its row is compared inside the transaction (3)', async () => {
    const there = room()
    there.putRow(there.alert)
    there.faults.next('commit', () => there.putRow({ ...there.alert, state: 'joined' }))
    assert.equal((await there.acquire({ generation: 0 })).kind, 'already_done')
    assert.equal(there.slot().inFlight, undefined)
    assert.equal(there.row(there.alert.id)?.state, 'joined')
  })
})

describe('storage that fails while a lease is taken', () => {
  for (const name of ['readSlot', 'commit'] as const) {
    it(`once (${name}): the call is repeated`, async () => {
      const there = room()
      there.faults.next(name, 'fails')
      await there.lease()
      assert.equal(there.breaker.isOpen(), false)
    })

    it(`twice in a row (${name}): storage is away, for this request and for the next ones`, async () => {
      const there = room()
      there.faults.always('fails', name)
      const startedAt = there.clock.now()
      assert.equal((await there.acquire()).kind, 'storage_unavailable')
      assert.ok(there.clock.now() - startedAt <= 200)
      const calls = there.faults.calls(name)
      assert.equal((await there.acquire()).kind, 'storage_unavailable')
      assert.equal(there.faults.calls(name), calls, 'no call while the circuit breaker is open')
    })
  }

  it('now and then during a long wait is no outage', async () => {
    const there = room()
    there.putSlot(theirs(there))
    there.faults.next('readSlot', 'fine', 'fails', 'fine', 'fine', 'fails', 'fine', 'fails')
    assert.deepEqual(await there.acquire({ deadlineMs: 10_000 }), { kind: 'busy' })
  })

  it('and hangs takes a part of the time that the request has', async () => {
    const there = room()
    there.faults.always('hangs', 'readSlot')
    const startedAt = there.clock.now()
    assert.equal((await there.acquire({ deadlineMs: 4_000 })).kind, 'storage_unavailable')
    assert.ok(there.clock.now() - startedAt <= 2_000, `${there.clock.now() - startedAt} ms`)
    assert.equal(there.clock.sleeping(), 0)
  })

  it('has at least 50 ms for a call, however little time is left', async () => {
    const there = room({ latencyMs: 40 })
    assert.equal((await there.acquire({ deadlineMs: 60 })).kind, 'lease')
  })

  it('a defect is thrown, and is no fault of storage', async () => {
    const there = room()
    there.faults.next('commit', () => {
      throw new TypeError('a defect')
    })
    await assert.rejects(there.acquire(), TypeError)
  })
})

describe('a write whose answer was lost while a lease is taken', () => {
  for (const kind of ['created', 'updated'] as const) {
    it(`is recognised by its owner token where the slot was ${kind}: nothing is sent twice (2)`, async () => {
      const there = room()
      if (kind === 'updated') there.putSlot({ scheduled: scheduledIn(there, -1) })
      there.faults.next('commit', 'answer-lost')
      const held = await there.lease()
      assert.equal(there.faults.calls('commit'), 1)
      assert.equal(there.slot().inFlight?.ownerToken, held.ownerToken)
      assert.equal(await there.complete(held), 'recorded')
      assert.deepEqual([there.slot().inFlight, there.row(held.operation.id)?.state], [undefined, 'forwarded'])
    })
  }

  it('and whose verifying read fails too is storage being away; the lease ends by itself (12)', async () => {
    const there = room()
    there.faults.next('commit', 'answer-lost')
    there.faults.next('readSlot', 'fine', 'fails')
    assert.equal((await there.acquire()).kind, 'storage_unavailable')
    await there.clock.advance(LEASE_MS)
    assert.equal((await there.acquire({ operation: anOperation({ state: 'accepted' }) })).kind, 'lease')
  })

  it('is recognised when it is applied late, before the second write', async () => {
    const there = room()
    there.faults.next('commit', 'late', () => there.faults.applyLate())
    const held = await there.lease()
    assert.equal(there.faults.calls('commit'), 2)
    assert.equal(await there.complete(held), 'recorded')
  })

  it('changes nothing when it is applied late, after the second write', async () => {
    const there = room()
    there.faults.next('commit', 'late')
    const held = await there.lease()
    there.faults.applyLate()
    assert.equal(await there.complete(held), 'recorded')
    assert.deepEqual(there.slot(), { scheduled: there.scheduledOf(held) })
  })
})

describe('a lease for a message of the queue', () => {
  it('continues the row, and raises its generation to the one of the message', async () => {
    const there = room()
    there.putRow({ ...there.alert, attempts: 3, error: ERROR, generation: 1 })
    const { operation } = await there.lease({ generation: 2 })
    assert.deepEqual([operation.attempts, operation.error, operation.generation], [3, ERROR, 2])
  })

  it('is not needed where the operation has ended (8)', async () => {
    for (const state of ['forwarded', 'joined', 'failed', 'abandoned', 'exhausted', 'dry-run'] as const) {
      const there = room()
      const ended = { ...there.alert, state }
      there.putRow(ended)
      assert.deepEqual(await there.acquire({ generation: 0 }), { kind: 'already_done', operation: ended })
    }
  })

  it('is not needed where a later message stands for the operation (8)', async () => {
    const there = room()
    there.putRow({ ...there.alert, generation: 2 })
    assert.equal((await there.acquire({ generation: 1 })).kind, 'already_done')
    assert.equal((await there.acquire({ generation: 2 })).kind, 'lease')
  })

  it('is not needed where the reconnect of the operation is what is scheduled, also without a row', async () => {
    const there = room()
    there.putSlot({ scheduled: { operationId: there.alert.id, dueEpochMs: there.clock.now() - 600_000 } })
    assert.deepEqual(await there.acquire({ generation: 0 }), { kind: 'already_done', operation: undefined })
  })

  it('is waited for while the operation itself is in flight: that is never a reason to delete a copy (8)', async () => {
    const there = room()
    const first = await there.lease({ generation: 0 })
    assert.equal((await there.acquire({ generation: 0, deadlineMs: 5_000 })).kind, 'busy')
    await there.complete(first)
    assert.equal((await there.acquire({ generation: 0 })).kind, 'already_done')
  })

  it('is busy before the time that the row names, and to be had from then on', async () => {
    const there = room()
    const notBefore = new Date(there.clock.now() + 1_000).toISOString()
    there.putRow({ ...there.alert, notBefore })
    assert.equal((await there.acquire({ generation: 0 })).kind, 'busy')
    await there.clock.advance(1_000)
    assert.equal((await there.acquire({ generation: 0 })).kind, 'lease')
  })

  it('a later message does not wait for the time that the row names for an earlier one', async () => {
    const there = room()
    there.putRow({ ...there.alert, notBefore: new Date(there.clock.now() + 1_000).toISOString() })
    assert.equal((await there.acquire({ generation: 1 })).kind, 'lease')
  })
})

describe('completing', () => {
  it('writes the schedule and the operation in one transaction, with the ETags in hand', async () => {
    const there = room()
    const held = await there.lease()
    assert.equal(await there.complete(held), 'recorded')
    assert.deepEqual(there.slot(), { scheduled: there.scheduledOf(held) })
    assert.deepEqual(there.row(held.operation.id), there.forwarded(held))
    assert.deepEqual([there.faults.calls('readSlot'), there.faults.calls('commit')], [1, 2])
  })

  it('counts the send of an alert', async () => {
    const there = room()
    const held = await there.lease({ generation: 0 })
    await there.complete(held, { atEpochMs: there.clock.now(), limit: A_LIMIT })
    assert.deepEqual(there.slot().alertSends, [there.clock.now()])
  })

  for (const mishap of ['fails', 'answer-lost', 'late'] as const) {
    it(`is repeated where the write ${mishap}, and ends with one schedule and one end`, async () => {
      const there = room()
      const held = await there.lease()
      there.faults.next('commit', mishap)
      const to = there.forwarded(held)
      const scheduled = there.scheduledOf(held)
      assert.equal(await there.clock.finish(held.complete(to, scheduled)), 'recorded')
      there.faults.applyLate()
      assert.deepEqual(there.slot(), { scheduled })
      assert.deepEqual(there.row(to.id), to)
    })
  }

  it('is tried twelve times, and then it is not recorded', async () => {
    const there = room()
    const held = await there.lease()
    there.faults.always('fails', 'commit')
    assert.equal(await there.complete(held), 'not_recorded')
    assert.equal(there.faults.calls('commit'), 1 + 12)
  })

  it('ends with the lease, however slow storage is', async () => {
    const there = room({ latencyMs: 900 })
    const held = await there.lease()
    there.faults.always(() => there.putSlot({ ...there.slot(), alertSends: [1] }), 'commit')
    const startedAt = there.clock.now()
    assert.equal(await there.complete(held), 'not_recorded')
    const tookMs = there.clock.now() - startedAt
    assert.ok(tookMs >= LEASE_MS && tookMs < LEASE_MS + 2_000, `${tookMs} ms`)
  })

  it('is given up after fifty conflicts in a row', async () => {
    const there = room()
    const held = await there.lease()
    there.faults.always(() => there.putSlot({ ...there.slot(), alertSends: [1] }), 'commit')
    assert.equal(await there.complete(held), 'not_recorded')
    assert.equal(there.faults.calls('commit'), 1 + 51)
  })

  it('meets a conflict by reading again (2)', async () => {
    const there = room()
    const held = await there.lease()
    there.faults.next('commit', () => there.putSlot({ ...there.slot(), alertSends: [1] }))
    assert.equal(await there.complete(held), 'recorded')
    assert.deepEqual(there.slot().alertSends, [1])
  })

  it('does not replace an end that is there, and still frees the slot (3)', async () => {
    const there = room()
    const held = await there.lease({ generation: 0 })
    const scheduled = there.scheduledOf(held)
    there.putRow({ ...there.alert, state: 'joined' })
    assert.equal(await there.complete(held), 'recorded')
    assert.equal(there.row(there.alert.id)?.state, 'joined')
    assert.deepEqual(there.slot(), { scheduled })
  })

  it('replaces failed and abandoned: ARM’s 202 is in hand (3)', async () => {
    for (const state of ['failed', 'abandoned'] as const) {
      const there = room()
      const held = await there.lease({ generation: 0 })
      there.putRow({ ...there.alert, state, error: ERROR })
      assert.equal(await there.complete(held), 'recorded')
      assert.equal(there.row(there.alert.id)?.state, 'forwarded')
    }
  })

  it('after the lease was lost writes the operation and leaves the slot to its owner (2)', async () => {
    const there = room()
    const held = await there.lease()
    const slot = { ...theirs(there), scheduled: scheduledIn(there, 5_000) }
    there.putSlot(slot)
    assert.equal(await there.complete(held), 'recorded')
    assert.deepEqual(there.slot(), slot)
    assert.equal(there.row(held.operation.id)?.state, 'forwarded')
  })

  it('after the lease was lost leaves another end as it is', async () => {
    const there = room()
    const held = await there.lease({ generation: 0 })
    there.putSlot(theirs(there))
    there.putRow({ ...there.alert, state: 'joined' })
    assert.equal(await there.complete(held), 'recorded')
    assert.equal(there.row(there.alert.id)?.state, 'joined')
  })

  it('a defect is thrown', async () => {
    const there = room()
    const held = await there.lease()
    there.faults.next('commit', () => {
      throw new TypeError('a defect')
    })
    await assert.rejects(there.complete(held), TypeError)
  })
})

describe('releasing', () => {
  it('keeps what was scheduled, and writes the operation (11)', async () => {
    const there = room()
    const scheduled = scheduledIn(there, 600_000)
    there.putSlot({ scheduled })
    const held = await there.lease()
    assert.equal(await there.release(held), 'recorded')
    assert.deepEqual(there.slot(), { scheduled })
    assert.equal(there.row(held.operation.id)?.state, 'failed')
  })

  for (const mishap of ['fails', 'answer-lost', 'late'] as const) {
    it(`is repeated where the write ${mishap}, for a person and for a message`, async () => {
      for (const how of [{}, { generation: 0 }]) {
        const there = room()
        const held = await there.lease(how)
        there.faults.next('commit', mishap)
        const to = there.failed(held)
        assert.equal(await there.release(held, to), 'recorded')
        there.faults.applyLate()
        assert.deepEqual(there.slot(), {})
        assert.deepEqual(there.row(to.id), to)
      }
    })
  }

  it('that puts a message off is recognised after a lost answer by its generation', async () => {
    const there = room()
    const held = await there.lease({ generation: 0 })
    const waiting = advance(held.operation, { to: 'waiting', error: ERROR, generation: 1 }, there.clock.now())
    there.faults.next('commit', 'answer-lost')
    assert.equal(await there.release(held, waiting), 'recorded')
    assert.deepEqual(there.row(waiting.id), waiting)
  })

  it('by a person or tool who lost the lease writes the operation and leaves the slot to its owner', async () => {
    const there = room()
    const held = await there.lease()
    const slot = theirs(there)
    there.putSlot(slot)
    assert.equal(await there.release(held), 'recorded')
    assert.deepEqual(there.slot(), slot)
    assert.equal(there.row(held.operation.id)?.state, 'failed')
  })

  it('by a message that lost the lease writes nothing: another delivery may be sending (4)', async () => {
    const there = room()
    const held = await there.lease({ generation: 0 })
    const slot = theirs(there, { operationId: there.alert.id })
    there.putSlot(slot)
    assert.equal(await there.release(held), 'lost')
    assert.deepEqual(there.slot(), slot)
    assert.deepEqual(there.row(there.alert.id), held.operation)
  })

  it('by a message that lost the lease to a delivery that ended writes nothing', async () => {
    const there = room()
    const held = await there.lease({ generation: 0 })
    there.putSlot({ scheduled: scheduledIn(there, 5_000) })
    const ended = { ...there.alert, state: 'forwarded' } as const
    there.putRow(ended)
    assert.equal(await there.release(held), 'lost')
    assert.deepEqual(there.row(there.alert.id), ended)
  })
})

describe('a row that storage refuses', () => {
  it('is written in a minimal form when the lease is taken, and the circuit breaker stays closed', async () => {
    for (const how of [{}, { generation: 0 }]) {
      const there = room()
      there.faults.next('commit', 'refuses')
      const held = await there.lease(how)
      assert.equal(there.row(held.operation.id)?.caller.name, undefined)
      assert.equal(there.slot().inFlight?.ownerToken, held.ownerToken)
      assert.equal(there.breaker.isOpen(), false)
    }
  })

  it('in every form leaves the circuit breaker closed: storage is well', async () => {
    const there = room()
    there.faults.always('refuses', 'commit')
    assert.equal((await there.acquire()).kind, 'storage_unavailable')
    assert.equal(there.breaker.isOpen(), false)
  })

  it('is written in a minimal form when the lease ends: what ARM said reaches the slot', async () => {
    const there = room()
    const held = await there.lease()
    there.faults.next('commit', 'refuses')
    assert.equal(await there.complete(held), 'recorded')
    assert.deepEqual(there.slot(), { scheduled: there.scheduledOf(held) })
    const row = there.row(held.operation.id)
    assert.deepEqual([row?.state, row?.caller.name], ['forwarded', undefined])
  })

  it('in every form reaches the slot alone, and is not recorded', async () => {
    const there = room()
    const held = await there.lease()
    there.faults.next('commit', 'refuses', 'refuses')
    assert.equal(await there.complete(held), 'not_recorded')
    assert.deepEqual(there.slot(), { scheduled: there.scheduledOf(held) })
    assert.equal(there.row(held.operation.id)?.state, 'accepted')
  })

  it('in every form, with faults in between, reaches the slot in the second attempt', async () => {
    const there = room()
    const held = await there.lease()
    there.faults.next('commit', 'refuses', 'refuses', 'fails')
    assert.equal(await there.complete(held), 'not_recorded')
    assert.deepEqual(there.slot(), { scheduled: there.scheduledOf(held) })
  })

  it('in every form, after the lease was lost, changes nothing', async () => {
    const there = room()
    const held = await there.lease()
    there.putSlot(theirs(there))
    there.faults.always('refuses', 'commit')
    assert.equal(await there.complete(held), 'not_recorded')
    assert.deepEqual(there.slot(), theirs(there))
  })

  it('in every form, with storage away for the slot, is tried as patiently as every end', async () => {
    const there = room()
    const held = await there.lease()
    there.faults.next('commit', 'refuses', 'refuses')
    there.faults.always('fails', 'commit')
    assert.equal(await there.complete(held), 'not_recorded')
    assert.equal(there.faults.calls('commit'), 1 + 2 + 12)
  })
})

describe('a message that carries ARM’s acceptance', () => {
  const setup = async () => {
    const there = room()
    const held = await there.lease({ generation: 0 })
    const scheduled = there.scheduledOf(held)
    const send = { atEpochMs: there.clock.now(), limit: A_LIMIT }
    const completeLater = (ownerToken = held.ownerToken) =>
      there.clock.finish(
        there.leases.completeLater(
          PARTITION,
          ownerToken,
          (operation) =>
            advance(operation, { to: 'forwarded', dueEpochMs: scheduled.dueEpochMs, sent: SENT }, there.clock.now()),
          { id: there.alert.id, scheduled, send },
        ),
      )
    return { ...there, held, scheduled, completeLater }
  }

  it('writes schedule, send and operation down', async () => {
    const there = await setup()
    const end = await there.completeLater()
    assert.equal(end.kind, 'recorded')
    assert.deepEqual(there.slot(), { scheduled: there.scheduled, alertSends: [there.clock.now()] })
    assert.equal(there.row(there.alert.id)?.state, 'forwarded')
  })

  it('decides nothing with another owner token: it was forged, or another delivery sends', async () => {
    const there = await setup()
    assert.equal((await there.completeLater('forged')).kind, 'already_done')
    assert.equal(there.row(there.alert.id)?.state, 'accepted')
    assert.equal(there.slot().scheduled, undefined)
  })

  it('decides nothing where the operation has ended', async () => {
    const there = await setup()
    await there.complete(there.held)
    assert.equal((await there.completeLater()).kind, 'already_done')
  })

  it('is not recorded without a row: the row alone proves who sent', async () => {
    const there = await setup()
    there.rows.operations.clear()
    assert.deepEqual(await there.completeLater(), { kind: 'not_recorded' })
    assert.equal(there.slot().scheduled, undefined)
  })

  it('writes the operation after the lease was lost, and leaves the slot to its owner', async () => {
    const there = await setup()
    there.putSlot(theirs(there))
    assert.equal((await there.completeLater()).kind, 'recorded')
    assert.deepEqual(there.slot(), theirs(there))
    assert.equal(there.row(there.alert.id)?.state, 'forwarded')
  })

  it('is not recorded while storage fails', async () => {
    const there = await setup()
    there.faults.always('fails', 'commit')
    assert.deepEqual(await there.completeLater(), { kind: 'not_recorded' })
  })
})

describe('two instances', () => {
  it('that ask at the same moment: one takes the lease, the other waits and joins', async () => {
    const clock = createFakeClock()
    const one = room({ clock })
    const two = room({ clock, rows: one.rows })
    const held = await one.lease()
    const waiting = two.acquire({ operation: anOperation({ state: 'accepted' }) })
    void clock.sleep(1_000).then(() => held.complete(one.forwarded(held), one.scheduledOf(held)))
    const joined = await waiting
    assert.ok(joined.kind === 'joined')
    assert.equal(joined.scheduled.operationId, held.operation.id)
  })
})
