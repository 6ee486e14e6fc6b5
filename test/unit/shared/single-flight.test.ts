import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSingleFlight } from '../../../src/shared/single-flight.ts'

test('callers that come while it runs get its result, and a later one starts a new run', async () => {
  let runs = 0
  const fly = createSingleFlight(async () => (runs += 1))
  assert.deepEqual(await Promise.all([fly(), fly(), fly()]), [1, 1, 1])
  assert.equal(await fly(), 2)
})

test('a rejection is that of the callers of its run alone', async () => {
  let runs = 0
  const fly = createSingleFlight(async () => {
    runs += 1
    if (runs === 1) throw new Error('broken')
    return runs
  })
  for (const caller of [fly(), fly()]) await assert.rejects(caller, /broken/)
  assert.equal(await fly(), 2)
})

test('a run that throws before its first wait does not block the next one', async () => {
  let runs = 0
  const fly = createSingleFlight((): Promise<number> => {
    runs += 1
    if (runs === 1) throw new Error('at once')
    return Promise.resolve(runs)
  })
  await assert.rejects(fly(), /at once/)
  assert.equal(await fly(), 2)
})
