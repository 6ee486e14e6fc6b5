import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StoredOperation } from '../../../src/domain/operation.ts'
import type { OperationId } from '../../../src/domain/operation-id.ts'
import { createBatchWriter } from '../../../src/storage/batch-writer.ts'
import { MAX_BATCH, StorageFault } from '../../../src/storage/store.ts'
import { anOperation } from '../../support/an-operation.ts'

interface Batch {
  readonly partition: string
  readonly operations: readonly StoredOperation[]
  end(fault?: Error): void
}

/** A store whose writes end when the test says so. */
function room() {
  const batches: Batch[] = []
  const writeOperation = createBatchWriter(
    (partition, operations) =>
      new Promise((resolve, reject) => {
        batches.push({ partition, operations, end: (fault) => (fault === undefined ? resolve() : reject(fault)) })
      }),
  )
  const write = (id: string, change: Partial<StoredOperation> = {}): Promise<void> =>
    writeOperation(id.slice(0, 1), anOperation({ id: id as OperationId, ...change }))
  /** Ends the next batch. */
  async function end(index: number, fault?: Error): Promise<void> {
    const batch = batches[index]
    assert.ok(batch, `there is no batch ${index}`)
    batch.end(fault)
    await turn()
  }
  const idsOf = (index: number) => batches[index]?.operations.map(({ id }) => id)
  return { batches, write, end, idsOf }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const refusal = (): StorageFault => new StorageFault(Object.assign(new Error('refused'), { statusCode: 400 }))
const away = (): StorageFault => new StorageFault(Object.assign(new Error('away'), { statusCode: 503 }))

test('a single write waits for no other', () => {
  const { idsOf, write } = room()
  void write('a1')
  assert.deepEqual(idsOf(0), ['a1'])
})

test('writes that come while one is running leave together, at most a hundred at once', async () => {
  const { batches, write, end } = room()
  const written = [write('a0')]
  for (let index = 1; index <= MAX_BATCH + 5; index += 1) written.push(write(`a${index}`))
  assert.equal(batches.length, 1)
  for (const index of [0, 1, 2]) await end(index)
  await Promise.all(written)
  assert.deepEqual(
    batches.map(({ operations }) => operations.length),
    [1, MAX_BATCH, 5],
  )
  assert.equal(new Set(batches.flatMap(({ operations }) => operations.map(({ id }) => id))).size, MAX_BATCH + 6)
})

test('partitions neither wait for each other nor mix', () => {
  const { batches, write } = room()
  void write('a1')
  void write('b1')
  assert.deepEqual(
    batches.map(({ partition }) => partition),
    ['a', 'b'],
  )
})

test('of two versions of one operation in a batch the later one is written, and both resolve', async () => {
  const { batches, write, end } = room()
  void write('a0')
  const both = [write('a1', { state: 'accepted' }), write('a2'), write('a1', { state: 'forwarded' })]
  await end(0)
  assert.deepEqual(
    batches[1]?.operations.map(({ id, state }) => [id, state]),
    [
      ['a1', 'forwarded'],
      ['a2', 'forwarded'],
    ],
  )
  await end(1)
  await Promise.all(both)
})

test('a later write never overtakes an earlier one of its partition', async () => {
  const { batches, write, end } = room()
  void write('a1', { state: 'accepted' })
  void write('a1', { state: 'forwarded' })
  await turn()
  assert.equal(batches.length, 1)
  await end(0)
  assert.equal(batches[1]?.operations[0]?.state, 'forwarded')
})

test('a write resolves when it is stored, and not before', async () => {
  const { write, end } = room()
  let stored = false
  void write('a1').then(() => (stored = true))
  await turn()
  assert.equal(stored, false)
  await end(0)
  assert.equal(stored, true)
})

test('a batch that fails rejects its own writes alone; the next one is written', async () => {
  const { batches, write, end } = room()
  const first = assert.rejects(write('a0'), /away/)
  const second = write('a1')
  await end(0, away())
  await first
  await end(1)
  await second
  void write('a2')
  assert.equal(batches.length, 3, 'the partition starts again')
})

test('a batch that storage refuses is written row by row: one bad row affects no other', async () => {
  const { batches, write, end, idsOf } = room()
  void write('a0')
  const good = write('a1')
  const bad = write('a2', { reason: 'why' })
  await end(0)
  await end(1, refusal())
  assert.deepEqual(idsOf(2), ['a1'])
  await end(2)
  await good
  await end(3, refusal())
  assert.deepEqual([idsOf(4), batches[4]?.operations[0]?.reason], [['a2'], undefined])
  await end(4)
  await bad
})

test('a row that is refused in its minimal form too rejects with the refusal', async () => {
  const { write, end } = room()
  const bad = assert.rejects(write('a0'), (fault: unknown) => fault instanceof StorageFault && fault.isRefusal)
  for (const index of [0, 1, 2]) await end(index, refusal())
  await bad
})

test('storage that goes away between the rows rejects the rest with that fault', async () => {
  const { batches, write, end } = room()
  void write('a0')
  const writes = [assert.rejects(write('a1'), /away/), write('a2')]
  await end(0)
  await end(1, refusal())
  await end(2, away())
  await end(3)
  await Promise.all(writes)
  assert.equal(batches.length, 4, 'a fault that is no refusal is not answered with a minimal form')
})
