import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Operation, OperationId } from '../../../src/domain/operation.ts'
import { createOperationWriter } from '../../../src/ledger/operation-writer.ts'
import { MAX_BATCH } from '../../../src/ledger/store.ts'
import { anOperation } from './an-operation.ts'

/** A store whose writes end when the test says so. */
function room() {
  const batches: { readonly partition: string; readonly operations: readonly Operation[]; end(fault?: Error): void }[] =
    []
  const writer = createOperationWriter(
    (id) => id.slice(0, 1),
    (partition, operations) =>
      new Promise((resolve, reject) => {
        batches.push({ partition, operations, end: (fault) => (fault === undefined ? resolve() : reject(fault)) })
      }),
  )
  const write = (id: string, change: Partial<Operation> = {}): Promise<void> =>
    writer.write(anOperation({ id: id as OperationId, ...change }))
  return { batches, write }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a lone write waits for nobody', () => {
  const { batches, write } = room()
  void write('a1')
  assert.deepEqual(
    batches.map(({ operations }) => operations.length),
    [1],
  )
})

test('what comes while a write is under way goes out together, at most 99 at once', async () => {
  const { batches, write } = room()
  const written = [write('a0')]
  for (let index = 1; index <= MAX_BATCH + 5; index += 1) written.push(write(`a${index}`))
  assert.equal(batches.length, 1)
  batches[0]?.end()
  await turn()
  batches[1]?.end()
  await turn()
  batches[2]?.end()
  await Promise.all(written)
  assert.deepEqual(
    batches.map(({ operations }) => operations.length),
    [1, 99, 5],
  )
  assert.equal(new Set(batches.flatMap(({ operations }) => operations.map(({ id }) => id))).size, MAX_BATCH + 6)
})

test('partitions do not wait for each other, and do not mix', () => {
  const { batches, write } = room()
  void write('a1')
  void write('b1')
  assert.deepEqual(
    batches.map(({ partition }) => partition),
    ['a', 'b'],
  )
})

test('of two writes of one operation in a batch the later one wins, and both resolve', async () => {
  const { batches, write } = room()
  void write('a0')
  const both = [write('a1', { state: 'accepted' }), write('a2'), write('a1', { state: 'forwarded' })]
  batches[0]?.end()
  await turn()
  assert.deepEqual(
    batches[1]?.operations.map(({ id, state }) => [id, state]),
    [
      ['a1', 'forwarded'],
      ['a2', 'forwarded'],
    ],
  )
  batches[1]?.end()
  await Promise.all(both)
})

test('a later write never overtakes an earlier one of its partition', async () => {
  const { batches, write } = room()
  void write('a1', { state: 'accepted' })
  void write('a1', { state: 'forwarded' })
  await turn()
  assert.equal(batches.length, 1)
  batches[0]?.end()
  await turn()
  assert.equal(batches[1]?.operations[0]?.state, 'forwarded')
})

test('nobody is told that an operation is stored before it is', async () => {
  const { batches, write } = room()
  let stored = false
  void write('a1').then(() => (stored = true))
  await turn()
  assert.equal(stored, false)
  batches[0]?.end()
  await turn()
  assert.equal(stored, true)
})

test('a batch that fails rejects its own and nobody else’s; the next goes out all the same', async () => {
  const { batches, write } = room()
  const first = assert.rejects(write('a0'), /storage is away/)
  const second = write('a1')
  batches[0]?.end(new Error('storage is away'))
  await first
  await turn()
  batches[1]?.end()
  await second
  const third = write('a2')
  assert.equal(batches.length, 3, 'a partition that is done begins anew')
  batches[2]?.end()
  await third
})
