import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toMarkdown, toText } from '../../../bench/table.ts'

test('the table says of every aim whether it was met', () => {
  const figures = { left: 3, right: 2, ratio: 1.5 }
  const row = (aim: { atMost: number } | { atLeast: number }) =>
    toText({ title: 'T', unit: 'u', notes: [], rows: [{ name: 'a / b', figures, aim }] })
  assert.match(row({ atMost: 1.5 }), /≤ 1\.50 {2}met$/m)
  assert.match(row({ atMost: 1.4 }), /≤ 1\.40 {2}MISSED$/m)
  assert.match(row({ atLeast: 1.5 }), /≥ 1\.50 {2}met$/m)
  assert.match(row({ atLeast: 1.6 }), /≥ 1\.60 {2}MISSED$/m)
})

test('a ratio below 0.1 has a third digit, so that one at its aim can be told from one beside it', () => {
  const rows = [{ name: 'a / b', figures: { left: 21, right: 1_000, ratio: 0.021 }, aim: { atMost: 0.02 } }]
  assert.match(toText({ title: 'T', unit: 'u', notes: [], rows }), /0\.021 +≤ 0\.020 {2}MISSED$/m)
})

test('in Markdown every row has a cell for each heading, and notes are left out', () => {
  const rows = [
    { name: 'a / b', figures: { left: 3, right: 2, ratio: 1.5, spread: [1, 2] as const }, aim: { atMost: 1 } },
    { name: 'c / d', figures: { left: 3_000, right: 2, ratio: 1_500 } },
  ]
  const lines = [
    '',
    '**T**: u',
    '',
    '| left / right | left | right | ratio | spread | aim |',
    '| --- | ---: | ---: | ---: | ---: | ---: |',
    '| a / b | 3.0 | 2.0 | 1.50 | 1.00 – 2.00 | ≤ 1.00 MISSED |',
    '| c / d | 3,000 | 2.0 | 1500.00 |  |  |',
    '',
  ]
  assert.equal(toMarkdown({ title: 'T', unit: 'u', notes: ['n'], rows }), lines.join('\n'))
})
