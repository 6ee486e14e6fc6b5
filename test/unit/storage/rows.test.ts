import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Slot } from '../../../src/coordination/slot.ts'
import { pendingEffect, type Firing, type Notice, type Watch } from '../../../src/domain/effect.ts'
import type { OperationId } from '../../../src/domain/operation-id.ts'
import { advance, toMinimal, type Transition } from '../../../src/domain/operation.ts'
import {
  fromOperationRow,
  fromSlotRow,
  toEffectColumn,
  toJoinedColumns,
  toOperationRow,
  toSlotRow,
} from '../../../src/storage/rows.ts'
import { anAcceptedAlert, anOperation, anOperationId } from '../../support/an-operation.ts'

const isOwn = () => true
const read = <T>(value: T) => ({ value, unreadable: [] })
const KEYS = { partitionKey: 'p', rowKey: 'r' }
const someId = fc.constant(anOperationId())
const someTime = fc.integer({ min: 0, max: 253_402_300_799_999 })
const plain = { noNullPrototype: true } as const
const someNotice: fc.Arbitrary<Notice> = fc.record(
  {
    kind: fc.constantFrom('resolved', 'closed'),
    key: fc.string(),
    atEpochMs: someTime,
    healthyEpochMs: fc.integer({ min: -86_400_000, max: 253_402_300_799_999 }),
    alertId: fc.string({ unit: 'binary' }),
  },
  { requiredKeys: ['kind', 'atEpochMs', 'healthyEpochMs'], ...plain },
)
const someWatch: fc.Arbitrary<Watch> = fc.record(
  {
    operationId: someId,
    dueEpochMs: someTime,
    decideByEpochMs: someTime,
    settleMs: fc.nat(),
    confirms: fc.boolean(),
    origin: fc.record(
      { webhook: fc.string(), alertRule: fc.string(), correlationId: fc.uuid(), traceparent: fc.string() },
      { requiredKeys: ['webhook', 'correlationId'], ...plain },
    ),
    notices: fc.array(someNotice, { maxLength: 3 }),
    silentAtEpochMs: someTime,
  },
  {
    requiredKeys: ['operationId', 'dueEpochMs', 'decideByEpochMs', 'settleMs', 'confirms', 'origin', 'notices'],
    ...plain,
  },
)
const someSlot: fc.Arbitrary<Slot> = fc.record(
  {
    inFlight: fc.record(
      { operationId: someId, ownerToken: fc.string(), leaseUntilEpochMs: someTime, earliestDueEpochMs: someTime },
      { noNullPrototype: true },
    ),
    scheduled: fc.record({ operationId: someId, dueEpochMs: someTime }, { noNullPrototype: true }),
    alertSends: fc.array(someTime, { minLength: 1, maxLength: 5 }),
    watches: fc.array(someWatch, { minLength: 1, maxLength: 6 }),
    notHelping: fc.integer({ min: 1, max: 1_000 }),
  },
  { requiredKeys: [], noNullPrototype: true },
)

test('property: a slot comes back from its row as it was, to the millisecond', () => {
  fc.assert(fc.property(someSlot, (slot) => assert.deepEqual(fromSlotRow(toSlotRow('p', slot)), read(slot))))
})

test('the row of a slot is readable for people: every fact has a column, and times are RFC 3339', () => {
  const row = toSlotRow('p', {
    inFlight: {
      operationId: 'x' as OperationId,
      ownerToken: 'o',
      leaseUntilEpochMs: 1_795_392_045_000,
      earliestDueEpochMs: 1_795_392_120_000,
    },
    scheduled: { operationId: 'y' as OperationId, dueEpochMs: 1_795_392_000_000 },
    alertSends: [1_795_392_000_001, 1_795_392_000_999],
  })
  assert.deepEqual(row, {
    partitionKey: 'p',
    rowKey: 'slot',
    leaseOperation: 'x',
    leaseOwner: 'o',
    leaseUntil: '2026-11-23T00:00:45.000Z',
    leaseEarliestDue: '2026-11-23T00:02:00.000Z',
    scheduledOperation: 'y',
    scheduledDue: '2026-11-23T00:00:00.000Z',
    alertSends: '1795392000001 1795392000999',
  })
})

test('a fact that is incomplete in the row is no fact', () => {
  assert.deepEqual(fromSlotRow({ leaseOperation: anOperationId(), leaseOwner: 'y' }), read({}))
  assert.deepEqual(fromSlotRow({ leaseOperation: anOperationId(), leaseUntil: '2026-11-23T00:00:00.000Z' }), read({}))
  assert.deepEqual(fromSlotRow({ leaseOwner: 'x', leaseUntil: '2026-11-23T00:00:00.000Z' }), read({}))
  assert.deepEqual(fromSlotRow({ scheduledOperation: anOperationId(), etag: 'W/"1"', timestamp: 't' }), read({}))
  assert.deepEqual(fromSlotRow({ scheduledDue: '2026-11-23T00:00:00.000Z' }), read({}))
})

test('a lease without an earliest due time is due at its end at the earliest', () => {
  const leaseUntil = '2026-11-23T00:00:00.000Z'
  const { value } = fromSlotRow({ leaseOperation: anOperationId(), leaseOwner: 'y', leaseUntil })
  assert.equal(value.inFlight?.earliestDueEpochMs, Date.parse(leaseUntil))
})

test('a thousand sends, as many as the policy allows, fit into one column (64 KiB of UTF-16)', () => {
  const row = toSlotRow('p', { alertSends: Array.from({ length: 1_000 }, (_, index) => 1_795_392_000_000 + index) })
  assert.ok((row.alertSends?.length ?? 0) * 2 < 64 * 1024)
  assert.ok(!Object.hasOwn(toSlotRow('p', { alertSends: [] }), 'alertSends'))
})

test('an operation comes back from its row as it was, with its state in a column beside it', () => {
  const operation = anAcceptedAlert({ generation: 2, sendingBy: 'o', error: { code: 'x', message: '"\u0000\u2028' } })
  const row = toOperationRow(KEYS, operation)
  assert.deepEqual(fromOperationRow(row, isOwn), read(operation))
  assert.deepEqual(Object.keys(row), ['partitionKey', 'rowKey', 'state', 'operation'])
  assert.equal(row.state, 'accepted')
})

const someError = fc.record({ code: fc.string(), message: fc.string({ unit: 'binary' }) })
const someTransition: fc.Arbitrary<Transition> = fc.oneof(
  fc.record({ to: fc.constant('joined'), scheduled: fc.record({ operationId: someId, dueEpochMs: someTime }) }),
  fc.record({ to: fc.constant('dry-run'), dueEpochMs: someTime }),
  fc.record({ to: fc.constant('sending'), ownerToken: fc.uuid(), generation: fc.nat() }),
  fc.record({
    to: fc.constant('forwarded'),
    dueEpochMs: someTime,
    sent: fc.record({ attempts: fc.nat(), ambiguous: fc.boolean(), arm: fc.constant({ status: 202, requestId: 'r' }) }),
    effect: someTime.map((epochMs) => pendingEffect(epochMs, epochMs)),
  }),
  fc.record({
    to: fc.constant('waiting'),
    error: someError,
    generation: fc.nat(),
    notBeforeEpochMs: someTime,
  }),
  fc.record({ to: fc.constantFrom('failed', 'exhausted', 'abandoned'), error: someError }),
)
const someFiring: fc.Arbitrary<Firing> = fc.record(
  { atEpochMs: someTime, alert: fc.record({ key: fc.string(), startedAtEpochMs: someTime }, plain) },
  { requiredKeys: ['atEpochMs'], ...plain },
)

test('property: whatever an operation goes through, it is read back from its row as it was', () => {
  const [person, alert] = [anOperation({ state: 'accepted' }), anAcceptedAlert({ generation: 1 })]
  fc.assert(
    fc.property(fc.array(someTransition, { maxLength: 4 }), someFiring, someTime, (transitions, firing, now) => {
      for (const begun of [person, { ...alert, firing }, toMinimal(alert)]) {
        const operation = transitions.reduce((from, transition) => advance(from, transition, now), begun)
        assert.deepEqual(fromOperationRow(toOperationRow(KEYS, operation), isOwn), read(operation))
      }
    }),
  )
})

test('property: an operation is stored in printable ASCII, and read back as it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (name) => {
      const operation = anOperation({ caller: { kind: 'user', id: 'x', name } })
      const row = toOperationRow(KEYS, operation)
      assert.match(row.operation, /^[ -~]*$/)
      assert.deepEqual(fromOperationRow(row, isOwn), read(operation))
    }),
  )
})

test('the counts of instances are added up, and are not a part of the stored operation', () => {
  const operation = anOperation()
  const row = toOperationRow(KEYS, { ...operation, joinedCount: 99 })
  assert.ok(!row.operation.includes('joinedCount'))
  const counts = { ...toJoinedColumns('a1', 3), ...toJoinedColumns('b2', 4) }
  const noCounts = { joined_: 5, 'joined_x y': 6, joined_c3: '7', xjoined_a: 8 }
  const counted = fromOperationRow({ ...row, ...counts, ...noCounts }, isOwn)
  assert.deepEqual([counted.value?.joinedCount, counted.unreadable], [7, ['joined_c3']])
  assert.ok(!Object.hasOwn(fromOperationRow(row, isOwn).value ?? {}, 'joinedCount'))
})

const someColumn = fc.oneof(
  fc.string(),
  fc.double(),
  fc.json(),
  fc.constantFrom('-271821-04-20T00:00:00Z', '1e400', '{"__proto__":1}', 'NaN'),
)
const columns = (...names: readonly string[]) =>
  fc.record(Object.fromEntries(names.map((name) => [name, someColumn])), { requiredKeys: [] })

test('property: whatever stands in a row, it is read without an exception, and what was read can be written again', () => {
  const slot = ['leaseOwner', 'leaseUntil', 'leaseEarliestDue', 'scheduledDue', 'alertSends', 'watches', 'notHelping']
  const ids = { leaseOperation: anOperationId(), scheduledOperation: anOperationId() }
  fc.assert(
    fc.property(columns(...slot), (row) => {
      const { value } = fromSlotRow({ ...ids, ...row })
      const again = fromSlotRow(toSlotRow('p', value))
      assert.deepEqual(again.unreadable, [])
      assert.deepEqual(again.value.inFlight, value.inFlight)
    }),
  )
  fc.assert(
    fc.property(columns('operation', 'effect', 'joined_a', 'alerts_a'), (row) => {
      const { value } = fromOperationRow(row, isOwn)
      if (value !== undefined) toOperationRow(KEYS, value)
    }),
  )
})

test('an operation of a later version is read: that it is over must not be lost', () => {
  const operation = anOperation({ effect: { verdict: 'recovered', since: 'x', decideBy: 'y', evidence: [] } })
  for (const [member, value] of [
    ['state', 'sent-twice'],
    ['trigger', { kind: 'schedule' }],
    ['effect', { verdict: 'better' }],
    ['firing', 'at noon'],
    ['due', null],
    ['newer', {}],
  ] as const) {
    const text = JSON.stringify({ ...operation, [member]: value })
    assert.equal(fromOperationRow({ operation: text }, isOwn).value?.id, operation.id, member)
  }
  assert.equal(fromOperationRow({ operation: JSON.stringify(operation) }, () => false).value, undefined)
})

test('what is read is, as text, what was written: verdicts are compared so', () => {
  const effect = pendingEffect(0, 1)
  const row = {
    ...toOperationRow(KEYS, anOperation()),
    ...toEffectColumn({ ...effect, decidedAt: effect.since, evidence: [] }),
  }
  assert.equal(JSON.stringify(fromOperationRow(row, isOwn).value?.effect), row.effect)
})
