import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ReconnectCommand } from '../../../src/domain/command.ts'
import type { OperationId } from '../../../src/domain/operation.ts'
import { createLedger } from '../../../src/ledger/ledger.ts'
import { createRecords } from '../../../src/ledger/records.ts'
import { LEASE_MARGIN_MS } from '../../../src/ledger/reservations.ts'
import { createStorageClock } from '../../../src/ledger/storage-clock.ts'
import type { Forwarded, Passage } from '../../../src/reconnect/ports.ts'
import { err, ok } from '../../../src/shared/result.ts'
import { A_LIMIT, aBackend, aDeadline, aDuration, aPermit, TOOL_ID } from '../../support/builders.ts'
import { createFakeClock, START_EPOCH_MS } from '../../support/fake-clock.ts'
import { createScriptedStore, ending } from '../../support/scripted-store.ts'

const DEADLINE_MS = 30_000
const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined }
const REFUSED: Forwarded = {
  result: err({ reason: 'arm_unreachable', detail: '' }),
  attempts: 3,
  ambiguous: true,
  arm: { status: 503, requestId: 'r' },
}

function room() {
  const clock = createFakeClock()
  const store = createScriptedStore()
  const records = createRecords(store, clock, QUIET, () => undefined)
  const storageClock = createStorageClock(clock)
  const ledger = createLedger({
    store,
    records,
    storageClock,
    clock,
    deadlineMs: DEADLINE_MS,
    describe: ({ reason }) => ({ code: reason, message: reason }),
    limit: A_LIMIT,
    random: () => 0.5,
  })
  let sends = 0
  /** ARM accepts a second later. */
  const accept = async (): Promise<Forwarded> => {
    sends += 1
    await clock.sleep(1_000)
    return {
      result: ok({ acceptedAtEpochMs: clock.now() }),
      attempts: 1,
      ambiguous: false,
      arm: { status: 202, requestId: 'r', correlationId: 'c' },
    }
  }
  const refuse = async (): Promise<Forwarded> => {
    sends += 1
    await clock.sleep(1_000)
    return REFUSED
  }
  const once = (change: Partial<ReconnectCommand> = {}, send = accept, deadlineMs = DEADLINE_MS): Promise<Passage> =>
    ledger.once(aPermit(change), aDeadline(clock, deadlineMs), send)
  return {
    clock,
    store,
    ledger,
    once,
    refuse,
    storageClock,
    sends: () => sends,
    end: <T>(promise: Promise<T>) => ending(clock, promise),
  }
}

/** Another instance on the same store. */
function beside({ clock, store }: ReturnType<typeof room>) {
  const records = createRecords(store, clock, QUIET, () => undefined)
  return createLedger({
    store,
    records,
    storageClock: createStorageClock(clock),
    clock,
    deadlineMs: DEADLINE_MS,
    describe: ({ reason }) => ({ code: reason, message: reason }),
    limit: A_LIMIT,
    random: () => 0.5,
  })
}

test('the first is sent, recorded, and due two minutes after ARM accepted', async () => {
  const { once, end, store, clock } = room()
  const passage = await end(once())
  assert.ok(passage.kind === 'sent' && passage.recorded)
  assert.ok(Math.abs(passage.dueEpochMs - (clock.now() + 120_000)) <= 100)
  const { operation } = passage
  assert.deepEqual(store.operations.get(operation.id), operation)
  assert.equal(operation.state, 'forwarded')
  assert.equal(operation.due, new Date(passage.dueEpochMs).toISOString())
  assert.deepEqual(operation.arm, { status: 202, requestId: 'r', correlationId: 'c' })
  assert.deepEqual(operation.caller, { kind: 'app', id: TOOL_ID })
  assert.equal(operation.backend, aBackend().resourceId)
  assert.deepEqual(store.slot(), { scheduled: { operationId: operation.id, dueEpochMs: passage.dueEpochMs } })
  await clock.advance(0)
  assert.equal(store.copies.get(operation.id)?.state, 'forwarded')
})

test('while it is sent the operation says accepted, and its lease outlives the deadline by the margin', async () => {
  const { once, store, clock } = room()
  void once()
  await clock.advance(500)
  assert.deepEqual(
    [...store.operations.values()].map(({ state }) => state),
    ['accepted'],
  )
  assert.deepEqual(
    [...store.copies.values()].map(({ state }) => state),
    ['accepted'],
  )
  assert.equal(store.slot().flight?.leaseUntilEpochMs, START_EPOCH_MS + DEADLINE_MS + LEASE_MARGIN_MS)
})

test('who comes meanwhile, and afterwards, joins, is told the same due time to the millisecond, and has an operation of its own', async () => {
  const there = room()
  const [sent, meanwhile] = await there.end(Promise.all([there.once(), there.once()]))
  const afterwards = await there.end(there.once())
  const elsewhere = await there.end(
    beside(there).once(aPermit(), aDeadline(there.clock), () => assert.fail('a second call to ARM')),
  )
  for (const joined of [meanwhile, afterwards, elsewhere]) {
    assert.ok(joined.kind === 'joined' && sent.kind === 'sent' && joined.recorded)
    assert.equal(joined.dueEpochMs, sent.dueEpochMs)
    assert.equal(joined.operation.joined, sent.operation.id)
    assert.equal(joined.operation.due, sent.operation.due)
    assert.equal(there.store.operations.get(joined.operation.id)?.state, 'joined')
  }
  assert.equal(there.sends(), 1)
})

test('a longer after joins, a shorter one does not and becomes the one that counts', async () => {
  const there = room()
  const first = await there.end(there.once())
  assert.equal((await there.end(there.once({ after: aDuration('PT1H') }))).kind, 'joined')
  const sooner = await there.end(there.once({ after: aDuration('PT10S') }))
  assert.equal(sooner.kind, 'sent')
  assert.notEqual(sooner.operation.id, first.operation.id)
  assert.equal(there.store.slot().scheduled?.operationId, sooner.operation.id)
  assert.equal(sooner.operation.after, 'PT10S')
})

test('force is sent although something is scheduled', async () => {
  const there = room()
  await there.end(there.once())
  assert.equal((await there.end(there.once({ force: true }))).kind, 'sent')
  assert.equal(there.sends(), 2)
})

test('what falls due while it is waited for is not joined', async () => {
  const there = room()
  const due = { operationId: 'first' as OperationId, dueEpochMs: START_EPOCH_MS + 5_000 }
  there.store.put({
    flight: { operationId: 'x' as OperationId, nonce: 'theirs', leaseUntilEpochMs: START_EPOCH_MS + 60_000 },
  })
  // The holder settles so late that what it scheduled is over by the next look.
  void there.clock.sleep(4_500).then(() => there.store.put({ scheduled: due }))
  assert.equal((await there.end(there.once())).kind, 'sent')
})

test('a refusal is told to its own caller alone; the next takes over and is sent', async () => {
  const there = room()
  const [first, second] = await there.end(Promise.all([there.once({}, there.refuse), there.once()]))
  assert.ok(first.kind === 'sent' && !first.forwarded.result.ok && first.recorded)
  assert.equal(first.operation.state, 'failed')
  assert.deepEqual(first.operation.error, { code: 'arm_unreachable', message: 'arm_unreachable' })
  assert.equal(first.operation.ambiguous, true)
  assert.equal(first.operation.attempts, 3)
  assert.equal(first.operation.due, undefined)
  assert.ok(second.kind === 'sent' && second.forwarded.result.ok)
  assert.deepEqual(there.store.slot(), {
    scheduled: { operationId: second.operation.id, dueEpochMs: second.dueEpochMs },
  })
})

test('a refusal leaves what was scheduled before, here and elsewhere', async () => {
  const there = room()
  const first = await there.end(there.once())
  await there.end(there.once({ force: true }, there.refuse))
  for (const ledger of [there.ledger, beside(there)]) {
    const joined = await there.end(
      ledger.once(aPermit(), aDeadline(there.clock), () => assert.fail('a second call to ARM')),
    )
    assert.equal(joined.operation.joined, first.operation.id)
  }
})

test('a defect while sending is thrown on, and neither the backend nor the process is locked', async () => {
  const there = room()
  await assert.rejects(there.end(there.once({}, () => Promise.reject(new TypeError('a defect')))), /a defect/)
  assert.deepEqual(there.store.slot(), {})
  assert.deepEqual(
    [...there.store.operations.values()].map(({ state, error }) => [state, error?.code]),
    [['failed', 'defect']],
  )
  assert.equal((await there.end(there.once())).kind, 'sent')
})

test('with storage down the request is sent, not recorded, and one per backend still holds in the process', async () => {
  const there = room()
  there.store.mishaps.read.push('refused', 'refused')
  const [sent, joined] = await there.end(Promise.all([there.once(), there.once()]))
  assert.ok(sent.kind === 'sent' && sent.forwarded.result.ok && !sent.recorded)
  assert.ok(joined.kind === 'joined' && !joined.recorded && joined.operation.joined === sent.operation.id)
  assert.equal(there.sends(), 1)
  assert.equal(there.store.operations.size, 0)
})

test('for five seconds nobody asks storage again, and then it is asked', async () => {
  const there = room()
  there.store.mishaps.read.push('refused', 'refused')
  await there.end(there.once({}, there.refuse))
  assert.equal((await there.end(there.once({}, there.refuse))).recorded, false)
  assert.equal(there.store.calls.read, 2)
  await there.clock.advance(5_000)
  assert.equal((await there.end(there.once())).recorded, true)
})

test('an outcome that cannot be written is told as not recorded, and joined all the same', async () => {
  const there = room()
  there.store.mishaps.change.push('fine', 'refused', 'refused')
  const sent = await there.end(there.once())
  assert.ok(sent.kind === 'sent' && sent.forwarded.result.ok && !sent.recorded)
  assert.equal((await there.end(there.once())).kind, 'joined')
})

test('busy when another instance holds the backend until the time runs out: recorded as failed, nothing sent', async () => {
  const there = room()
  there.store.put({
    flight: { operationId: 'x' as OperationId, nonce: 'theirs', leaseUntilEpochMs: START_EPOCH_MS + 60_000 },
  })
  const busy = await there.end(there.once({}, undefined, 5_000))
  assert.equal(busy.kind, 'busy')
  assert.equal(there.store.operations.get(busy.operation.id)?.error?.code, 'in_flight_elsewhere')
  assert.equal(there.sends(), 0)
})

test('busy inside a process too, and the one in flight is not disturbed', async () => {
  const there = room()
  const slow = there.once(
    {},
    async () => (
      await there.clock.sleep(9_000),
      { result: ok({ acceptedAtEpochMs: there.clock.now() }), attempts: 1, ambiguous: false }
    ),
  )
  assert.equal((await there.end(there.once({}, undefined, 3_000))).kind, 'busy')
  assert.equal((await there.end(slow)).kind, 'sent')
})

test('a dry run is written down with when it would have been due; nothing is reserved and nobody joins it', async () => {
  const there = room()
  const noted = await there.end(there.ledger.note(aPermit({ dryRun: true, after: aDuration('PT5M') })))
  assert.ok(noted.recorded)
  assert.equal(noted.operation.state, 'dry-run')
  assert.equal(noted.operation.due, new Date(START_EPOCH_MS + 300_000).toISOString())
  assert.deepEqual(there.store.slot(), {})
  assert.equal((await there.end(there.once({ after: aDuration('PT1H') }))).kind, 'sent')
})

test('a refusal is written down with its code; with storage down it says so', async () => {
  const there = room()
  const noted = await there.end(there.ledger.note(aPermit(), { reason: 'switched_off' }))
  assert.deepEqual(
    [noted.operation.state, noted.operation.error?.code, noted.recorded],
    ['failed', 'switched_off', true],
  )
  there.store.mishaps.write.push('refused')
  assert.equal((await there.end(there.ledger.note(aPermit()))).recorded, false)
})

test('due times are told by storage’s clock where ours is wrong', async () => {
  const there = room()
  there.storageClock.observe(new Date(there.clock.now() + 600_000).toUTCString(), there.clock.now(), there.clock.now())
  const [sent, joined] = await there.end(Promise.all([there.once(), there.once()]))
  assert.ok(sent.kind === 'sent' && joined.kind === 'joined')
  const inMs = sent.dueEpochMs - there.clock.now()
  assert.ok(Math.abs(inMs - 720_000) <= 1_100, `${inMs} ms`)
  assert.equal(there.store.slot().scheduled?.dueEpochMs, sent.dueEpochMs)
  assert.equal(joined.dueEpochMs, sent.dueEpochMs)
})

test('another backend is another errand; another spelling of the same is not', async () => {
  const there = room()
  await there.end(there.once())
  assert.equal((await there.end(there.once({ backend: aBackend({ backendId: 'payments' }) }))).kind, 'sent')
  assert.equal((await there.end(there.once({ backend: aBackend({ backendId: 'ORDERS' }) }))).kind, 'joined')
})

test('within a process the comparison is exact: what is due two seconds later than asked is not joined', async () => {
  const there = room()
  await there.end(there.once())
  assert.equal((await there.end(there.once({ after: aDuration('PT118S') }))).kind, 'sent')
})

test('between instances clocks may differ a little: due 0.7 s later than asked is joined, 0.8 s is not', async () => {
  for (const [lateMs, kind] of [
    [700, 'joined'],
    [800, 'sent'],
  ] as const) {
    const there = room()
    there.store.put({
      scheduled: { operationId: 'theirs' as OperationId, dueEpochMs: START_EPOCH_MS + 120_000 + lateMs },
    })
    assert.equal((await there.end(there.once())).kind, kind)
  }
})

test('a clock that had to be corrected is given the benefit of what it may still be off by', async () => {
  for (const [lateMs, kind] of [
    [1_200, 'joined'],
    [1_300, 'sent'],
  ] as const) {
    const there = room()
    // One answer: somewhere in a second, so that the correction may be off by half of it.
    there.storageClock.observe(new Date(START_EPOCH_MS + 600_000).toUTCString(), START_EPOCH_MS, START_EPOCH_MS)
    there.store.put({
      scheduled: { operationId: 'theirs' as OperationId, dueEpochMs: there.storageClock.now() + 120_000 + lateMs },
    })
    assert.equal((await there.end(there.once())).kind, kind)
  }
})

test('a clock that is corrected while the outcome is written does not move what this process remembers', async () => {
  const there = room()
  there.store.mishaps.change.push('fine', () =>
    there.storageClock.observe(new Date(there.clock.now() - 5_000).toUTCString(), there.clock.now(), there.clock.now()),
  )
  assert.equal((await there.end(there.once())).kind, 'sent')
  assert.equal((await there.end(there.once())).kind, 'joined')
})

test('what was joined elsewhere is remembered by our own clock, also one that had to be corrected: storage is asked once', async () => {
  const there = room()
  there.storageClock.observe(new Date(START_EPOCH_MS - 600_000).toUTCString(), START_EPOCH_MS, START_EPOCH_MS)
  there.store.put({
    scheduled: { operationId: 'theirs' as OperationId, dueEpochMs: there.storageClock.now() + 60_000 },
  })
  assert.equal((await there.end(there.once())).kind, 'joined')
  assert.equal((await there.end(there.once())).kind, 'joined')
  assert.equal(there.store.calls.read, 1)
})
