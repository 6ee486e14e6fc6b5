import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Caller } from '../../../src/domain/caller.ts'
import type { Operation } from '../../../src/domain/operation.ts'
import type { OperationId } from '../../../src/domain/operation-id.ts'
import { createRequestJoins, MAX_ROWS } from '../../../src/operations/request-joins.ts'
import { anOperation, anOperationId } from '../../support/an-operation.ts'

const person = (id: string): Operation['caller'] => ({ kind: 'user', id }) satisfies Pick<Caller, 'kind' | 'id'>

function room() {
  const rows: Operation[] = []
  const counted: OperationId[] = []
  const storage = { takes: true }
  const joined = anOperationId()
  const recordJoin = createRequestJoins({
    async record(operation) {
      if (storage.takes) rows.push(operation)
      return storage.takes
    },
    countJoined: (id) => void counted.push(id),
  })
  const aJoin = (change: Partial<Operation> = {}): Operation =>
    anOperation({ state: 'joined', joined, caller: person('one'), ...change })
  const join = (change: Partial<Operation> = {}) => recordJoin(aJoin(change))
  async function storm(count: number): Promise<void> {
    for (let made = 0; made < count; made += 1) await join()
  }
  return { rows, counted, storage, joined, aJoin, recordJoin, join, storm }
}

test('the first joins of a reconnect have an operation each', async () => {
  const { rows, counted, aJoin, recordJoin } = room()
  for (let made = 0; made < MAX_ROWS; made += 1) {
    const operation = aJoin()
    assert.deepEqual(await recordJoin(operation), { operation, recorded: true })
  }
  assert.deepEqual([rows.length, counted.length], [MAX_ROWS, 0])
})

test('beyond them a caller who asks for the same is told the operation of the last time, and the reconnect counts it', async () => {
  const { rows, counted, joined, storm, join } = room()
  await storm(MAX_ROWS)
  assert.deepEqual(await join(), { operation: rows.at(-1), recorded: true })
  assert.deepEqual([rows.length, counted], [MAX_ROWS, [joined]])
})

const OTHERS: readonly (readonly [string, Partial<Operation>])[] = [
  ['another caller', { caller: person('two') }],
  ['a caller of another kind with the same id', { caller: { kind: 'app', id: 'one' } }],
  ['another reason', { reason: 'failover' }],
  ['another after', { after: 'PT5M' }],
  ['another reconnect', { joined: anOperationId() }],
]
for (const [what, change] of OTHERS)
  test(`beyond them ${what} has an operation of its own: the history tells who asked for what`, async () => {
    const { rows, counted, storm, join, aJoin, recordJoin } = room()
    await storm(MAX_ROWS)
    const operation = aJoin(change)
    assert.deepEqual(await recordJoin(operation), { operation, recorded: true })
    assert.deepEqual([rows.length, counted.length], [MAX_ROWS + 1, 0])
    await join()
    assert.equal(rows.length, MAX_ROWS + 1)
  })

test('an operation that storage did not take stands for no other request', async () => {
  const { rows, counted, storage, storm, join } = room()
  storage.takes = false
  await storm(MAX_ROWS + 1)
  assert.equal((await join()).recorded, false)
  storage.takes = true
  assert.equal((await join()).recorded, true)
  assert.deepEqual([rows.length, counted.length], [1, 0])
})

test('what is remembered is bounded: a caller who was forgotten has an operation of its own', async () => {
  const { rows, counted, storm, join } = room()
  await storm(MAX_ROWS)
  for (let made = 0; made < 2_000; made += 1) await join({ caller: person(`other-${made}`) })
  const before = rows.length
  await join()
  assert.deepEqual([rows.length - before, counted.length], [1, 0])
})
