import { setTimeout as delay } from 'node:timers/promises'
import { startLoad } from '../load.ts'
import type { Bench } from '../part.ts'
import type { Measured } from '../processes/measure.ts'
import type { Row, Section } from '../table.ts'
import { PROJECT_ROOT } from '../workspace.ts'

/** Until answers have been sent and connections are closed. */
const SETTLE_MS = 300
const MIB = 1_048_576

/** Memory and timers of a process that has served many requests. */
export async function measureMemory(bench: Bench): Promise<Section> {
  const { workspace, azure, scale } = bench
  const { memoryAfter } = scale
  const load = await startLoad(bench)
  const server = bench.start('host', azure.environment(workspace.fresh()), {
    nodeOptions: ['--expose-gc'],
  })
  const look = async (): Promise<Measured> => {
    await delay(SETTLE_MS)
    return server.call<Measured>('measure')
  }
  const { port } = await server.call<{ port: number }>('start', { appRoot: PROJECT_ROOT })
  const looks: Measured[] = []
  let sent = 0
  for (const requests of memoryAfter) {
    await load.send(`http://127.0.0.1:${port}`, { requests: requests - sent })
    sent = requests
    looks.push(await look())
  }
  await load.closeConnections()
  const atRest = await look()
  const [first, middle, last] = looks as [Measured, Measured, Measured]
  const after = memoryAfter.map((requests) => requests.toLocaleString('en-US')) as [string, string, string]
  const row = (kind: keyof Measured, name: string, [to, at]: [Measured, string], aim?: Row['aim']): Row => ({
    name: `${name} after ${at} requests / after ${after[0]}`,
    figures: {
      left: (to[kind] as number) / MIB,
      right: (first[kind] as number) / MIB,
      ratio: (to[kind] as number) / (first[kind] as number),
    },
    ...(aim !== undefined && { aim }),
  })
  return {
    title: 'Memory of the app',
    unit: 'MiB, after garbage collection',
    rows: [
      row('heapUsedBytes', 'heap used', [middle, after[1]]),
      row('heapUsedBytes', 'heap used', [last, after[2]], { atMost: 1.1 }),
      row('rssBytes', 'resident set', [last, after[2]]),
    ],
    notes: [
      `timers that keep the process alive, with idle connections: ${timers(last)}; without connections: ${timers(atRest)}`,
      `process.getActiveResourcesInfo() without connections: ${list(atRest)}`,
    ],
  }
}

function timers({ resources }: Measured): number {
  return (resources['Timeout'] ?? 0) + (resources['Immediate'] ?? 0)
}

function list({ resources }: Measured): string {
  return Object.entries(resources)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ')
}
