import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createProgramGroup, startProgram } from '../../../bench/program.ts'
import { runParts } from '../../../bench/run-parts.ts'
import type { Section } from '../../../bench/table.ts'

const aSection = (title: string): Section => ({ title, unit: 'u', rows: [], notes: [] })

describe('the parts of the benchmark', () => {
  it('are all measured when one of them fails, and the failure is reported by name', async () => {
    const log: string[] = []
    const failed = await runParts(['first', 'broken', 'last'], {
      async measure(name) {
        if (name === 'broken') throw new Error('answered 503')
        return aSection(name)
      },
      print: ({ title }) => log.push(`printed ${title}`),
      report: (name, error) => log.push(`${name} failed: ${(error as Error).message}`),
    })
    assert.deepEqual(failed, ['broken'])
    assert.deepEqual(log, ['printed first', 'broken failed: answered 503', 'printed last'])
  })

  it('are printed one by one, so that an interrupted run keeps its figures', async () => {
    const log: string[] = []
    await runParts(['first', 'second'], {
      async measure(name) {
        log.push(`measured ${name}`)
        return aSection(name)
      },
      print: ({ title }) => log.push(`printed ${title}`),
      report: () => assert.fail('nothing fails here'),
    })
    assert.deepEqual(log, ['measured first', 'printed first', 'measured second', 'printed second'])
  })

  it('end with exit code 1 and the list of parts for a name that does not exist', async () => {
    const run = fileURLToPath(new URL('../../../bench/run.ts', import.meta.url))
    await assert.rejects(promisify(execFile)(process.execPath, [run, '--part', 'nothing']), {
      code: 1,
      stderr: /--part nothing: expected one of start-up, throughput, /,
    })
  })
})

describe('a program of the benchmark', () => {
  it('ends when it is stopped, and a second stop changes nothing', async (t) => {
    const program = startProgram(
      await aProgram(t, "process.on('message', ({ id }) => process.send({ id, output: 7 }))"),
      {},
    )
    assert.equal(await program.call('answer'), 7)
    await program.stop()
    await program.stop()
    await assert.rejects(program.call('answer'), /has ended/)
  })

  it('that ends early rejects the command under way, and what it wrote to stderr is kept', async (t) => {
    const path = await aProgram(
      t,
      "process.on('message', () => { console.error('out of disk'); process.exitCode = 3; process.disconnect() })",
    )
    const group = createProgramGroup()
    await assert.rejects(group.start(path, {}).call('start'), /program\.cjs has ended/)
    await group.stopAll()
    assert.equal(group.complaints(), 'out of disk\n')
  })
})

async function aProgram(t: TestContext, source: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-program-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'program.cjs')
  await writeFile(path, source)
  return path
}
