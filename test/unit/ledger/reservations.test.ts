import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Operation, OperationId } from '../../../src/domain/operation.ts'
import { createReservations, type Acquired, type Reservation } from '../../../src/ledger/reservations.ts'
import type { Scheduled, Slot } from '../../../src/ledger/slot.ts'
import { aBackend, aDeadline } from '../../support/builders.ts'
import { createFakeClock } from '../../support/fake-clock.ts'
import { createScriptedStore, ending, type Mishap } from '../../support/scripted-store.ts'
import { partitionKeyOf } from '../../../src/ledger/keys.ts'
import { anOperation } from './an-operation.ts'

const PARTITION = partitionKeyOf(aBackend().key)
const LEASE_MS = 45_000

function room(mishaps: { read?: Mishap[]; change?: Mishap[]; write?: Mishap[] } = {}) {
  const clock = createFakeClock()
  const store = createScriptedStore()
  store.mishaps.read.push(...(mishaps.read ?? []))
  store.mishaps.change.push(...(mishaps.change ?? []))
  store.mishaps.write.push(...(mishaps.write ?? []))
  let nonces = 0
  const reservations = createReservations({
    store,
    clock,
    leaseMs: LEASE_MS,
    createNonce: () => `mine-${(nonces += 1)}`,
    random: () => 0.5,
  })
  const accepted = anOperation({ state: 'accepted' })
  const acquire = (deadlineMs = 30_000, afterMs = 120_000): Promise<Acquired> =>
    ending(
      clock,
      reservations.acquire({
        partitionKey: PARTITION,
        ask: () => ({ nowEpochMs: clock.now(), wantedByEpochMs: clock.now() + afterMs, force: false, toleranceMs: 0 }),
        operation: () => accepted,
        deadline: aDeadline(clock, deadlineMs),
      }),
    )
  const started = (acquired: Acquired): Reservation => {
    assert.ok(acquired.kind === 'start', acquired.kind)
    return acquired.reservation
  }
  const due: Scheduled = { operationId: accepted.id, dueEpochMs: clock.now() + 120_000 }
  const forwarded: Operation = { ...accepted, state: 'forwarded' }
  const failed: Operation = { ...accepted, state: 'failed' }
  return { clock, store, acquire, started, due, accepted, forwarded, failed }
}

const foreign = (clock: { now(): number }, nonce = 'theirs'): Slot => ({
  flight: { operationId: 'theirs' as OperationId, nonce, leaseUntilEpochMs: clock.now() + LEASE_MS },
})
const earlier = (clock: { now(): number }, ms: number): Scheduled => ({
  operationId: 'earlier' as OperationId,
  dueEpochMs: clock.now() + ms,
})

test('takes an idle slot with its lease and its operation, and settles it: one read and two writes', async () => {
  const { clock, store, acquire, started, due, accepted, forwarded } = room()
  const reservation = started(await acquire())
  assert.equal(store.slot().flight?.operationId, accepted.id)
  const leaseMs = (store.slot().flight?.leaseUntilEpochMs ?? 0) - clock.now()
  assert.ok(leaseMs <= LEASE_MS && leaseMs > LEASE_MS - 200)
  assert.equal(store.operations.get(accepted.id)?.state, 'accepted')
  assert.equal(await reservation.settle(due, forwarded), true)
  assert.deepEqual(store.slot(), { scheduled: due })
  assert.equal(store.operations.get(accepted.id)?.state, 'forwarded')
  assert.deepEqual(store.calls, { read: 1, change: 2, write: 0, copy: 0, find: 0, insert: 0, count: 0 })
})

test('release keeps what was scheduled before, and writes the operation', async () => {
  const { clock, store, acquire, started, failed } = room()
  const before = earlier(clock, 600_000)
  store.put({ scheduled: before })
  const reservation = started(await acquire())
  assert.deepEqual(store.slot().scheduled, before)
  await reservation.release(failed)
  assert.deepEqual(store.slot(), { scheduled: before })
  assert.equal(store.operations.get(failed.id)?.state, 'failed')
})

for (const [what, slot] of [
  ['created', undefined],
  ['updated', 'before'],
] as const) {
  for (const mishap of ['lost', 'repeated'] as const) {
    test(`a slot that was ${what}, with the answer ${mishap}, is recognised as our own: ARM is not asked twice, and nobody waits for the lease`, async () => {
      const { clock, store, acquire, started, due, forwarded } = room({ change: [mishap] })
      if (slot !== undefined) store.put({ scheduled: earlier(clock, -1) })
      const reservation = started(await acquire())
      assert.deepEqual([store.calls.change, store.calls.read], [1, 2])
      assert.equal(await reservation.settle(due, forwarded), true, 'the ETag that was read back is good')
      assert.deepEqual(store.slot(), { scheduled: due })
    })
  }
}

test('a first write that is applied before the slot is looked at again is not waited for: it is our own', async () => {
  const { store, acquire, started, due, forwarded } = room({
    change: ['late'],
    read: ['fine', 'fine', () => store.applyLate()],
  })
  const reservation = started(await acquire())
  assert.equal(store.calls.change, 1)
  assert.equal(await reservation.settle(due, forwarded), true)
  assert.deepEqual(store.slot(), { scheduled: due })
})

test('a first write that is applied just before the second is met as a conflict, and is our own', async () => {
  const { store, acquire, started } = room({ change: ['late', () => store.applyLate()] })
  started(await acquire())
  assert.equal(store.calls.change, 2)
})

test('a first write that is applied after the second changes nothing', async () => {
  const { store, acquire, started, due, forwarded } = room({ change: ['late'] })
  const reservation = started(await acquire())
  store.applyLate()
  assert.equal(await reservation.settle(due, forwarded), true)
  assert.deepEqual(store.slot(), { scheduled: due })
})

test('what is scheduled in time is joined without a write', async () => {
  const { clock, store, acquire } = room()
  const scheduled = earlier(clock, 60_000)
  store.put({ scheduled })
  assert.deepEqual(await acquire(), { kind: 'join', scheduled })
  assert.equal(store.calls.change, 0)
})

test('somebody else’s flight is waited for with looks that grow rarer, until the deadline', async () => {
  const { clock, store, acquire } = room()
  store.put(foreign(clock))
  const startedAt = clock.now()
  assert.deepEqual(await acquire(10_000), { kind: 'busy' })
  assert.ok(clock.now() - startedAt >= 10_000 && clock.now() - startedAt <= 10_100)
  assert.ok(store.calls.read > 8 && store.calls.read < 20, `${store.calls.read} looks`)
  assert.equal(store.calls.change, 0)
})

test('it is taken over when its lease ends, and not before', async () => {
  const { clock, store, acquire, started } = room()
  store.put(foreign(clock))
  const startedAt = clock.now()
  started(await acquire(60_000))
  assert.ok(clock.now() - startedAt >= LEASE_MS && clock.now() - startedAt <= LEASE_MS + 1_100)
})

test('it is joined as soon as it is seen to be scheduled', async () => {
  const { clock, store, acquire } = room()
  store.put(foreign(clock))
  const scheduled = earlier(clock, 100_000)
  void clock.sleep(3_000).then(() => store.put({ scheduled }))
  assert.deepEqual(await acquire(), { kind: 'join', scheduled })
})

test('who meets a conflict looks again and decides anew', async () => {
  const { clock, store, acquire } = room()
  const scheduled = earlier(clock, 60_000)
  store.mishaps.change.push(() => store.put({ scheduled }))
  assert.deepEqual(await acquire(), { kind: 'join', scheduled })
})

test('a storm of conflicts is survived, and given up only when it does not end', async () => {
  const survived = room()
  survived.store.mishaps.change.push(...Array.from({ length: 15 }, () => () => survived.store.put({})))
  survived.started(await survived.acquire())
  const endless = room()
  endless.store.mishaps.change.push(...Array.from({ length: 99 }, () => () => endless.store.put({})))
  assert.equal((await endless.acquire()).kind, 'unavailable')
  assert.equal(endless.store.calls.change, 20)
})

test('conflicts in a row are counted: waiting in between begins anew', async () => {
  const { clock, store, acquire, started } = room()
  const conflict = (): void => store.put({})
  const elsewhere = (): void =>
    store.put({ flight: { operationId: 'x' as OperationId, nonce: 'theirs', leaseUntilEpochMs: clock.now() + 400 } })
  store.mishaps.change.push(
    ...Array.from({ length: 11 }, () => conflict),
    elsewhere,
    ...Array.from({ length: 11 }, () => conflict),
  )
  started(await acquire())
})

test('storage that fails twice in a row is down, on reads and on writes', async () => {
  for (const mishaps of [
    { read: ['refused', 'refused'] },
    { change: ['refused', 'refused'] },
    { read: ['fine', 'refused', 'refused'], change: ['refused'] },
  ] as { read?: Mishap[]; change?: Mishap[] }[]) {
    const { acquire, clock } = room(mishaps)
    const startedAt = clock.now()
    assert.equal((await acquire()).kind, 'unavailable')
    assert.ok(clock.now() - startedAt < 500)
  }
})

test('storage that fails once is asked again', async () => {
  for (const mishaps of [{ read: ['refused'] }, { change: ['refused'] }] as const) {
    const { acquire, started } = room({
      read: [...('read' in mishaps ? mishaps.read : [])],
      change: [...('change' in mishaps ? mishaps.change : [])],
    })
    started(await acquire())
  }
})

test('a fault now and then, while somebody else’s flight is waited for, is not storage being down', async () => {
  const { clock, store, acquire } = room({ read: ['fine', 'refused', 'fine', 'fine', 'refused', 'fine', 'refused'] })
  store.put(foreign(clock))
  assert.deepEqual(await acquire(10_000), { kind: 'busy' })
})

for (const mishap of ['lost', 'repeated', 'refused', 'late'] as const) {
  test(`settle whose write is ${mishap} ends with the reconnect that counts, and its operation`, async () => {
    const { store, acquire, started, due, forwarded } = room({ change: ['fine', mishap] })
    const reservation = started(await acquire())
    assert.equal(await reservation.settle(due, forwarded), true)
    store.applyLate()
    assert.deepEqual(store.slot(), { scheduled: due })
    assert.equal(store.operations.get(forwarded.id)?.state, 'forwarded')
  })

  test(`release whose write is ${mishap} frees the slot, and its operation is written`, async () => {
    const { store, acquire, started, failed } = room({ change: ['fine', mishap] })
    const reservation = started(await acquire())
    await reservation.release(failed)
    store.applyLate()
    assert.deepEqual(store.slot(), {})
    assert.equal(store.operations.get(failed.id)?.state, 'failed')
  })
}

test('settle that nobody can write throws after two faults', async () => {
  const { acquire, started, due, forwarded } = room({ change: ['fine', 'refused', 'refused'] })
  await assert.rejects(started(await acquire()).settle(due, forwarded), /refused/)
})

for (const how of ['settle', 'release'] as const) {
  test(`who was superseded changes nothing but its own operation (${how})`, async () => {
    const { clock, store, acquire, started, due, forwarded, failed } = room()
    const reservation = started(await acquire())
    const theirs: Slot = { ...foreign(clock), scheduled: earlier(clock, 5_000) }
    store.put(theirs)
    if (how === 'settle') assert.equal(await reservation.settle(due, forwarded), false)
    else await reservation.release(failed)
    assert.deepEqual(store.slot(), theirs)
    assert.equal(store.operations.get(forwarded.id)?.state, how === 'settle' ? 'forwarded' : 'failed')
  })
}

test('storage that hangs takes no more than a part of the time that a request has', async () => {
  const { clock, acquire } = room({ read: ['hang', 'fine'], change: ['hang'] })
  const startedAt = clock.now()
  assert.equal((await acquire(4_000)).kind, 'unavailable')
  assert.ok(clock.now() - startedAt <= 2_000, `${clock.now() - startedAt} ms`)
  assert.equal(clock.sleeping(), 0)
})
