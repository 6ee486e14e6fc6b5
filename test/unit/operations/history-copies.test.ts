import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StoredOperation } from '../../../src/domain/operation.ts'
import { createHistoryCopies } from '../../../src/operations/history-copies.ts'
import { anAcceptedAlert, anOperation } from '../../support/an-operation.ts'
import { createCore } from '../../support/core.ts'

function room() {
  const core = createCore()
  const logged: { readonly level: string; readonly text: string }[] = []
  const at = (level: string) => (text: string) => void logged.push({ level, text })
  const copies = createHistoryCopies(core.store, core.clock, { info: at('info'), warn: at('warn'), error: at('error') })
  return { ...core, logged, write: copies.write, writeLater: copies.writeLater, waiting: copies.waiting }
}

test('a copy is written in the background, without what only storage needs', async () => {
  const { write, clock, rows } = room()
  const { generation: _, ...shown } = anAcceptedAlert({ generation: 2 })
  write({ ...shown, generation: 2 })
  await clock.advance(0)
  assert.deepEqual(rows.copies.get(shown.id), shown)
})

test('a copy for later is written within 200 ms, once for many', async () => {
  const { writeLater, clock, faults, rows } = room()
  const operations = [anOperation(), anOperation(), anOperation()]
  for (const operation of operations) {
    writeLater(operation)
    await clock.advance(60)
  }
  assert.equal(rows.copies.size, 0)
  await clock.advance(20)
  assert.deepEqual([rows.copies.size, clock.sleeping()], [3, 0])
  assert.ok(faults.calls('writeCopies') <= 2)
  writeLater(operations[0] as StoredOperation)
  await clock.advance(200)
  assert.equal(clock.sleeping(), 0, 'the next one has 200 ms of its own')
})

test('a copy for later that a later version has replaced is not written', async () => {
  const { write, writeLater, clock, faults, rows } = room()
  const begun = anOperation({ state: 'accepted' })
  const ended = anOperation({ ...begun, state: 'forwarded' })
  writeLater(begun)
  await clock.advance(100)
  write(ended)
  await clock.advance(5_000)
  assert.deepEqual([rows.copies.get(begun.id), faults.calls('writeCopies')], [ended, 1])
})

test('a copy that fails waits and is tried again, after one second and twice as long each time', async () => {
  const { write, clock, faults, rows, waiting, logged } = room()
  const operation = anOperation()
  faults.always('fails', 'writeCopies')
  write(operation)
  await clock.advance(0)
  assert.deepEqual([waiting(), logged.map(({ level }) => level)], [1, ['warn']])
  await clock.advance(1_000 + 2_000 + 4_000)
  assert.equal(faults.calls('writeCopies'), 4)
  faults.always('fine', 'writeCopies')
  await clock.advance(8_000)
  assert.deepEqual([waiting(), rows.copies.get(operation.id), clock.sleeping()], [0, operation, 0])
})

test('the wait between two attempts is a minute at most', async () => {
  const { write, clock, faults } = room()
  faults.always('fails', 'writeCopies')
  write(anOperation())
  await clock.advance(600_000)
  const before = faults.calls('writeCopies')
  await clock.advance(60_000)
  assert.equal(faults.calls('writeCopies') - before, 1)
})

test('while one waits, the others wait with it: one call asks whether storage is back, and the rest follow', async () => {
  const { write, clock, faults, rows, waiting } = room()
  faults.always('fails', 'writeCopies')
  for (let count = 0; count < 250; count += 1) {
    write(anOperation())
    if (count === 0) await clock.advance(0)
  }
  const before = faults.calls('writeCopies')
  await clock.advance(1_000)
  assert.deepEqual([waiting(), faults.calls('writeCopies') - before], [250, 1])
  faults.always('fine', 'writeCopies')
  await clock.advance(2_000)
  assert.deepEqual([waiting(), rows.copies.size], [0, 250])
  assert.ok(faults.calls('writeCopies') - before <= 6, 'a hundred copies in a call')
})

test('a later version replaces one that still waits, and an earlier one does not', async () => {
  const { write, clock, faults, rows } = room()
  const accepted = anAcceptedAlert()
  const forwarded = { ...accepted, state: 'forwarded', updatedAt: '2026-11-23T00:00:09.000Z' } as const
  faults.next('writeCopies', 'fails')
  write(accepted)
  await clock.advance(0)
  write(forwarded)
  write(accepted)
  await clock.advance(1_000)
  assert.equal(rows.copies.get(accepted.id)?.state, 'forwarded')
})

test('a copy that storage refuses is written in a minimal form', async () => {
  const { write, clock, faults, rows, waiting } = room()
  const operation = anOperation({ reason: 'why' })
  faults.next('writeCopies', 'refuses', 'refuses')
  write(operation)
  await clock.advance(0)
  assert.deepEqual([waiting(), rows.copies.get(operation.id)?.reason], [0, undefined])
})

test('a copy that storage refuses in every form is left out, with an error in the log; the others are written', async () => {
  const { write, clock, faults, rows, waiting, logged } = room()
  const [bad, good] = [anOperation(), anOperation()]
  faults.next('writeCopies', 'refuses', 'refuses', 'refuses')
  write(bad)
  await clock.advance(0)
  write(good)
  await clock.advance(0)
  assert.deepEqual([waiting(), rows.copies.has(bad.id), rows.copies.has(good.id)], [0, false, true])
  assert.deepEqual(
    logged.map(({ level }) => level),
    ['error'],
  )
  assert.match(logged[0]?.text ?? '', new RegExp(bad.id))
})

test('ten thousand copies wait at most; the oldest are left out, and the log says how many', async () => {
  const { write, clock, faults, rows, waiting, logged } = room()
  const operations = Array.from({ length: 10_003 }, () => anOperation())
  faults.always('fails', 'writeCopies')
  write(operations[0] as (typeof operations)[0])
  await clock.advance(0)
  for (const operation of operations.slice(1)) write(operation)
  assert.equal(waiting(), 10_000)
  faults.always('fine', 'writeCopies')
  await clock.advance(60_000)
  assert.deepEqual([waiting(), rows.copies.size], [0, 10_000])
  assert.match(logged.at(-1)?.text ?? '', /3 copies were left out of the lists/)
})

test('an earlier version that failed is not written after a later one', async () => {
  const { write, clock, faults, rows, waiting } = room()
  const begun = anOperation({ state: 'accepted' })
  const ended = anOperation({ ...begun, state: 'forwarded', updatedAt: '2026-11-23T00:00:01.000Z' })
  faults.next('writeCopies', 'fails')
  write(begun)
  write(ended)
  await clock.advance(60_000)
  assert.deepEqual([rows.copies.get(begun.id), waiting(), faults.calls('writeCopies')], [ended, 0, 2])
})
