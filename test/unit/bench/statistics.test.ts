import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compare, interleave, median } from '../../../bench/statistics.ts'

test('interleave measures the sides in turn, so that other work on the machine slows all of them', async () => {
  const order: string[] = []
  const side = (name: string) => () => order.push(name)
  assert.deepEqual(await interleave(2, { a: side('a'), b: side('b') }), { a: [1, 3], b: [2, 4] })
  assert.deepEqual(order, ['a', 'b', 'a', 'b'])
})

test('the ratio of two sides is the median of the ratios of the rounds, not the ratio of the medians', () => {
  assert.deepEqual(compare([1, 10, 9], [2, 10, 3]), { left: 9, right: 3, ratio: 1, spread: [0.5, 3] })
  assert.throws(() => compare([1], [1, 2]), RangeError)
})

test('the median of an even number of values is the mean of the middle two, and of none is an error', () => {
  assert.equal(median([4, 1, 3, 2]), 2.5)
  assert.equal(median([3, 1, 2]), 2)
  assert.throws(() => median([]), RangeError)
})
