import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createExpiry } from '../../../src/operations/expire.ts'
import { RETENTION_MS } from '../../../src/operations/history.ts'
import { anOperation } from '../../support/an-operation.ts'
import { createCore } from '../../support/core.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'

const HOUR_MS = 3_600_000

/** So many operations that expire within the next hour, and one that does not. */
function room(expired: number) {
  const core = createCore()
  const operations = Array.from({ length: expired }, (_, index) =>
    anOperation({}, { atEpochMs: START_EPOCH_MS - RETENTION_MS - index }),
  )
  const kept = anOperation({}, { atEpochMs: START_EPOCH_MS })
  for (const operation of [...operations, kept]) {
    core.putRow(operation)
    core.rows.copies.set(operation.id, operation)
  }
  const logged: string[] = []
  const line = (text: string): void => void logged.push(text)
  const expire = createExpiry(core.store, core.clock, { info: line, warn: line, error: line })
  return { ...core, kept, logged, expire, left: () => core.rows.operations.size - 1 }
}

test('a process that has just started removes nothing', async () => {
  const { clock, expire, faults } = room(5)
  expire()
  await clock.advance(0)
  assert.equal(faults.calls('listExpired'), 0)
})

test('rows and copies older than the retention are removed, once an hour, and the log says how many', async () => {
  const { clock, expire, faults, rows, kept, left, logged } = room(150)
  await clock.advance(HOUR_MS)
  expire()
  expire()
  await clock.advance(0)
  assert.deepEqual([left(), rows.copies.size, rows.operations.has(kept.id)], [0, 1, true])
  assert.deepEqual([faults.calls('listExpired'), faults.calls('removeOperations')], [3, 2])
  assert.deepEqual(logged, ['{"event":"reconnect.expiry","removed":150}'])
  await clock.advance(HOUR_MS - 1)
  expire()
  await clock.advance(1)
  assert.equal(faults.calls('listExpired'), 3)
  expire()
  await clock.advance(0)
  assert.equal(faults.calls('listExpired'), 4)
})

test('one run removes two thousand at most', async () => {
  const { clock, expire, left } = room(2_500)
  await clock.advance(HOUR_MS)
  expire()
  for (let turn = 0; turn < 20; turn += 1) await clock.advance(0)
  assert.equal(left(), 500)
})

test('storage that is away is only logged', async () => {
  const { clock, expire, faults, logged } = room(5)
  faults.next('listExpired', 'fails')
  await clock.advance(HOUR_MS)
  expire()
  await clock.advance(0)
  assert.match(logged.join(), /reconnect\.expiry.*ServerBusy/)
})

test('an instance whose clock differs from storage’s by more than an hour removes nothing', async () => {
  for (const [aheadMs, removes] of [
    [HOUR_MS, true],
    [HOUR_MS + 1, false],
    [-HOUR_MS - 1, false],
  ] as const) {
    const { clock, expire, rows, left, logged } = room(5)
    rows.now = () => clock.now() - aheadMs
    await clock.advance(HOUR_MS)
    expire()
    await clock.advance(0)
    assert.equal(left(), removes ? 0 : 5, `${aheadMs} ms ahead`)
    if (!removes) assert.match(logged.join(), /nothing was removed/)
  }
})

test('nothing is removed where storage does not say what time it is', async () => {
  const { clock, store, logged, left } = room(5)
  const log = (text: string): void => void logged.push(text)
  const timeless = {
    ...store,
    listExpired: async (at: number, top: number) => ({ ids: (await store.listExpired(at, top)).ids }),
  }
  const expire = createExpiry(timeless, clock, { info: log, warn: log, error: log })
  await clock.advance(HOUR_MS)
  expire()
  await clock.advance(0)
  assert.equal(left(), 5)
})
