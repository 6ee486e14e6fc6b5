import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { test } from 'node:test'

const FOLDER = 'docs/console'
const MAX_BYTES = 400_000

test('docs/console.md shows every picture that npm run console:screenshots writes, and they are small', () => {
  const text = readFileSync('docs/console.md', 'utf8')
  const shown = [...text.matchAll(/!\[[^\]]+\]\(console\/([\w-]+\.png)\)/g)].map(([, name]) => name as string)
  const files = readdirSync(FOLDER)
  assert.deepEqual(shown.toSorted(), files.toSorted())
  const bytes = files.reduce((sum, name) => sum + statSync(`${FOLDER}/${name}`).size, 0)
  assert.ok(bytes > 50_000 && bytes <= MAX_BYTES, `${bytes} bytes`)
})
