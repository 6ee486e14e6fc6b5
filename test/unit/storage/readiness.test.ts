import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createStorageProbe } from '../../../src/storage/readiness.ts'
import { createFakeClock } from '../../support/fake-clock.ts'

function room() {
  const clock = createFakeClock()
  const asked = { tables: 0, queues: 0 }
  const away = { tables: false, queues: false }
  const probeOf = (name: keyof typeof asked) => async () => {
    asked[name] += 1
    if (away[name]) throw new Error('away')
  }
  return { clock, asked, away, probe: createStorageProbe([probeOf('tables'), probeOf('queues')], clock) }
}

test('storage is asked once in five seconds, however often readiness is, and its fault is an answer', async () => {
  const { clock, asked, away, probe } = room()
  away.tables = true
  assert.deepEqual(await Promise.all([probe(), probe(), probe()]), [false, false, false])
  away.tables = false
  await clock.advance(4_999)
  assert.deepEqual([await probe(), asked], [false, { tables: 1, queues: 1 }])
  await clock.advance(1)
  assert.deepEqual(await Promise.all([probe(), probe()]), [true, true])
  assert.deepEqual(asked, { tables: 2, queues: 2 })
})

test('tables that take writes are not enough: queues have to take them too', async () => {
  const { away, probe } = room()
  away.queues = true
  assert.equal(await probe(), false)
})

test('storage that hangs is a no after eight seconds; it is not asked a second time meanwhile', async () => {
  const clock = createFakeClock()
  let asked = 0
  const hang = () => {
    asked += 1
    return new Promise<void>(() => undefined)
  }
  const probe = createStorageProbe([async () => undefined, hang], clock)
  const early = probe()
  await clock.advance(7_999)
  const late = probe()
  assert.equal(asked, 1)
  await clock.advance(1)
  assert.deepEqual(await Promise.all([early, late]), [false, false])
  await clock.advance(4_999)
  assert.deepEqual([await probe(), asked], [false, 1])
  await clock.advance(1)
  void probe()
  assert.equal(asked, 2)
})

test('an answer is not remembered for longer because the clock was set back', async () => {
  const { clock, asked, probe } = room()
  await probe()
  await clock.advance(-3_600_000)
  assert.equal(await probe(), true)
  assert.equal(asked.tables, 2)
})
