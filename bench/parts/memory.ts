import { setTimeout as delay } from 'node:timers/promises'
import { startLoad } from '../load.ts'
import type { Bench } from '../part.ts'
import type { Measured } from '../processes/measure.ts'
import type { Row, Section } from '../table.ts'
import { PROJECT_ROOT } from '../workspace.ts'

/** Until answers have been sent and connections are closed. */
const SETTLE_MS = 300
const MIB = 1_048_576

/** Leaves room for the Functions host on an instance of 512 MiB, the smallest of Flex Consumption. */
const RESIDENT_LIMIT_MIB = 200
/**
 * Node makes its heap as large as the memory of the machine allows, so that on a larger one the same process takes more. This is the heap that it
 * makes on that instance: `v8.getHeapStatistics().heap_size_limit` under such a memory limit of a control group.
 */
const HEAP_MIB = 259

/** Memory and timers of a process that has served many requests, and the memory of the bare SDK function after the first of them. */
export async function measureMemory(bench: Bench): Promise<Section> {
  const { workspace, azure, scale } = bench
  const { memoryAfter } = scale
  const load = await startLoad(bench)

  async function serve(
    appRoot: string,
    after: readonly number[],
  ): Promise<{ looks: Measured[]; look: () => Promise<Measured> }> {
    const bare = { BARE_TOKEN: azure.identityToken, BARE_SUBSCRIPTION: azure.subscriptionId }
    const server = bench.start(
      'host',
      { ...azure.environment(workspace.fresh()), ...bare },
      { nodeOptions: ['--expose-gc', `--max-heap-size=${HEAP_MIB}`] },
    )
    const { port } = await server.call<{ port: number }>('start', { appRoot })
    async function look(): Promise<Measured> {
      await delay(SETTLE_MS)
      return server.call<Measured>('measure')
    }
    const looks: Measured[] = []
    let sent = 0
    for (const requests of after) {
      await load.send(`http://127.0.0.1:${port}`, { requests: requests - sent })
      sent = requests
      looks.push(await look())
    }
    return { looks, look }
  }

  const ours = await serve(PROJECT_ROOT, memoryAfter)
  const [first, middle, last] = ours.looks as [Measured, Measured, Measured]
  await load.closeConnections()
  const atRest = await ours.look()
  const bare = await serve(workspace.bareApp, memoryAfter.slice(0, 1))
  const bareFirst = bare.looks.at(-1) as Measured
  const after = memoryAfter.map((requests) => requests.toLocaleString('en-US')) as [string, string, string]
  const row = (name: string, leftBytes: number, rightBytes: number, aim?: Row['aim']): Row => ({
    name,
    figures: { left: leftBytes / MIB, right: rightBytes / MIB, ratio: leftBytes / rightBytes },
    ...(aim !== undefined && { aim }),
  })
  const [early, half, late] = after
  return {
    title: 'Memory of the app',
    unit: 'MiB, after garbage collection, with the heap of an instance of 512 MiB',
    rows: [
      row(`heap used after ${half} requests / after ${early}`, middle.heapUsedBytes, first.heapUsedBytes),
      row(`heap used after ${late} requests / after ${early}`, last.heapUsedBytes, first.heapUsedBytes, {
        atMost: 1.1,
      }),
      row(`resident set after ${late} requests / after ${early}`, last.rssBytes, first.rssBytes),
      row(`resident set after ${late} requests / the limit`, last.rssBytes, RESIDENT_LIMIT_MIB * MIB, { atMost: 1 }),
      row(`resident set after ${early} requests: our app / bare SDK function`, first.rssBytes, bareFirst.rssBytes),
    ],
    notes: [
      `timers that keep the process alive, with idle connections: ${timers(last)}; without connections: ${timers(atRest)}`,
      `process.getActiveResourcesInfo() without connections: ${list(atRest)}`,
      `in the resident set: V8's young generation, ours ${mib(first.youngBytes)}, bare ${mib(bareFirst.youngBytes)}, which grows under load to V8's limit and is not given back`,
    ],
  }
}

function mib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`
}

function timers({ resources }: Measured): number {
  return (resources['Timeout'] ?? 0) + (resources['Immediate'] ?? 0)
}

function list({ resources }: Measured): string {
  return Object.entries(resources)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ')
}
