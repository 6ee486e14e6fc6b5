import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRecords } from '../../../src/ledger/records.ts'
import { createFakeClock } from '../../support/fake-clock.ts'
import { createScriptedStore } from '../../support/scripted-store.ts'
import { anOperation } from './an-operation.ts'

function room() {
  const clock = createFakeClock()
  const store = createScriptedStore()
  const warnings: string[] = []
  let sweeps = 0
  const log = { info: () => undefined, error: () => undefined, warn: (text: string) => void warnings.push(text) }
  const records = createRecords(store, clock, log, () => void (sweeps += 1))
  return { clock, store, records, warnings, sweeps: () => sweeps }
}

test('writes the row, and its copy in the background', async () => {
  const { store, records, clock, sweeps } = room()
  const operation = anOperation()
  assert.equal(await records.write(operation), true)
  await clock.advance(0)
  assert.deepEqual([store.operations.get(operation.id), store.copies.get(operation.id)], [operation, operation])
  assert.equal(sweeps(), 1)
})

test('after a failure nobody waits for storage for five seconds, to the millisecond; the log says why', async () => {
  const { store, records, clock, warnings } = room()
  store.mishaps.write.push('refused')
  assert.equal(await records.write(anOperation()), false)
  assert.equal(records.resting(), true)
  assert.match(warnings[0] ?? '', /reconnect\.storage.*refused/)
  const before = { ...store.calls }
  assert.equal(await records.write(anOperation()), false)
  records.copy(anOperation())
  assert.deepEqual(store.calls, before)
  await clock.advance(4_999)
  assert.equal(records.resting(), true)
  await clock.advance(1)
  assert.equal(records.resting(), false)
  assert.equal(await records.write(anOperation()), true)
})

test('a copy that fails makes nobody fail, but tells that storage is away', async () => {
  const { store, records, clock } = room()
  store.mishaps.copy.push('refused')
  assert.equal(await records.write(anOperation()), true)
  await clock.advance(0)
  assert.equal(records.resting(), true)
})

test('an attempt tells whether it succeeded', async () => {
  const { records } = room()
  assert.equal(await records.attempt(async () => false), true)
  assert.equal(records.resting(), false)
  assert.equal(await records.attempt(() => Promise.reject(new Error('x'))), false)
  assert.equal(records.resting(), true)
})
