import assert from 'node:assert/strict'
import { test } from 'node:test'
import { once } from '../../../src/shared/once.ts'

test('work that succeeds runs once, however many ask for it and when', async () => {
  let runs = 0
  const get = once(async () => (runs += 1))
  assert.deepEqual(await Promise.all([get(), get()]), [1, 1])
  assert.equal(await get(), 1)
})

test('a failure is told to those who waited for it, and the next caller starts again', async () => {
  let runs = 0
  const get = once(async () => {
    runs += 1
    if (runs === 1) throw new Error('too many open files')
    return runs
  })
  const waiting = [get(), get()]
  for (const caller of waiting) await assert.rejects(caller, /too many open files/)
  assert.equal(await get(), 2)
})

test('work that throws before its first wait fails as any other does', async () => {
  let runs = 0
  const get = once((): Promise<number> => {
    runs += 1
    if (runs === 1) throw new Error('at once')
    return Promise.resolve(runs)
  })
  await assert.rejects(get(), /at once/)
  assert.equal(await get(), 2)
})
