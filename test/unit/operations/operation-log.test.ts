/** Rows of operations that change no lease. Numbers in parentheses are the invariants of docs/coordination.md. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { advance, type StoredOperation } from '../../../src/domain/operation.ts'
import { StorageFault } from '../../../src/storage/store.ts'
import { anAcceptedAlert, anOperation } from '../../support/an-operation.ts'
import { createCore } from '../../support/core.ts'

const ERROR = { code: 'C', message: 'm' }

describe('recording an operation', () => {
  it('writes its row, and orders its copy', async () => {
    const { operations, row, copies } = createCore()
    const operation = anOperation()
    assert.equal(await operations.record(operation), true)
    assert.deepEqual([row(operation.id), copies], [operation, [operation]])
  })

  it('says when storage did not take it', async () => {
    const { operations, faults } = createCore()
    faults.next('writeOperations', 'fails')
    assert.equal(await operations.record(anOperation()), false)
  })

  it('writes a minimal form where storage refuses the whole one', async () => {
    const { operations, faults, row } = createCore()
    const operation = anOperation({ reason: 'why' })
    faults.next('writeOperations', 'refuses', 'refuses')
    assert.equal(await operations.record(operation), true)
    assert.equal(row(operation.id)?.reason, undefined)
  })

  it('neither waits for storage nor orders a copy while the circuit breaker is open', async () => {
    const { operations, faults, breaker, copies } = createCore()
    breaker.failed('storage failed')
    assert.equal(await operations.record(anOperation()), false)
    assert.deepEqual([faults.calls('writeOperations'), copies.length], [0, 0])
  })

  it('throws a defect', async () => {
    const { operations, faults } = createCore()
    faults.next('writeOperations', () => {
      throw new TypeError('a defect')
    })
    await assert.rejects(operations.record(anOperation()), TypeError)
  })
})

describe('finding an operation', () => {
  it('reads the row as it is stored', async () => {
    const { operations, putRow } = createCore()
    const stored = anAcceptedAlert({ generation: 2 })
    putRow(stored)
    assert.deepEqual(await operations.find(stored.id), stored)
    assert.equal(await operations.find(anOperation().id), undefined)
  })

  it('rejects with a fault while storage is away', async () => {
    const { operations, faults } = createCore()
    faults.next('readOperation', 'fails')
    await assert.rejects(operations.find(anOperation().id), StorageFault)
  })
})

describe('ending an operation without a lease', () => {
  function room() {
    const core = createCore()
    const begun = anAcceptedAlert({ reason: 'why' })
    const abandoned = (from: StoredOperation): StoredOperation =>
      advance(from, { to: 'abandoned', error: ERROR }, core.clock.now())
    const finish = () => core.clock.finish(core.operations.finish(begun.id, begun, abandoned))
    return { ...core, begun, finish }
  }

  it('changes the row that is there, and orders its copy', async () => {
    const there = room()
    there.putRow({ ...there.begun, attempts: 3 })
    const end = await there.finish()
    assert.ok(end.kind === 'recorded')
    assert.deepEqual([end.operation.state, end.operation.attempts], ['abandoned', 3])
    assert.deepEqual([there.row(there.begun.id), there.copies], [end.operation, [end.operation]])
  })

  it('writes a row where there was none', async () => {
    const there = room()
    assert.equal((await there.finish()).kind, 'recorded')
    assert.equal(there.row(there.begun.id)?.state, 'abandoned')
  })

  it('leaves a final state as it is (3)', async () => {
    const there = room()
    const ended = { ...there.begun, state: 'forwarded' } as const
    there.putRow(ended)
    assert.deepEqual(await there.finish(), { kind: 'already_done', operation: ended })
    assert.deepEqual([there.row(there.begun.id), there.copies], [ended, []])
  })

  it('compares the row: a change in between is read before anything is written (3)', async () => {
    const there = room()
    there.putRow(there.begun)
    there.faults.next('commit', () => there.putRow({ ...there.begun, state: 'joined' }))
    assert.equal((await there.finish()).kind, 'already_done')
    assert.equal(there.row(there.begun.id)?.state, 'joined')
  })

  it('recognises its own write whose answer was lost: the end is reported, not called a duplicate', async () => {
    for (const mishap of ['answer-lost', 'late'] as const) {
      const there = room()
      there.putRow(there.begun)
      there.faults.next('commit', mishap)
      there.faults.next('readOperation', 'fine', () => there.faults.applyLate())
      const end = await there.finish()
      assert.ok(end.kind === 'recorded', `${mishap}: ${end.kind}`)
      assert.deepEqual(there.row(there.begun.id), end.operation)
      assert.equal(there.copies.length, 1)
    }
  })

  it('does not take the same end by another instance for its own', async () => {
    const there = room()
    there.putRow(there.begun)
    const theirs = advance(there.begun, { to: 'abandoned', error: ERROR }, there.clock.now() - 1)
    there.faults.next('commit', 'fails')
    there.faults.next('readOperation', 'fine', () => there.putRow(theirs))
    assert.equal((await there.finish()).kind, 'already_done')
  })

  it('writes a minimal form where storage refuses the whole one', async () => {
    const there = room()
    there.faults.next('commit', 'refuses')
    const end = await there.finish()
    assert.ok(end.kind === 'recorded')
    assert.deepEqual([end.operation.reason, there.row(there.begun.id)?.reason], [undefined, undefined])
  })

  it('is tried five times, and then it is not recorded', async () => {
    for (const mishap of ['fails', 'refuses'] as const) {
      const there = room()
      there.faults.always(mishap, 'commit')
      assert.deepEqual(await there.finish(), { kind: 'not_recorded' })
      assert.equal(there.faults.calls('readOperation'), 5)
    }
  })

  it('is not tried while the circuit breaker is open', async () => {
    const there = room()
    there.breaker.failed('storage failed')
    assert.deepEqual(await there.finish(), { kind: 'not_recorded' })
    assert.equal(there.faults.calls('readOperation'), 0)
  })

  it('throws a defect', async () => {
    const there = room()
    there.faults.next('readOperation', () => {
      throw new TypeError('a defect')
    })
    await assert.rejects(there.finish(), TypeError)
  })
})
