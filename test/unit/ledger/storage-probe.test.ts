import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createStorageProbe } from '../../../src/ledger/storage-probe.ts'
import { createFakeClock } from '../../support/fake-clock.ts'
import { createScriptedStore } from '../../support/scripted-store.ts'

test('storage is asked once in five seconds, however many want to know, and its answer is never an exception', async () => {
  const clock = createFakeClock()
  const store = createScriptedStore()
  store.mishaps.read.push('refused', 'fine')
  const probe = createStorageProbe(store, clock)
  assert.deepEqual(await Promise.all([probe(), probe(), probe()]), [false, false, false])
  await clock.advance(4_999)
  assert.equal(await probe(), false)
  assert.equal(store.calls.read, 1)
  await clock.advance(1)
  assert.deepEqual(await Promise.all([probe(), probe()]), [true, true])
  assert.equal(store.calls.read, 2)
  assert.equal(store.calls.change, 0)
})
