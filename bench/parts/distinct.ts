import { NO_STORAGE } from '../azure.ts'
import { CONNECTIONS, startLoad } from '../load.ts'
import type { Bench } from '../part.ts'
import type { Measured } from '../processes/measure.ts'
import type { Environment } from '../program.ts'
import { compare, interleave, median } from '../statistics.ts'
import type { Section } from '../table.ts'
import { PROJECT_ROOT } from '../workspace.ts'

/** Processor time of the app for a request whose operation is stored. */
const AIM_MICROSECONDS = 1_000

/** What coordination and the operation log cost: no backend is requested twice, so that no request joins another. */
export async function measureDistinct(bench: Bench): Promise<Section> {
  const { workspace, azure, scale } = bench
  const { distinctRounds, distinctMs } = scale
  const load = await startLoad(bench)

  async function start(storage: string, appRoot = PROJECT_ROOT, more: Environment = {}) {
    const program = bench.start('host', { ...azure.environment(workspace.fresh(), storage), ...more })
    const { port } = await program.call<{ port: number }>('start', { appRoot })
    const origin = `http://127.0.0.1:${port}`
    const cpuMicroseconds: number[] = []
    return {
      cpuMicroseconds,
      async round(): Promise<number> {
        const before = await program.call<Measured>('measure')
        const { answered, elapsedMs } = await load.send(origin, { ms: distinctMs }, 'once')
        cpuMicroseconds.push((((await program.call<Measured>('measure')).cpuMs - before.cpuMs) * 1_000) / answered)
        return (answered * 1_000) / elapsedMs
      },
    }
  }

  const ledger = await start(azure.freshStorage())
  const without = await start(NO_STORAGE)
  const bare = await start(NO_STORAGE, workspace.bareApp, {
    BARE_TOKEN: azure.identityToken,
    BARE_SUBSCRIPTION: azure.subscriptionId,
    BARE_STORAGE: azure.freshStorage(),
  })
  for (const side of [ledger, without, bare]) {
    await side.round()
    side.cpuMicroseconds.length = 0
  }
  const measured = await interleave(distinctRounds, {
    ledger: ledger.round,
    without: without.round,
    bare: bare.round,
  })
  const ledgerMicroseconds = median(ledger.cpuMicroseconds)
  return {
    title: 'Distinct backends',
    unit: `${CONNECTIONS} connections, ${distinctRounds} rounds of ${distinctMs} ms`,
    rows: [
      {
        name: 'requests per second: with the ledger on Azurite / without storage',
        figures: compare(measured.ledger, measured.without),
      },
      {
        name: 'processor time of the app, µs per request: with the ledger / without',
        figures: compare(ledger.cpuMicroseconds, without.cpuMicroseconds),
      },
      {
        name: 'processor time of the app, µs per request: with the ledger / the limit',
        figures: {
          left: ledgerMicroseconds,
          right: AIM_MICROSECONDS,
          ratio: ledgerMicroseconds / AIM_MICROSECONDS,
        },
        aim: { atMost: 1 },
      },
      {
        name: 'processor time, µs: with the ledger / bare SDK function, same awaited calls',
        figures: compare(ledger.cpuMicroseconds, bare.cpuMicroseconds),
      },
      {
        name: 'requests per second: with the ledger / bare SDK function, same awaited calls',
        figures: compare(measured.ledger, measured.bare),
      },
    ],
    notes: [
      'with: three calls one after the other (read the slot, take the lease, complete it), and one copy in the background; Azurite is one process on the same machine and limits the rate. The second and third rows are the cost of the app itself; the third is in absolute time, which other work on the machine raises',
      'bare SDK function, same awaited calls: one row read and two transactions of two rows, and the POST, with the official clients; it checks, coordinates and copies nothing',
      'without: storage is unavailable and answers carry not-recorded; there is still at most one reconnect per backend within the process',
    ],
  }
}
