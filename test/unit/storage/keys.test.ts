import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  createOperationId,
  historyKeysOf,
  invertedTime,
  isOperationOf,
  monthOf,
  operationKeysOf,
  parseOperationId,
  partitionKeyOf,
} from '../../../src/storage/keys.ts'
import { aBackend, inSomeCase, someParts } from '../domain/ids.ts'

const NOW = 1_795_392_000_000
const BACKEND_KEY = aBackend().key
const PARTITION = partitionKeyOf(BACKEND_KEY)
/** Keys of Azure tables: no `/ \ # ?`, no control characters, 1 KiB at most. The keys of this app are narrower. */
const LEGAL_KEY = /^[0-9a-z-]{1,64}$/

test('property: every legal backend id has a legal partition, the same in any case', () => {
  fc.assert(
    fc.property(
      someParts.chain((parts) =>
        fc.tuple(fc.constant(parts), inSomeCase(parts.backendId), inSomeCase(parts.resourceGroupName)),
      ),
      ([parts, backendId, resourceGroupName]) => {
        const key = partitionKeyOf(aBackend(parts).key)
        assert.match(key, /^[0-9a-f]{32}$/)
        assert.equal(partitionKeyOf(aBackend({ ...parts, backendId, resourceGroupName }).key), key)
      },
    ),
  )
})

test('two backends have two partitions', () => {
  assert.notEqual(
    partitionKeyOf(aBackend({ backendId: 'orders' }).key),
    partitionKeyOf(aBackend({ backendId: 'orders2' }).key),
  )
})

test('property: an id says where its row is', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (epochMs) => {
      const id = createOperationId(BACKEND_KEY, epochMs)
      assert.equal(parseOperationId(id), id)
      const keys = operationKeysOf(id)
      assert.equal(keys.partitionKey, PARTITION)
      assert.equal(keys.requestedAtEpochMs, epochMs)
      assert.match(keys.rowKey, LEGAL_KEY)
      assert.match(historyKeysOf(id).rowKey, LEGAL_KEY)
      assert.equal(historyKeysOf(id).partitionKey, monthOf(epochMs))
    }),
  )
})

test('property: newest first, in the rows of a backend and in the copies of a month', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: NOW - 1e12, max: NOW + 1e12 }),
      fc.integer({ min: 1, max: 1e10 }),
      (epochMs, later) => {
        const [older, newer] = [
          createOperationId(BACKEND_KEY, epochMs),
          createOperationId(BACKEND_KEY, epochMs + later),
        ]
        assert.ok(operationKeysOf(newer).rowKey < operationKeysOf(older).rowKey)
        assert.ok(historyKeysOf(newer).rowKey < historyKeysOf(older).rowKey)
        assert.equal(invertedTime(epochMs).length, 12)
      },
    ),
  )
})

test('ids of the same backend and moment differ, by 122 random bits', () => {
  const ids = Array.from({ length: 1_000 }, () => createOperationId(BACKEND_KEY, NOW))
  assert.equal(new Set(ids).size, 1_000)
  const bits = ids.map((id) =>
    Array.from(Buffer.from(id, 'base64url'), (byte) => byte.toString(2).padStart(8, '0')).join(''),
  )
  const changing = Array.from({ length: 38 * 8 }, (_, at) => new Set(bits.map((text) => text[at])).size === 2)
  assert.equal(changing.filter(Boolean).length, 122)
  assert.equal(changing.indexOf(true), 22 * 8)
})

test('an id shows neither the backend nor anything that would need escaping in a URL', () => {
  const id = createOperationId(BACKEND_KEY, NOW)
  assert.match(id, /^[A-Za-z0-9_-]{51}$/)
  assert.ok(!Buffer.from(id, 'base64url').toString('latin1').includes('orders'))
})

test('a copy’s row key tells nothing of the random part of the id', () => {
  const id = createOperationId(BACKEND_KEY, NOW)
  const mark = historyKeysOf(id).rowKey.split('-')[1] ?? ''
  assert.equal(mark.length, 16)
  const { rowKey } = operationKeysOf(id)
  assert.ok(!rowKey.includes(mark))
  assert.ok(!Buffer.from(id, 'base64url').toString('hex').includes(mark))
})

test('a text that is no id of this app is refused: another length, another letter, spare bits that are set', () => {
  const id = createOperationId(BACKEND_KEY, NOW)
  for (const text of [
    '',
    id.slice(1),
    `${id}A`,
    `${id.slice(0, 50)}=`,
    `${id.slice(0, 50)}/`,
    `${id.slice(0, 50)}'`,
    ` ${id.slice(1)}`,
    `${id}\n`,
  ]) {
    assert.equal(parseOperationId(text), undefined, JSON.stringify(text))
  }
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = alphabet.indexOf(id[50] as string)
  assert.equal(last % 4, 0)
  for (const spare of [1, 2, 3]) assert.equal(parseOperationId(id.slice(0, 50) + alphabet[last + spare]), undefined)
})

test('months are in UTC', () => {
  assert.equal(monthOf(Date.UTC(2026, 11, 31, 23, 59, 59, 999)), '2026-12')
  assert.equal(monthOf(Date.UTC(2027, 0, 1)), '2027-01')
})

test('an id names an operation of one backend: in any case of its id, and of no other', () => {
  const id = createOperationId(BACKEND_KEY, NOW)
  assert.equal(isOperationOf(id, aBackend().key), true)
  assert.equal(isOperationOf(id, aBackend({ backendId: 'ORDERS' }).key), true)
  assert.equal(isOperationOf(id, aBackend({ backendId: 'payments' }).key), false)
})
