/** `npm run bench`: each part in turn, each with a table. `--quick` shows only that the benchmark works; `--part NAME`, repeatable, leaves the others out. */
import { parseArgs } from 'node:util'
import { createEnding } from '../sandbox/ending.ts'
import { boundedCall } from '../src/shared/bounded-call.ts'
import { systemClock } from '../src/shared/clock.ts'
import { startAzure, type BenchAzure } from './azure.ts'
import type { Part } from './part.ts'
import { measureAlerts } from './parts/alerts.ts'
import { measureAuthorization } from './parts/authorization.ts'
import { measureDistinct } from './parts/distinct.ts'
import { measureHistory } from './parts/history.ts'
import { measureMemory } from './parts/memory.ts'
import { measureStartUp } from './parts/start-up.ts'
import { measureStorm } from './parts/storm.ts'
import { measureThroughput } from './parts/throughput.ts'
import { measureTokenVerification } from './parts/token-verification.ts'
import { createProgramGroup } from './program.ts'
import { runParts } from './run-parts.ts'
import { FULL, QUICK } from './scale.ts'
import { toTable, type Section } from './table.ts'
import { createWorkspace, type Workspace } from './workspace.ts'

const PARTS: ReadonlyMap<string, Part> = new Map([
  ['start-up', measureStartUp],
  ['throughput', measureThroughput],
  ['authorization', measureAuthorization],
  ['tokens', measureTokenVerification],
  ['memory', measureMemory],
  ['storm', measureStorm],
  ['distinct', measureDistinct],
  ['history', measureHistory],
  ['alerts', measureAlerts],
])
/** Far longer than any part takes on a busy machine: a part that hangs must not keep the others from being measured. */
const PART_LIMIT_MS = 600_000

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    part: { type: 'string', multiple: true, default: [...PARTS.keys()] },
  },
})

async function measure(name: string, workspace: Workspace, azure: BenchAzure): Promise<Section> {
  const part = PARTS.get(name) as Part
  const programs = createProgramGroup()
  if (process.stderr.isTTY) process.stderr.write(`measuring ${name} …\n`)
  try {
    return await boundedCall({ clock: systemClock, limitMs: PART_LIMIT_MS }, () =>
      part({
        workspace,
        azure,
        scale: values.quick ? QUICK : FULL,
        start: (program, environment = {}, options = {}) =>
          programs.start(workspace.pathOf(program), environment, options),
      }),
    )
  } catch (error) {
    await programs.stopAll()
    process.stderr.write(programs.complaints())
    throw error
  } finally {
    await programs.stopAll()
  }
}

const ending = createEnding()
try {
  const unknown = values.part.find((name) => !PARTS.has(name))
  if (unknown !== undefined) throw new Error(`--part ${unknown}: expected one of ${[...PARTS.keys()].join(', ')}`)
  const workspace = await createWorkspace()
  ending.onEnd(() => workspace.remove())
  const azure = await startAzure(workspace)
  ending.onEnd(() => azure.stop())
  const failed = await runParts(values.part, {
    measure: (name) => measure(name, workspace, azure),
    print: (section) => process.stdout.write(toTable([section])),
    report: (name, error) =>
      process.stderr.write(
        `${name} FAILED: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
      ),
  })
  if (failed.length > 0) process.stdout.write(`\nNot measured, see stderr: ${failed.join(', ')}\n`)
  await ending.end(failed.length > 0 ? 1 : 0)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  await ending.end(1)
}
