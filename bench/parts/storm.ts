import { setTimeout as delay } from 'node:timers/promises'
import { CONNECTIONS, startLoad } from '../load.ts'
import type { Bench } from '../part.ts'
import type { LoadOptions } from '../processes/load.ts'
import { compare, interleave, median } from '../statistics.ts'
import type { Section } from '../table.ts'
import { PROJECT_ROOT } from '../workspace.ts'

/** Copies for lists are written in the background. */
const SETTLE_MS = 300

/** All requests are for one backend: what they cost ARM and storage, and how much slower they are than a server that does nothing. */
export async function measureStorm(bench: Bench): Promise<Section> {
  const { workspace, azure, scale, start } = bench
  const { stormRounds, stormRequests, stormMs } = scale
  const load = await startLoad(bench)
  const counter = start('storage-counter')
  const { storage } = await counter.call<{ storage: string }>('start', { storage: azure.freshStorage() })
  const host = start('host', azure.environment(workspace.fresh(), storage))
  const bare = start('bare-answer')
  const empty = start('host', { ...azure.environment(workspace.fresh()), BARE_ANSWERS_ONLY: 'true' })
  const ours = await host.call<{ port: number }>('start', { appRoot: PROJECT_ROOT })
  const answering = await bare.call<{ port: number }>('start')
  const answeringFunction = await empty.call<{ port: number }>('start', { appRoot: workspace.bareApp })
  const armCalls: number[] = []
  const storageCalls: number[] = []
  let backends = 0

  async function send(port: number, until: LoadOptions['until']): Promise<number> {
    // A new backend for every storm, without a scheduled reconnect.
    const { answered, elapsedMs } = await load.send(`http://127.0.0.1:${port}`, until, {
      backend: `storm-${++backends}`,
    })
    return (answered * 1_000) / elapsedMs
  }
  async function storm(): Promise<number> {
    const arm = await azure.accepted()
    const calls = await counter.call<number>('calls')
    const perSecond = await send(ours.port, { requests: stormRequests })
    await delay(SETTLE_MS)
    armCalls.push((await azure.accepted()) - arm)
    storageCalls.push((await counter.call<number>('calls')) - calls)
    return perSecond
  }

  const ports = [ours.port, answering.port, answeringFunction.port]
  for (const port of ports) await send(port, { ms: stormMs })
  const measured = await interleave(stormRounds, {
    ours: storm,
    bare: () => send(answering.port, { ms: stormMs }),
    empty: () => send(answeringFunction.port, { ms: stormMs }),
  })
  if (Math.max(...armCalls) !== 1) throw new Error(`a storm cost ARM ${armCalls.join(', ')} calls`)
  const share = (calls: readonly number[]) => ({
    left: median(calls),
    right: stormRequests,
    ratio: median(calls) / stormRequests,
  })
  return {
    title: 'A storm on one backend',
    unit: `${stormRequests.toLocaleString('en-US')} requests on ${CONNECTIONS} connections (the others: ${stormMs} ms), ${stormRounds} rounds, operations written to Azurite`,
    rows: [
      { name: 'calls to ARM / requests', figures: share(armCalls) },
      { name: 'calls to storage / requests', figures: share(storageCalls), aim: { atMost: 0.02 } },
      {
        name: 'requests per second: our route / node:http that answers 202',
        figures: compare(measured.ours, measured.bare),
        aim: { atLeast: 0.15 },
      },
      {
        name: 'the limit of that: a function that answers 202, same host / node:http',
        figures: compare(measured.empty, measured.bare),
      },
    ],
    notes: [
      'the first request is forwarded and the others join it; five hundred joins are operations, stored before they are answered, and beyond them the 50 callers are counted',
    ],
  }
}
