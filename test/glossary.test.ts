/** docs/glossary.md has every word of the audit and of operations, with one sentence at least, and no other. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { REASONS } from '../src/cli/reasons.ts'
import { OUTCOMES } from '../src/domain/decision.ts'
import { OPERATION_STATES } from '../src/domain/operation.ts'

/** The rows of the table below a heading: name and meaning. */
function tableOf(heading: string): readonly (readonly [name: string, meaning: string])[] {
  const text = readFileSync('docs/glossary.md', 'utf8')
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? assert.fail(heading)
  return [...section.matchAll(/^\| (\S.*?) +\| (\S.*?) +\|$/gm)]
    .slice(1)
    .map(([, name = '', meaning = '']) => [name.replaceAll('`', ''), meaning] as const)
    .filter(([name]) => !/^-+$/.test(name))
}
const namesOf = (heading: string): string[] =>
  tableOf(heading)
    .map(([name]) => name)
    .toSorted()

test('the states of an operation', () => {
  assert.deepEqual(namesOf('States of an operation'), OPERATION_STATES.toSorted())
})

test('the outcomes', () => {
  assert.deepEqual(namesOf('Outcomes'), OUTCOMES.toSorted())
})

for (const [heading, name] of [
  ['Members of an audit event', 'AuditEvent'],
  ['Members of a pause event', 'PauseEvent'],
  ['Members of an event of a verdict', 'EffectEvent'],
] as const)
  test(`the members of ${name}, as src/audit/event.ts declares them`, () => {
    const source = readFileSync('src/audit/event.ts', 'utf8')
    const body = new RegExp(`^export interface ${name} \\{\n(.*?)^\\}`, 'ms').exec(source)?.[1] ?? assert.fail(name)
    const declared = [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)]
    assert.ok(declared.length > 10)
    assert.deepEqual(namesOf(heading), declared.map(([, name = '']) => name).toSorted())
  })

test('the reasons, in the words that explain uses', () => {
  assert.deepEqual(namesOf('Reasons'), Object.keys(REASONS).toSorted())
  const same = (text: string): string => text.replace(/\.$/, '').toLowerCase()
  for (const [name, meaning] of tableOf('Reasons'))
    assert.equal(same(meaning), same(REASONS[name as keyof typeof REASONS].means), name)
})

test('the terms of coordination are there, in alphabetical order', () => {
  const terms = tableOf('Terms').map(([name]) => name)
  assert.deepEqual(terms, terms.toSorted())
  for (const term of ['lease', 'owner token', 'single-flight', 'slot', 'scheduled', 'in flight', 'generation', 'due'])
    assert.ok(terms.includes(term), term)
})

test('every word has a sentence', () => {
  for (const heading of [
    'Terms',
    'States of an operation',
    'Outcomes',
    'Members of an audit event',
    'Members of a pause event',
    'Members of an event of a verdict',
    'Reasons',
  ])
    for (const [name, meaning] of tableOf(heading)) assert.match(meaning, /^\S.{8,}[.!]$/, name)
})
