import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const RUN = fileURLToPath(new URL('run.ts', import.meta.url))
const ROWS: Readonly<Record<string, number>> = {
  'Start-up': 5,
  'Throughput of the secured route': 11,
  Authorization: 2,
  'Token verification': 1,
  'Memory of the app': 5,
  'A storm on one backend': 4,
  'Distinct backends': 5,
  History: 7,
  Alerts: 6,
}

test('npm run bench measures every part, writes nothing else, and leaves no file behind', async (t) => {
  const temporary = await mkdtemp(join(tmpdir(), 'bench-check-'))
  t.after(() => rm(temporary, { recursive: true, force: true }))
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [RUN, '--quick'], {
    env: { ...environment, TMPDIR: temporary },
  })
  assert.equal(stderr, '')
  const sections = stdout.split('\n\n').filter((section) => section.trim() !== '')
  assert.match(sections.pop() ?? '', /^Measured in \d+ s: start-up \d+, .+, alerts \d+\n$/)
  const rows = sections.map((section) => {
    const [title = ''] = section.trim().split(': ', 1)
    return [title, section.split('\n').filter((line) => /^\S.+ \/ .+ [0-9,.]+ +[0-9,.]+ +[0-9.]+/.test(line)).length]
  })
  assert.deepEqual(Object.fromEntries(rows), ROWS)
  assert.doesNotMatch(stdout, /NaN|Infinity|undefined/)
  assert.match(stdout, /timers that keep the process alive, with idle connections: 0; without connections: 0/)
  assert.deepEqual(await readdir(temporary), [])
})
