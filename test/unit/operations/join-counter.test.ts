import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OperationId } from '../../../src/domain/operation-id.ts'
import { createJoinCounter } from '../../../src/operations/join-counter.ts'
import { anAcceptedAlert } from '../../support/an-operation.ts'
import { createCore } from '../../support/core.ts'

function room() {
  const core = createCore()
  const [a, b] = [anAcceptedAlert(), anAcceptedAlert()]
  for (const operation of [a, b]) core.putRow(operation)
  const warnings: string[] = []
  const log = { info: () => undefined, warn: (line: string) => void warnings.push(line), error: () => undefined }
  const counter = (instance: string) => createJoinCounter(core.store, core.clock, log, instance)
  const countOf = async (id: OperationId) => (await core.store.readOperation(id)).value?.joinedCount
  return { ...core, a: a.id, b: b.id, warnings, counter, count: counter('i1'), countOf }
}

test('a storm costs storage one call per operation and second, and the number is right in the end', async () => {
  const { clock, faults, count, countOf, a, b } = room()
  for (let alert = 0; alert < 10_000; alert += 1) count(a)
  count(b)
  assert.equal(faults.calls('countJoined'), 0, 'no alert waits for it')
  await clock.advance(1_000)
  assert.deepEqual([await countOf(a), await countOf(b), faults.calls('countJoined')], [10_000, 1, 2])
  await clock.advance(60_000)
  assert.equal(faults.calls('countJoined'), 2, 'nothing has changed')
  count(a)
  await clock.advance(1_000)
  assert.equal(await countOf(a), 10_001)
  assert.equal(clock.sleeping(), 0)
})

test('instances count beside each other', async () => {
  const { clock, counter, countOf, a } = room()
  counter('i1')(a)
  counter('i2')(a)
  await clock.advance(1_000)
  assert.equal(await countOf(a), 2)
})

test('while storage is away no count is lost, one line is logged, and the next alert tries again', async () => {
  const { clock, faults, count, countOf, warnings, a, b } = room()
  faults.next('countJoined', 'fails')
  count(a)
  count(b)
  await clock.advance(1_000)
  assert.deepEqual([faults.calls('countJoined'), warnings.length], [1, 1])
  count(b)
  await clock.advance(1_000)
  assert.deepEqual([await countOf(a), await countOf(b)], [1, 2])
})

test('an answer that was lost changes nothing: the numbers are absolute', async () => {
  const { clock, faults, count, countOf, a } = room()
  faults.next('countJoined', 'answer-lost')
  count(a)
  await clock.advance(1_000)
  count(a)
  await clock.advance(1_000)
  assert.equal(await countOf(a), 2)
})

test('memory has ten thousand operations, written or not', async () => {
  const { clock, faults, count, a } = room()
  faults.always('fails', 'countJoined')
  const ids = Array.from({ length: 10_001 }, () => anAcceptedAlert().id)
  count(a)
  for (const id of ids) count(id)
  await clock.advance(1_000)
  faults.always('fine', 'countJoined')
  const before = faults.calls('countJoined')
  count(ids.at(-1) as OperationId)
  await clock.advance(1_000)
  assert.equal(faults.calls('countJoined') - before, 10_000, 'the oldest are forgotten')
})
