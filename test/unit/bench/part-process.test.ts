import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { startPart } from '../../../bench/part-process.ts'
import { runParts } from '../../../bench/run-parts.ts'
import type { Section } from '../../../bench/table.ts'

/** No test waits so long. */
const LONG_MS = 60_000
const SECTION: Section = { title: 'T', unit: 'u', rows: [], notes: [] }
const SENDS_SECTION = `process.send({ section: ${JSON.stringify(SECTION)} })`
const HANGS = 'for (;;);'
/** Starts a process that never ends, writes a temporary file, tells of both, and hangs. */
const HANGS_WITH_CHILD = `
  const { spawn } = require('node:child_process')
  const { renameSync, writeFileSync } = require('node:fs')
  const { tmpdir } = require('node:os')
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1_000)'], { stdio: 'ignore' })
  const file = tmpdir() + '/left-over'
  writeFileSync(file, '')
  writeFileSync(process.argv[2] + '.part', JSON.stringify({ pids: [process.pid, child.pid], file }))
  renameSync(process.argv[2] + '.part', process.argv[2])
  ${HANGS}`

describe('the process of a part', () => {
  it('gives the section that it sends', async (t) => {
    const part = await aPart(t, SENDS_SECTION)
    assert.deepEqual(await part.section, SECTION)
  })

  it('rejects with the error that it sends, or with its exit code if it ends without a result', async (t) => {
    await assert.rejects((await aPart(t, "process.send({ error: 'answered 503' })")).section, /^Error: answered 503$/)
    await assert.rejects((await aPart(t, 'process.exit(7)')).section, /ended without a result \(7\)/)
  })

  it(
    'is ended with the processes that it has started, and its files are removed, even if it is stuck',
    { timeout: LONG_MS },
    async (t) => {
      const told = join(await aFolder(t), 'told.json')
      const part = await aPart(t, HANGS_WITH_CHILD, { args: [told] })
      await until(() => existsSync(told))
      const { pids, file } = JSON.parse(await readFile(told, 'utf8')) as { pids: number[]; file: string }
      assert.ok(existsSync(file))
      await part.stop()
      await part.stop()
      await assert.rejects(part.section, /ended without a result \(SIGKILL\)/)
      await until(() => !pids.some(isAlive))
      assert.ok(!existsSync(file))
    },
  )

  it('rejects when the limit has passed, and the other parts are still measured', async (t) => {
    const sources: Readonly<Record<string, string>> = { stuck: HANGS, last: SENDS_SECTION }
    const printed: Section[] = []
    const failures: string[] = []
    const failed = await runParts(['stuck', 'last'], {
      async measure(name) {
        const part = await aPart(t, sources[name] as string, { limitMs: name === 'stuck' ? 50 : LONG_MS })
        return part.section
      },
      print: (section) => printed.push(section),
      report: (name, error) => failures.push(`${name}: ${(error as Error).message}`),
    })
    assert.deepEqual(failed, ['stuck'])
    assert.deepEqual(failures, ['stuck: no answer within 50 ms'])
    assert.deepEqual(printed, [SECTION])
  })
})

async function aFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-part-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function aPart(t: TestContext, source: string, { args = [] as string[], limitMs = LONG_MS } = {}) {
  const path = join(await aFolder(t), 'part.cjs')
  await writeFile(path, source)
  const part = startPart(path, args, limitMs)
  t.after(() => part.stop())
  return part
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await delay(20)
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
