import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asObject, elementsOf, entriesOf, member, parseJson } from '../../../src/shared/json.ts'

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

test('parseJson parses text and bytes to the same value', () => {
  assert.deepEqual(parseJson('{"a":[1,null]}'), { a: [1, null] })
  assert.deepEqual(parseJson(utf8('{"a":"ü"}')), { a: 'ü' })
  assert.equal(parseJson('null'), null)
})

test('parseJson ignores one byte order mark at the start of text and of bytes', () => {
  assert.equal(parseJson('\ufeff1'), 1)
  assert.equal(parseJson(utf8('\ufeff1')), 1)
  assert.equal(parseJson('\ufeff\ufeff1'), undefined)
  assert.equal(parseJson(utf8('\ufeff\ufeff1')), undefined)
})

test('parseJson returns undefined for what is not JSON or not UTF-8', () => {
  for (const text of ['', '{', "{'a':1}", '{"a":1,}', 'undefined']) assert.equal(parseJson(text), undefined, text)
  assert.equal(parseJson(Uint8Array.of(0x22, 0xff, 0x22)), undefined)
  assert.equal(parseJson(Uint8Array.of(0xff, 0xfe, 0x31, 0x00)), undefined)
})

test('parseJson returns undefined for a mebibyte of brackets that do not close', () => {
  assert.equal(parseJson('['.repeat(1024 * 1024)), undefined)
})

test('asObject returns objects, and undefined for anything else', () => {
  assert.deepEqual(asObject({ a: 1 }), { a: 1 })
  for (const value of [null, [], 'text', 1, true, undefined]) assert.equal(asObject(value), undefined)
})

test('member finds own members only', () => {
  const value = parseJson('{"a":1,"__proto__":{"b":2},"toString":null}')
  assert.equal(member(value, 'a'), 1)
  assert.equal(member(value, 'b'), undefined)
  assert.deepEqual(member(value, '__proto__'), { b: 2 })
  assert.equal(member(value, 'toString'), null)
  assert.equal(member(value, 'constructor'), undefined)
  assert.equal(member(['x'], '0'), undefined)
  assert.equal(member(['x'], 'length'), undefined)
  assert.equal(member('text', 'length'), undefined)
})

test('entriesOf lists members and elementsOf elements, and none of anything else', () => {
  assert.deepEqual(entriesOf({ a: 1, b: [2] }), [
    ['a', 1],
    ['b', [2]],
  ])
  assert.deepEqual(elementsOf([1, 2]), [1, 2])
  for (const value of [null, 'text', 1, undefined]) {
    assert.deepEqual(entriesOf(value), [])
    assert.deepEqual(elementsOf(value), [])
  }
  assert.deepEqual(entriesOf([1]), [])
  assert.deepEqual(elementsOf({ length: 1 }), [])
})
