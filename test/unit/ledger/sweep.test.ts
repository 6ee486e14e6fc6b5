import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OperationId } from '../../../src/domain/operation.ts'
import { RETENTION_MS } from '../../../src/ledger/history.ts'
import { createSweep } from '../../../src/ledger/sweep.ts'
import { createFakeClock } from '../../support/fake-clock.ts'

const HOUR = 3_600_000

function room(rows: number, fault?: Error) {
  const clock = createFakeClock()
  let left = rows
  const asked: number[] = []
  const logged: string[] = []
  const store = {
    listExpired: async (before: number, top: number) => {
      asked.push(before)
      if (fault !== undefined) throw fault
      return Array.from({ length: Math.min(left, top) }, (_, index) => String(index) as OperationId)
    },
    removeOperations: async (ids: readonly OperationId[]) => void (left -= ids.length),
  }
  const log = {
    info: (text: string) => void logged.push(text),
    warn: (text: string) => void logged.push(text),
    error: () => undefined,
  }
  return { clock, sweep: createSweep(store, clock, log), asked, logged, left: () => left }
}

test('a process that has just started has better things to do', async () => {
  const { clock, sweep, asked } = room(5)
  sweep()
  await clock.advance(0)
  assert.equal(asked.length, 0)
})

test('removes what is older than the retention, once an hour, and says how much', async () => {
  const { clock, sweep, asked, left, logged } = room(150)
  await clock.advance(HOUR)
  sweep()
  sweep()
  await clock.advance(0)
  assert.equal(left(), 0)
  assert.deepEqual(asked, Array(3).fill(clock.now() - RETENTION_MS))
  assert.deepEqual(logged, ['{"event":"reconnect.sweep","removed":150}'])
  await clock.advance(HOUR - 1)
  sweep()
  await clock.advance(1)
  assert.equal(asked.length, 3)
  sweep()
  await clock.advance(0)
  assert.equal(asked.length, 4)
})

test('a backlog is worked off over hours', async () => {
  const { clock, sweep, left } = room(5_000)
  await clock.advance(HOUR)
  sweep()
  await clock.advance(10)
  await clock.advance(10)
  await clock.advance(10)
  assert.equal(left(), 3_000)
})

test('storage that is away is told to the log alone', async () => {
  const { clock, sweep, logged } = room(5, new Error('away'))
  await clock.advance(HOUR)
  sweep()
  await clock.advance(0)
  assert.match(logged[0] ?? '', /reconnect\.sweep.*away/)
})
