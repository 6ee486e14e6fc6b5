/** `npm run bench`: each part in turn, then one table. `--quick` shows only that it works; `--part NAME`, repeatable, leaves the others out. */
import { parseArgs } from 'node:util'
import { createEnding } from '../sandbox/ending.ts'
import { startAzure, type BenchAzure } from './azure.ts'
import { measureAlerts } from './parts/alerts.ts'
import { measureAuthorization } from './parts/authorization.ts'
import { measureDistinct } from './parts/distinct.ts'
import { measureHistory } from './parts/history.ts'
import { measureMemory } from './parts/memory.ts'
import { measureStartUp } from './parts/start-up.ts'
import { measureStorm } from './parts/storm.ts'
import { measureThroughput } from './parts/throughput.ts'
import { measureTokenVerification } from './parts/token-verification.ts'
import { FULL, QUICK, type Scale } from './scale.ts'
import { toTable, type Section } from './table.ts'
import { createWorkspace, type Workspace } from './workspace.ts'

type Part = (workspace: Workspace, azure: BenchAzure, scale: Scale) => Promise<Section>

const PARTS: Readonly<Record<string, Part>> = {
  'start-up': measureStartUp,
  throughput: measureThroughput,
  authorization: (_workspace, _azure, scale) => measureAuthorization(scale),
  tokens: (_workspace, _azure, scale) => measureTokenVerification(scale),
  memory: measureMemory,
  storm: measureStorm,
  distinct: measureDistinct,
  history: measureHistory,
  alerts: measureAlerts,
}

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    part: { type: 'string', multiple: true, default: Object.keys(PARTS) },
  },
})
const ending = createEnding()
try {
  const workspace = await createWorkspace()
  ending.onEnd(() => workspace.remove())
  const azure = await startAzure(workspace)
  ending.onEnd(() => azure.stop())
  const sections: Section[] = []
  for (const name of values.part) {
    const part = PARTS[name]
    if (part === undefined) throw new Error(`there is no part '${name}': ${Object.keys(PARTS).join(', ')}`)
    process.stderr.write(`measuring ${name} …\n`)
    sections.push(await part(workspace, azure, values.quick ? QUICK : FULL))
  }
  process.stdout.write(toTable(sections))
  await ending.end(0)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  await ending.end(1)
}
