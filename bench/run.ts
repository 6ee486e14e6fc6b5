/**
 * `npm run bench`: each part in turn, each in a process of its own and with a table. `--quick` shows only that the benchmark works;
 * `--part NAME`, repeatable, leaves the others out; `--markdown` prints the tables as README.md has them.
 */
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createEnding } from '../sandbox/ending.ts'
import { startPart, type PartProcess } from './part-process.ts'
import { PARTS } from './parts.ts'
import { runParts } from './run-parts.ts'
import { toMarkdown, toText, type Section } from './table.ts'

const MEASURE_PART = fileURLToPath(new URL('measure-part.ts', import.meta.url))
/** At least three times what a part takes on an idle machine: one that hangs must not keep the others from being measured. */
const PART_LIMIT_MS = 180_000

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
    part: { type: 'string', multiple: true, default: [...PARTS.keys()] },
  },
})
const print = values.markdown ? toMarkdown : toText
const ending = createEnding()
const seconds: string[] = []
let part: PartProcess | undefined

async function measure(name: string): Promise<Section> {
  if (ending.begun()) throw new Error('the benchmark is ending')
  if (process.stderr.isTTY) process.stderr.write(`measuring ${name} …\n`)
  const startedAt = performance.now()
  const started = startPart(MEASURE_PART, [name, ...(values.quick ? ['--quick'] : [])], PART_LIMIT_MS)
  part = started
  try {
    return await started.section
  } finally {
    await started.stop()
    seconds.push(`${name} ${Math.round((performance.now() - startedAt) / 1_000)}`)
  }
}

function report(name: string, error: unknown): void {
  if (ending.begun()) return
  process.stderr.write(`${name} FAILED: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
}

ending.onEnd(() => part?.stop())
const unknown = values.part.find((name) => !PARTS.has(name))
if (unknown !== undefined) {
  process.stderr.write(`--part ${unknown}: expected one of ${[...PARTS.keys()].join(', ')}\n`)
  await ending.end(1)
}
const startedAt = performance.now()
const failed = await runParts(values.part, {
  measure,
  print: (section) => process.stdout.write(print(section)),
  report,
})
// Interrupted: what is printed is what was measured.
if (ending.begun()) await ending.end(0)
if (failed.length > 0) process.stdout.write(`\nNot measured, see stderr: ${failed.join(', ')}\n`)
const total = Math.round((performance.now() - startedAt) / 1_000)
process.stdout.write(`\nMeasured in ${total} s: ${seconds.join(', ')}\n`)
await ending.end(failed.length > 0 ? 1 : 0)
