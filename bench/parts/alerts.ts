import { randomBytes } from 'node:crypto'
import { SUBSCRIPTION_ID } from '../../sandbox/azure/resources.ts'
import { CONNECTIONS } from '../load.ts'
import { NUMBER } from '../number.ts'
import type { LoadOptions, LoadRequest, LoadResult } from '../processes/load.ts'
import type { Bench } from '../part.ts'
import { compare, interleave, median } from '../statistics.ts'
import type { Section } from '../table.ts'
import { PROJECT_ROOT } from '../workspace.ts'

const GROUP = `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg-apim`
/** A closed port. */
const ARM_AWAY = 'https://127.0.0.1:9'
/** The contract's limit for an answer (section 5). */
const PROMISED_MS = 2_000
const MANY = 500

/** What it costs to store alerts before they are answered, compared with a server that stores as much and checks nothing; and that ARM makes no difference. */
export async function measureAlerts({ workspace, azure, scale, start }: Bench): Promise<Section> {
  const { alertRounds, alertMs, alertStormRequests, manyRounds } = scale
  const secret = randomBytes(24).toString('base64url')
  const policy = {
    grants: [{ principal: 'webhook:bench', scope: GROUP }],
    webhooks: {
      bench: {
        format: 'alertmanager',
        authentication: { type: 'bearer', secret: 'BENCH_SECRET' },
        backend: `${GROUP}/providers/Microsoft.ApiManagement/service/apim-prod/backends/{backend_id}`,
      },
    },
  }
  const generator = start('load')
  const counter = start('storage-counter')

  async function startOurs(storage: string, change: Readonly<Record<string, string>> = {}): Promise<string> {
    // As on Flex Consumption, where queue functions scale on their own: other instances deliver what is accepted here.
    const host = start('host', {
      ...azure.environment(workspace.fresh(), storage),
      BENCH_SECRET: secret,
      RECONNECT_POLICY: JSON.stringify(policy),
      'AzureWebJobs.reconnect-deliver.Disabled': 'true',
      ...change,
    })
    const { port } = await host.call<{ port: number }>('start', { appRoot: PROJECT_ROOT })
    return `http://127.0.0.1:${port}`
  }
  function alertsFor(backends: readonly string[]): LoadRequest {
    const alerts = backends.map((backend) => ({
      status: 'firing',
      labels: { alertname: 'A', backend_id: backend },
      annotations: {},
      startsAt: '2026-01-01T00:00:00Z',
      fingerprint: '550d3361245c8508',
    }))
    return {
      path: '/alerts/bench',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ version: '4', status: 'firing', alerts }),
    }
  }
  async function send(
    origin: string,
    request: LoadRequest,
    until: LoadOptions['until'],
    connections = CONNECTIONS,
  ): Promise<LoadResult> {
    const result = await generator.call<LoadResult>('run', {
      origin,
      connections,
      requests: [request],
      until,
    } satisfies LoadOptions)
    if (Object.keys(result.unexpected).length > 0)
      throw new Error(`${origin} answered ${JSON.stringify(result.unexpected)} among ${result.answered}`)
    return result
  }
  const perSecond = ({ answered, elapsedMs }: LoadResult): number => (answered * 1_000) / elapsedMs

  const { storage } = await counter.call<{ storage: string }>('start', { storage: azure.freshStorage() })
  const counted = await startOurs(storage)
  const ours = await startOurs(azure.freshStorage())
  const away = await startOurs(azure.freshStorage(), { ARM_ENDPOINT: ARM_AWAY })
  async function startBare(withRow: boolean): Promise<string> {
    const program = start('bare-queue')
    const { port } = await program.call<{ port: number }>('start', { storage: azure.freshStorage(), withRow })
    return `http://127.0.0.1:${port}`
  }
  const bare = await startBare(false)
  const bareRow = await startBare(true)
  let storms = 0
  const own = alertsFor([`own-${NUMBER}`])
  const storm = (): LoadRequest => alertsFor([`storm-${(storms += 1)}`])
  for (const origin of [ours, away, counted]) await send(origin, own, { requests: 20 })
  for (const origin of [bare, bareRow]) await send(origin, { ...own, body: '' }, { requests: 20 })

  const distinct = await interleave(alertRounds, {
    ours: async () => perSecond(await send(ours, own, { ms: alertMs })),
    bare: async () => perSecond(await send(bare, { ...own, body: '' }, { ms: alertMs })),
    bareRow: async () => perSecond(await send(bareRow, { ...own, body: '' }, { ms: alertMs })),
  })
  const calls: number[] = []
  const stormed = await interleave(alertRounds, {
    async ours() {
      const before = await counter.call<number>('calls')
      const result = await send(counted, storm(), { requests: alertStormRequests })
      calls.push((await counter.call<number>('calls')) - before)
      return perSecond(result)
    },
    bare: async () => perSecond(await send(bare, { ...own, body: '' }, { ms: alertMs })),
  })
  // One after the other: with 32 callers at once the time would be that of their queue, not that of an answer.
  const slowest = await interleave(alertRounds, {
    away: async () => (await send(away, own, { requests: 100 }, 1)).p99Ms,
    up: async () => (await send(ours, own, { requests: 100 }, 1)).p99Ms,
  })
  const many = (): LoadRequest => alertsFor(Array.from({ length: MANY }, (_, index) => `many-${index}-${NUMBER}`))
  const payloads: number[] = []
  for (let round = 0; round < manyRounds; round += 1)
    payloads.push((await send(away, many(), { requests: 1 }, 1)).p99Ms)
  return {
    title: 'Alerts',
    unit: `${CONNECTIONS} connections, ${alertRounds} rounds of ${alertMs} ms, of our app’s ${alertStormRequests.toLocaleString('en-US')} alerts where they are all for one backend; queue and tables on Azurite`,
    rows: [
      {
        name: 'accepted per second, each for its own backend: our app / bare queue writer',
        figures: compare(distinct.ours, distinct.bare),
        aim: { atLeast: 0.6 },
      },
      {
        name: 'the limit of that, while each has a row: bare writer of message and row / bare queue writer',
        figures: compare(distinct.bareRow, distinct.bare),
      },
      {
        name: 'accepted per second, all for one backend: our app / bare queue writer',
        figures: compare(stormed.ours, stormed.bare),
      },
      {
        name: 'calls to storage / alerts, all for one backend',
        figures: { left: median(calls), right: alertStormRequests, ratio: median(calls) / alertStormRequests },
        aim: { atMost: 0.1 },
      },
      { name: 'ms, 99th percentile of an answer: ARM away / ARM up', figures: compare(slowest.away, slowest.up) },
      {
        name: 'ms, a payload of 500 alerts with ARM away / the limit',
        figures: { left: Math.max(...payloads), right: PROMISED_MS, ratio: Math.max(...payloads) / PROMISED_MS },
        aim: { atMost: 1 },
      },
    ],
    notes: [
      'bare queue writer: node:http, reads the body, stores a message of the same size with the official client, answers 202; our app: authentication, format, template, policy, message, row, audit event',
      'each for its own backend: our app makes two calls one after the other, for a message and a row, and the bare side makes one; nothing is delivered meanwhile, as on instances that serve HTTP on Flex Consumption',
      'ARM away: connections to it are refused; 100 alerts a round, one after the other',
    ],
  }
}
