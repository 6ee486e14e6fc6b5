import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OperationId } from '../../../src/domain/operation.ts'
import { createJoinCounter } from '../../../src/ledger/join-counter.ts'
import { createFakeClock } from '../../support/fake-clock.ts'
import { createScriptedStore } from '../../support/scripted-store.ts'

const A = 'a' as OperationId
const B = 'b' as OperationId

function room() {
  const clock = createFakeClock()
  const store = createScriptedStore()
  const warnings: string[] = []
  const joins = createJoinCounter(
    store,
    clock,
    { info: () => undefined, warn: (line) => warnings.push(line), error: () => undefined },
    'i1',
  )
  return { clock, store, joins, warnings }
}

test('a storm costs two calls per operation and second, and the number is right in the end', async () => {
  const { clock, store, joins } = room()
  for (let count = 0; count < 10_000; count += 1) joins.count(A)
  joins.count(B)
  assert.equal(store.calls.count, 0, 'nobody waits for it')
  await clock.advance(1_000)
  assert.deepEqual([store.joined.get(A), store.joined.get(B), store.calls.count], [10_000, 1, 2])
  await clock.advance(60_000)
  assert.equal(store.calls.count, 2, 'nothing has changed')
  joins.count(A)
  await clock.advance(1_000)
  assert.equal(store.joined.get(A), 10_001)
  assert.equal(clock.sleeping(), 0)
})

test('with storage away nothing is lost, one line is said, and the next alert tries again', async () => {
  const { clock, store, joins, warnings } = room()
  store.mishaps.count.push('refused')
  joins.count(A)
  joins.count(B)
  await clock.advance(1_000)
  assert.deepEqual([store.calls.count, warnings.length], [1, 1])
  joins.count(B)
  await clock.advance(1_000)
  assert.deepEqual([store.joined.get(A), store.joined.get(B)], [1, 2])
})
