import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { OperationId } from '../../../src/domain/operation.ts'
import { fromOperationRow, fromSlotRow, toOperationRow, toSlotRow, joinedColumn } from '../../../src/ledger/rows.ts'
import type { Slot } from '../../../src/ledger/slot.ts'
import { anOperation } from './an-operation.ts'

const someId = fc.string().map((text) => text as OperationId)
const someTime = fc.integer({ min: 0, max: 253_402_300_799_999 })
const someSlot: fc.Arbitrary<Slot> = fc.record(
  {
    flight: fc.record(
      { operationId: someId, nonce: fc.string(), leaseUntilEpochMs: someTime },
      { noNullPrototype: true },
    ),
    scheduled: fc.record({ operationId: someId, dueEpochMs: someTime }, { noNullPrototype: true }),
  },
  { requiredKeys: [], noNullPrototype: true },
)

test('property: a slot comes back from its row as it was', () => {
  fc.assert(fc.property(someSlot, (slot) => assert.deepEqual(fromSlotRow(toSlotRow('p', slot)), slot)))
})

test('a slot’s row is written in words: who looks into the table reads times', () => {
  const row = toSlotRow('p', { scheduled: { operationId: 'x' as OperationId, dueEpochMs: 1_795_392_000_000 } })
  assert.deepEqual(row, {
    partitionKey: 'p',
    rowKey: 'slot',
    scheduledOperation: 'x',
    scheduledDue: '2026-11-23T00:00:00.000Z',
  })
})

test('half a flight is none', () => {
  assert.deepEqual(fromSlotRow({ flightOperation: 'x', flightNonce: 'y' }), {})
  assert.deepEqual(fromSlotRow({ scheduledOperation: 'x', etag: 'W/"1"', timestamp: 't' }), {})
})

test('an operation comes back from its row as it was, with its state beside it', () => {
  const operation = anOperation({ state: 'failed', error: { code: 'x', message: '"\u0000\u2028' } })
  const row = toOperationRow({ partitionKey: 'p', rowKey: 'r' }, operation)
  assert.deepEqual(fromOperationRow(row), operation)
  assert.deepEqual(Object.keys(row), ['partitionKey', 'rowKey', 'state', 'operation'])
  assert.equal(row.state, 'failed')
})

test('an operation is stored in printable ASCII, whatever its caller is called, and read back as it was', () => {
  const operation = anOperation({
    caller: { kind: 'user', id: 'x', name: 'Anna\u2028B\u0000 \u00e9\ud83d\ude00\ud800' },
  })
  const row = toOperationRow({ partitionKey: 'p', rowKey: 'r' }, operation)
  assert.match(row.operation, /^[ -~]*$/)
  assert.deepEqual(fromOperationRow(row), operation)
})

test('the times at which alerts were forwarded come back as they were, to the millisecond', () => {
  const slot = { alertForwards: [1_795_392_000_001, 1_795_392_000_999] }
  const row = toSlotRow('p', slot)
  assert.equal(row.alertForwards, '1795392000001 1795392000999')
  assert.deepEqual(fromSlotRow(row), slot)
})

test('a thousand of them, as many as the policy admits, fit into a column', () => {
  const row = toSlotRow('p', { alertForwards: Array.from({ length: 1_000 }, (_, index) => 1_795_392_000_000 + index) })
  // Azure Table: 64 KiB of UTF-16.
  assert.ok((row.alertForwards?.length ?? 0) * 2 < 64 * 1024)
})

test('what instances have counted is added up, and never written into the operation itself', () => {
  const operation = anOperation()
  const row = toOperationRow({ partitionKey: 'p', rowKey: 'r' }, { ...operation, joinedCount: 99 })
  assert.ok(!row.operation.includes('joinedCount'))
  assert.equal(
    fromOperationRow({
      ...row,
      [joinedColumn('a1')]: 3,
      [joinedColumn('b2')]: 4,
      joined_: 5,
      'joined_x y': 6,
      joined_c3: '7',
    }).joinedCount,
    7,
  )
  assert.equal(fromOperationRow(row).joinedCount, undefined)
})
