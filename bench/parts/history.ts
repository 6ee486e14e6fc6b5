import { performance } from 'node:perf_hooks'
import type { Operation } from '../../src/domain/operation.ts'
import { systemClock } from '../../src/shared/clock.ts'
import { consoleLog } from '../../src/shared/log.ts'
import { createOperationId, monthOf } from '../../src/storage/keys.ts'
import { MAX_BATCH } from '../../src/storage/store.ts'
import { createTableStore } from '../../src/storage/table-store.ts'
import { openTables } from '../../src/storage/tables.ts'
import type { Bench } from '../part.ts'
import type { Measured } from '../processes/measure.ts'
import { compare, median } from '../statistics.ts'
import type { Section } from '../table.ts'
import { PROJECT_ROOT } from '../workspace.ts'

const TOP = 50
/** The operations are spread evenly over so many days. */
const DAYS = 80
const DAY_MS = 86_400_000
/** The emulator works on one batch while this process prepares the next ones. */
const WRITERS = 4

interface Page {
  readonly value: readonly unknown[]
}

/** Per page, round by round. `oursMs`: the time of a page less that of storage's answers. */
type Figures = Record<'calls' | 'bytes' | 'cpuMs' | 'oursMs' | 'wholeMs', number[]>

/** What a page of `GET /operations` costs with few and with many operations in the log. */
export async function measureHistory(bench: Bench): Promise<Section> {
  const { workspace, azure, scale } = bench
  const { historyRows, historyRounds, historyWarmUps, historyPages } = scale
  const [few, many] = historyRows
  const [token = ''] = await azure.mintTokens(1)

  async function start(rows: number) {
    const account = azure.freshStorage()
    const fillMs = await fill(account, rows, azure.pathOf('orders').replace(/\/reconnect$/, ''))
    const counter = bench.start('storage-counter')
    const { storage } = await counter.call<{ storage: string }>('start', { storage: account })
    const host = bench.start('host', {
      ...azure.environment(workspace.fresh(), storage),
      // The host would look into the queues meanwhile, and its calls would be counted with those of a page.
      'AzureWebJobs.reconnect-deliver.Disabled': 'true',
      'AzureWebJobs.reconnect-abandon.Disabled': 'true',
    })
    const { port } = await host.call<{ port: number }>('start', { appRoot: PROJECT_ROOT })
    const url = `http://127.0.0.1:${port}/operations?top=${TOP}`
    /** Characters of the page; the first one without a filter. */
    async function readPage(filter = '', expected = TOP): Promise<number> {
      const answer = await fetch(`${url}${filter}`, { headers: { authorization: `Bearer ${token}` } })
      const text = await answer.text()
      const page = JSON.parse(text) as Page
      if (answer.status !== 200 || page.value.length !== expected)
        throw new Error(`a page of ${rows} rows was answered ${answer.status}, with ${page.value?.length} operations`)
      return text.length
    }
    async function callsFor(filter: string, expected: number): Promise<number> {
      const callsBefore = await counter.call<number>('calls')
      await readPage(filter, expected)
      return (await counter.call<number>('calls')) - callsBefore
    }
    const read = async () => ({
      calls: await counter.call<number>('calls'),
      storageMs: await counter.call<number>('answeringMs'),
      cpuMs: (await host.call<Measured>('measure')).cpuMs,
    })
    let before = await read()
    let elapsedMs = 0
    const figures: Figures = { calls: [], bytes: [], cpuMs: [], oursMs: [], wholeMs: [] }
    return {
      fillMs,
      figures,
      callsFor,
      async begin(): Promise<void> {
        before = await read()
        elapsedMs = 0
      },
      async page(): Promise<void> {
        const startedAt = performance.now()
        figures.bytes.push(await readPage())
        elapsedMs += performance.now() - startedAt
      },
      async end(): Promise<void> {
        const after = await read()
        figures.calls.push((after.calls - before.calls) / historyPages)
        figures.cpuMs.push((after.cpuMs - before.cpuMs) / historyPages)
        figures.oursMs.push((elapsedMs - (after.storageMs - before.storageMs)) / historyPages)
        figures.wholeMs.push(elapsedMs / historyPages)
      },
    }
  }

  const small = await start(few)
  const large = await start(many)
  const sides = [small, large]
  /** Page by page in turn: Azurite's work of a long page leaves the processor's caches in the same state to both apps. */
  async function round(): Promise<void> {
    for (const side of sides) await side.begin()
    for (let page = 0; page < historyPages; page += 1) for (const side of sides) await side.page()
    for (const side of sides) await side.end()
  }
  for (let warmUp = 0; warmUp < historyWarmUps; warmUp += 1) await round()
  for (const { figures } of sides) for (const values of Object.values(figures)) values.length = 0
  for (let measured = 0; measured < historyRounds; measured += 1) await round()
  const middle = `&to=${new Date(systemClock.now() - (DAYS / 2) * DAY_MS).toISOString()}`
  const callsToMiddle = { large: await large.callsFor(middle, TOP), small: await small.callsFor(middle, TOP) }
  // Every operation here is `forwarded`.
  const nothing = '&state=failed'
  const callsForNothing = { large: await large.callsFor(nothing, 0), small: await small.callsFor(nothing, 0) }
  const text = { few: few.toLocaleString('en-US'), many: many.toLocaleString('en-US') }
  const one = (left: number, right: number) => ({ left, right, ratio: left / right })
  return {
    title: 'History',
    unit: `a page of ${TOP} operations, ${historyRounds} rounds of ${historyPages} pages`,
    rows: [
      {
        name: `calls to storage per page, the first one: ${text.many} rows / ${text.few}`,
        figures: one(median(large.figures.calls), median(small.figures.calls)),
        aim: { atMost: 1 },
      },
      {
        name: `calls to storage, a page in the middle: ${text.many} rows / ${text.few}`,
        figures: one(callsToMiddle.large, callsToMiddle.small),
        aim: { atMost: 1 },
      },
      {
        name: `calls to storage, a filter that nothing passes: ${text.many} rows / ${text.few}`,
        figures: one(callsForNothing.large, callsForNothing.small),
        aim: { atMost: 1 },
      },
      {
        name: `bytes per page: ${text.many} rows / ${text.few}`,
        figures: one(median(large.figures.bytes), median(small.figures.bytes)),
        aim: { atMost: 1.1 },
      },
      {
        name: `ms per page less storage’s answer: ${text.many} rows / ${text.few}`,
        figures: compare(large.figures.oursMs, small.figures.oursMs),
        aim: { atMost: 1.2 },
      },
      {
        name: `processor time of the app, ms per page: ${text.many} rows / ${text.few}`,
        figures: compare(large.figures.cpuMs, small.figures.cpuMs),
        aim: { atMost: 1.2 },
      },
      {
        name: `ms per page, Azurite’s included: ${text.many} rows / ${text.few}`,
        figures: compare(large.figures.wholeMs, small.figures.wholeMs),
      },
    ],
    notes: [
      'storage’s answer: from passing the call on to the last byte of its answer, timed by a process between the app and Azurite',
      `what grows in the last row is Azurite’s: it scans the whole table where Azure seeks by key; filled in ${Math.round((small.fillMs + large.fillMs) / 1_000)} s, spread over ${DAYS} days`,
    ],
  }
}

/** Writes copies for lists across backends through the app's own store. */
async function fill(connectionString: string, rows: number, backend: string): Promise<number> {
  const startedAt = performance.now()
  const tables = openTables({ kind: 'connection-string', connectionString, allowHttp: true }, '', () => {
    throw new Error('a connection string needs no credential')
  })
  // A batch here may take longer than the app's limit for one call.
  const clock = { ...systemClock, sleep: (_: number, signal?: AbortSignal) => systemClock.sleep(600_000, signal) }
  const store = createTableStore({ open: () => Promise.resolve(tables), clock, log: consoleLog })
  const now = systemClock.now()
  const byMonth = new Map<string, Operation[]>()
  for (let row = 0; row < rows; row += 1) {
    const at = now - Math.floor((row * DAYS * DAY_MS) / rows)
    const month = monthOf(at)
    const operations = byMonth.get(month) ?? []
    operations.push(anOperation(backend, at))
    byMonth.set(month, operations)
  }
  const batches = [...byMonth].flatMap(([month, operations]) =>
    Array.from({ length: Math.ceil(operations.length / MAX_BATCH) }, (_, index) => ({
      month,
      operations: operations.slice(index * MAX_BATCH, (index + 1) * MAX_BATCH),
    })),
  )
  const write = async (): Promise<void> => {
    for (let batch = batches.pop(); batch !== undefined; batch = batches.pop())
      await store.writeCopies(batch.month, batch.operations)
  }
  // The first write creates the table.
  const first = batches.pop()
  if (first !== undefined) await store.writeCopies(first.month, first.operations)
  await Promise.all(Array.from({ length: WRITERS }, write))
  return performance.now() - startedAt
}

function anOperation(backend: string, epochMs: number): Operation {
  const time = new Date(epochMs).toISOString()
  return {
    id: createOperationId(backend.toLowerCase(), epochMs),
    backend,
    state: 'forwarded',
    due: new Date(epochMs + 120_000).toISOString(),
    requestedAt: time,
    updatedAt: time,
    caller: { kind: 'user', id: '5a7e3c91-0d4f-4b82-96c5-f8e1b2a7d364', name: 'Olivia Operator' },
    trigger: { kind: 'http' },
    attempts: 1,
    arm: {
      status: 202,
      requestId: '11111111-2222-3333-4444-555555555555',
      correlationId: '11111111-2222-3333-4444-555555555555',
    },
  }
}
