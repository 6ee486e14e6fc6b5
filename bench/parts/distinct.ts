import { NO_STORAGE, type BenchAzure } from '../azure.ts'
import { CONNECTIONS, startLoad } from '../load.ts'
import type { Measured } from '../processes/measure.ts'
import { startProgram, type RunningProgram } from '../program.ts'
import type { Scale } from '../scale.ts'
import { compare, interleave } from '../statistics.ts'
import type { Section } from '../table.ts'
import { PROJECT_ROOT, type Workspace } from '../workspace.ts'

/** No backend is asked for twice, so that nothing is ever joined: the price of the ledger. */
export async function measureDistinct(
  workspace: Workspace,
  azure: BenchAzure,
  { distinctRounds, distinctMs }: Scale,
): Promise<Section> {
  const load = await startLoad(workspace, azure)
  const programs: RunningProgram[] = []

  async function start(storage: string) {
    const program = startProgram(workspace.pathOf('host'), azure.environment(workspace.fresh(), storage))
    programs.push(program)
    const { port } = await program.call<{ port: number }>('start', { appRoot: PROJECT_ROOT })
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

  try {
    const ledger = await start(azure.freshStorage())
    const without = await start(NO_STORAGE)
    for (const side of [ledger, without]) {
      await side.round()
      side.cpuMicroseconds.length = 0
    }
    const measured = await interleave(distinctRounds, { ledger: ledger.round, without: without.round })
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
      ],
      notes: [
        'with: read the slot, take it, settle it, each waited for, and two copies behind the answer; Azurite, one process, shares the machine and sets the rate. What the app itself pays is the second row',
        'without: storage cannot be reached, and answers say not-recorded; one reconnect per backend within the process holds all the same',
      ],
    }
  } finally {
    await Promise.all([load.stop(), ...programs.map((program) => program.stop())])
  }
}
