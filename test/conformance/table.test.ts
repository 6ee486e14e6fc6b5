/** Keeps README.md of this folder true in both directions. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { PROJECT_ROOT } from '../../sandbox/create-sandbox.ts'

const FOLDER = import.meta.dirname
const readme = readFileSync(join(FOLDER, 'README.md'), 'utf8')
const rows = readme.split('\n').filter((line) => line.startsWith('| '))
const sourcesOf = (folder: string, prefix: string): readonly (readonly [string, string])[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.test.ts') && name !== 'table.test.ts')
    .map((name) => [`${prefix}${name}`, readFileSync(join(folder, name), 'utf8')])
/** This folder's by their names, those of test/regressions by their paths. */
const sources = new Map([
  ...sourcesOf(FOLDER, ''),
  ...sourcesOf(join(PROJECT_ROOT, 'test/regressions'), 'test/regressions/'),
])

/** Titles of tests and suites as they are in the source, templates included. */
function titlesOf(source: string, keyword: 'describe' | '(?:describe|it)'): readonly string[] {
  return [...source.matchAll(new RegExp(`^ *${keyword}\\(\\s*(['"\`])(.*?)\\1,`, 'gm'))].map(
    ([, , title = '']) => title,
  )
}

/** `file.test.ts` “title”, “title”: a file of this folder, or a path of test/regressions. */
const named = rows.flatMap((row) =>
  [...row.matchAll(/`((?:test\/regressions\/)?[\w-]+\.test\.ts)` (“[^”]+”(?:, “[^”]+”)*)/g)].flatMap(
    ([, file = '', titles = '']) => [...titles.matchAll(/“([^”]+)”/g)].map(([, title = '']) => ({ file, title })),
  ),
)

describe('the table of requirements', () => {
  it('names tests that exist', () => {
    assert.ok(named.length > 30)
    for (const { file, title } of named) {
      const titles = titlesOf(sources.get(file) ?? '', '(?:describe|it)')
      assert.ok(
        titles.some((text) => text.includes(title)),
        `${file}: ${title}`,
      )
    }
  })

  it('names every group of tests', () => {
    for (const [file, source] of sources) {
      // The outermost suites; where one only makes the others wait together, these.
      const groups = titlesOf(source, 'describe').filter((title) => title !== 'time')
      const unnamed = groups.filter(
        (group) =>
          !named.some(({ file: of, title }) => of === file && (group.includes(title) || isIn(source, group, title))),
      )
      assert.deepEqual(unnamed, [], file)
    }
  })

  it('names files that exist', () => {
    for (const [, path = ''] of readme.matchAll(/`(test\/[\w/-]+\.test\.ts)`/g))
      assert.ok(existsSync(join(PROJECT_ROOT, path)), path)
  })
})

/** Whether the test with this title stands in the suite. */
function isIn(source: string, group: string, title: string): boolean {
  const from = Math.max(...["'", '"', '`'].map((quote) => source.indexOf(`describe(${quote}${group}`)))
  const to = source.indexOf('\ndescribe(', from)
  return source.slice(from, to < 0 ? undefined : to).includes(title)
}
