import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toTable } from '../../../bench/table.ts'

test('the table says of every aim whether it was met', () => {
  const figures = { left: 3, right: 2, ratio: 1.5 }
  const row = (aim: { atMost: number } | { atLeast: number }) =>
    toTable([{ title: 'T', unit: 'u', notes: [], rows: [{ name: 'a / b', figures, aim }] }])
  assert.match(row({ atMost: 1.5 }), /≤ 1\.50 {2}met$/m)
  assert.match(row({ atMost: 1.4 }), /≤ 1\.40 {2}MISSED$/m)
  assert.match(row({ atLeast: 1.5 }), /≥ 1\.50 {2}met$/m)
  assert.match(row({ atLeast: 1.6 }), /≥ 1\.60 {2}MISSED$/m)
})
