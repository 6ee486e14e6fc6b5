import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { posix } from 'node:path'
import { describe, test } from 'node:test'
import { AVOIDED, wordFaults } from './support/house-words.ts'

const PLACES = ['src', 'sandbox', 'bench', 'test', 'docs', 'examples', 'infra', '.github', '.ci', 'bundle', 'build.ts']
const TEXTS = /\.(?:ts|md|bicep|kql|sh|ya?ml)$|^\.ci\/run$/

/** Files that quote the words, or whose text is not ours. */
const EXEMPT = ['docs/contract.md', 'test/house-words.test.ts', 'test/support/house-words.ts']

/** Files and folders that still wait for their rewriting. Remove a line when its place is done, and add none. */
const NOT_YET: readonly string[] = [
  'sandbox',
  'src/cli',
  'src/domain/failure.ts',
  'src/http',
  'test/functions',
  'test/regressions',
  'test/sandbox',
  'test/support/simulated-queue.ts',
  'test/support/simulated-store.ts',
  'test/unit/http',
  'test/unit/managed-identity',
]

function texts(): readonly string[] {
  const below = (place: string): readonly string[] =>
    statSync(place).isFile()
      ? [place]
      : readdirSync(place, { recursive: true, encoding: 'utf8' }).map((name) =>
          posix.join(place, name.split('\\').join('/')),
        )
  const rootTexts = readdirSync('.').filter((name) => name.endsWith('.md'))
  return [...rootTexts, ...PLACES.filter((place) => existsSync(place)).flatMap(below)].filter(
    (file) =>
      TEXTS.test(file) && !file.includes('node_modules/') && !file.startsWith('infra/.bicep') && !EXEMPT.includes(file),
  )
}

const isIn =
  (file: string) =>
  (place: string): boolean =>
    file === place || file.startsWith(`${place}/`)

test('texts use plain words', () => {
  const files = texts().filter((file) => !NOT_YET.some(isIn(file)))
  const faults = files.flatMap((file) => wordFaults(file, readFileSync(file, 'utf8')))
  assert.ok(faults.length === 0, `\n${faults.join('\n')}\n`)
})

describe('the list of words', () => {
  test('finds a word in any letter case, with its line, and not as a part of another word', () => {
    assert.deepEqual(wordFaults('x.ts', 'fine\n// Nobody knows\n// recommend, shallow, inhabitants'), [
      'x.ts:2 says "Nobody": write "no caller", "no instance", or make another thing the subject.',
    ])
  })

  test('finds every entry in a sentence of its own', () => {
    assert.ok(AVOIDED.length > 20)
    for (const sentence of ['whoever asks', 'mend it', 'what stands there', 'a passage', 'took off', 'it takes in'])
      assert.equal(wordFaults('x.ts', sentence).length, 1, sentence)
  })
})
