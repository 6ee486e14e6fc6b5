import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { compare, interleave, median } from '../bench/statistics.ts'
import { toTable } from '../bench/table.ts'

const RUN = fileURLToPath(new URL('../bench/run.ts', import.meta.url))

async function runBench(
  t: TestContext,
  args: readonly string[],
): Promise<{ stdout: string; leftBehind: readonly string[] }> {
  const temporary = await mkdtemp(join(tmpdir(), 'bench-test-'))
  t.after(() => rm(temporary, { recursive: true, force: true }))
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const { stdout } = await promisify(execFile)(process.execPath, [RUN, ...args], { env: { ...env, TMPDIR: temporary } })
  return { stdout, leftBehind: await readdir(temporary) }
}

test('the benchmark measures every part, prints one table, and leaves nothing behind', async (t) => {
  const { stdout, leftBehind } = await runBench(t, ['--quick'])
  for (const title of [
    'Start-up',
    'Throughput of the secured route',
    'Authorization',
    'Token verification',
    'Memory of the app',
    'A storm on one backend',
    'Distinct backends',
    'History',
    'Alerts',
  ]) {
    assert.match(stdout, new RegExp(`^${title}: `, 'm'))
  }
  const rows = stdout.split('\n').filter((line) => /^\S.+ \/ .+ [0-9,.]+ +[0-9,.]+ +[0-9.]+/.test(line))
  assert.equal(rows.length, 5 + 8 + 2 + 1 + 3 + 3 + 2 + 3 + 5)
  assert.doesNotMatch(stdout, /NaN|Infinity|undefined/)
  assert.match(
    stdout,
    /timers that keep the process alive, under connections that are idle: 0; when the callers have gone: 0/,
  )
  assert.deepEqual(leftBehind, [])
})

test('the benchmark ends with an error for a part that it does not have', async (t) => {
  await assert.rejects(runBench(t, ['--part', 'nothing']), { code: 1 })
})

test('sides are measured in turn, so that what slows the machine meets all of them', async () => {
  const order: string[] = []
  const side = (name: string) => () => order.push(name)
  assert.deepEqual(await interleave(2, { a: side('a'), b: side('b') }), { a: [1, 3], b: [2, 4] })
  assert.deepEqual(order, ['a', 'b', 'a', 'b'])
})

test('a ratio is the median of the ratios of the rounds, not the ratio of the medians', () => {
  assert.deepEqual(compare([1, 10, 9], [2, 10, 3]), { left: 9, right: 3, ratio: 1, spread: [0.5, 3] })
  assert.equal(median([4, 1, 3, 2]), 2.5)
  assert.throws(() => compare([1], [1, 2]), RangeError)
})

test('the table says of every aim whether it was met', () => {
  const figures = { left: 3, right: 2, ratio: 1.5 }
  const row = (aim: { atMost: number } | { atLeast: number }) =>
    toTable([{ title: 'T', unit: 'u', notes: [], rows: [{ name: 'a / b', figures, aim }] }])
  assert.match(row({ atMost: 1.5 }), /≤ 1\.50 {2}met$/m)
  assert.match(row({ atMost: 1.4 }), /≤ 1\.40 {2}MISSED$/m)
  assert.match(row({ atLeast: 1.5 }), /≥ 1\.50 {2}met$/m)
  assert.match(row({ atLeast: 1.6 }), /≥ 1\.60 {2}MISSED$/m)
})
