import { CONNECTIONS, startLoad } from '../load.ts'
import type { Bench } from '../part.ts'
import type { Measured } from '../processes/measure.ts'
import type { RunningProgram } from '../program.ts'
import { compare, interleave, median } from '../statistics.ts'
import type { Section } from '../table.ts'
import { PROJECT_ROOT, type Program } from '../workspace.ts'

interface Side {
  readonly program: RunningProgram
  readonly origin: string
  /** Processor time per request, round by round. */
  readonly cpuMicroseconds: number[]
  readonly coresUsed: number[]
  answered: number
}

/** Requests per second through one server process: our app, and servers that do less and less. */
export async function measureThroughput(bench: Bench): Promise<Section> {
  const { workspace, azure, scale } = bench
  const load = await startLoad(bench)

  async function start(
    program: Program,
    settings: { readonly appRoot?: string; readonly transport?: 'default' | 'pooled'; readonly asOurs?: true } = {},
  ): Promise<Side> {
    const { appRoot, transport = 'default', asOurs } = settings
    const bare = {
      ...(asOurs && { BARE_ANSWERS_AS_OURS: 'true' }),
      BARE_TOKEN: azure.identityToken,
      BARE_SUBSCRIPTION: azure.subscriptionId,
      BARE_TRANSPORT: transport,
    }
    const running = bench.start(program, { ...azure.environment(workspace.fresh()), ...bare })
    const { port } = await running.call<{ port: number }>('start', { appRoot })
    return { program: running, origin: `http://127.0.0.1:${port}`, cpuMicroseconds: [], coresUsed: [], answered: 0 }
  }

  async function round(side: Side): Promise<number> {
    // Not measured: after a pause of seconds our app asks storage first, which under steady load is one moment in five seconds.
    side.answered += (await load.send(side.origin, { ms: scale.throughputLeadMs })).answered
    const before = await side.program.call<Measured>('measure')
    const { answered, elapsedMs } = await load.send(side.origin, { ms: scale.throughputMs })
    const { cpuMs } = await side.program.call<Measured>('measure')
    side.cpuMicroseconds.push(((cpuMs - before.cpuMs) * 1_000) / answered)
    side.coresUsed.push((cpuMs - before.cpuMs) / elapsedMs)
    side.answered += answered
    return (answered * 1_000) / elapsedMs
  }

  const ours = await start('host', { appRoot: PROJECT_ROOT })
  const bareFunction = await start('host', { appRoot: workspace.bareApp })
  const pooledFunction = await start('host', { appRoot: workspace.bareApp, transport: 'pooled' })
  const answering = await start('host', { appRoot: workspace.bareApp, transport: 'pooled', asOurs: true })
  const bare = await start('bare-sdk')
  const pooled = await start('bare-sdk', { transport: 'pooled' })
  const forward = await start('bare-forward')
  const sides = { ours, bareFunction, pooledFunction, answering, bare, pooled, forward }
  for (const { origin } of Object.values(sides)) await load.send(origin, { ms: scale.throughputWarmUpMs })
  const acceptedBefore = await azure.accepted()
  const auditedBefore = await ours.program.call<number>('auditEvents')
  const measured = await interleave(scale.throughputRounds, {
    ours: () => round(ours),
    bareFunction: () => round(bareFunction),
    pooledFunction: () => round(pooledFunction),
    answering: () => round(answering),
    bare: () => round(bare),
    pooled: () => round(pooled),
    forward: () => round(forward),
  })
  // A side that does not do the work must not look fast.
  const answered = Object.values(sides).reduce((sum, side) => sum + side.answered, 0)
  if ((await azure.accepted()) - acceptedBefore < answered)
    throw new Error('requests were answered that did not reach ARM')
  if ((await ours.program.call<number>('auditEvents')) - auditedBefore !== ours.answered)
    throw new Error('the number of audit events differs from the number of requests')
  const cost = (side: Side) => `${Math.round(median(side.cpuMicroseconds))} µs (${median(side.coresUsed).toFixed(2)})`
  return {
    title: 'Throughput of the secured route',
    unit: `requests per second, ${CONNECTIONS} connections, ${scale.throughputRounds} rounds of ${scale.throughputMs} ms`,
    rows: [
      {
        name: 'our route / bare SDK function on the same host, default transport',
        figures: compare(measured.ours, measured.bareFunction),
        aim: { atLeast: 1 },
      },
      {
        name: 'processor time, µs: our route / bare SDK function, default transport',
        figures: compare(ours.cpuMicroseconds, bareFunction.cpuMicroseconds),
        aim: { atMost: 1 },
      },
      {
        name: 'processor time, µs, a lower bound: bare SDK function, our transport, our headers and a line / bare SDK function',
        figures: compare(answering.cpuMicroseconds, bareFunction.cpuMicroseconds),
      },
      {
        name: 'processor time, µs: our route / bare SDK function, our transport',
        figures: compare(ours.cpuMicroseconds, pooledFunction.cpuMicroseconds),
      },
      {
        name: 'our route / bare SDK function on the same host, our transport',
        figures: compare(measured.ours, measured.pooledFunction),
      },
      {
        name: 'our route / bare SDK behind node:http, default transport',
        figures: compare(measured.ours, measured.bare),
        aim: { atLeast: 1 },
      },
      {
        name: 'our route / bare SDK behind node:http, our transport',
        figures: compare(measured.ours, measured.pooled),
      },
      { name: 'our route / node:http and undici, no SDK', figures: compare(measured.ours, measured.forward) },
      {
        name: 'what our transport gains: bare SDK behind node:http, ours / default',
        figures: compare(measured.pooled, measured.bare),
      },
      {
        name: 'what the SDK costs: bare SDK, our transport / no SDK',
        figures: compare(measured.pooled, measured.forward),
      },
      {
        name: 'what Functions costs: bare SDK, our transport, function / node:http',
        figures: compare(measured.pooledFunction, measured.pooled),
      },
    ],
    notes: [
      `processor time of the server per request, and cores kept busy: ours ${cost(ours)}; bare function ${cost(bareFunction)}, with our transport ${cost(pooledFunction)}`,
      `bare behind node:http ${cost(bare)}, with our transport ${cost(pooled)}; no SDK ${cost(forward)}`,
      'ours: valid tokens in turn, validation, policy, deadline, audit event; the others do none of that, but for one that answers with as many headers and writes a line. Without storage, whose cost the part `distinct` measures',
    ],
  }
}
