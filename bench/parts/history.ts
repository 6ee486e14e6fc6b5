import { performance } from 'node:perf_hooks'
import type { Operation } from '../../src/domain/operation.ts'
import { systemClock } from '../../src/shared/clock.ts'
import { createOperationId, monthOf } from '../../src/storage/keys.ts'
import { MAX_BATCH } from '../../src/storage/store.ts'
import { createTableStore } from '../../src/storage/table-store.ts'
import { openTables } from '../../src/storage/tables.ts'
import type { Bench } from '../part.ts'
import { compare, interleave, median } from '../statistics.ts'
import type { Section } from '../table.ts'
import { PROJECT_ROOT } from '../workspace.ts'

const TOP = 50

interface Page {
  readonly value: readonly unknown[]
  readonly nextLink?: string
}

/** What a page of `GET /operations` costs with few and with many operations in the log. */
export async function measureHistory(bench: Bench): Promise<Section> {
  const { workspace, azure, scale } = bench
  const { historyRows, historyRounds, historyPages } = scale
  const [few, many] = historyRows
  const [token = ''] = await azure.mintTokens(1)

  async function start(rows: number) {
    const account = azure.freshStorage()
    const fillMs = await fill(account, rows, azure.pathOf('orders').replace(/\/reconnect$/, ''))
    const counter = bench.start('storage-counter')
    const { storage } = await counter.call<{ storage: string }>('start', { storage: account })
    const host = bench.start('host', azure.environment(workspace.fresh(), storage))
    const { port } = await host.call<{ port: number }>('start', { appRoot: PROJECT_ROOT })
    const get = async (path: string): Promise<{ bytes: number; page: Page }> => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { authorization: `Bearer ${token}` } })
      const text = await answer.text()
      const page = JSON.parse(text) as Page
      if (answer.status !== 200 || page.value.length !== TOP)
        throw new Error(`a page of ${rows} rows was answered ${answer.status}, with ${page.value?.length} operations`)
      return { bytes: text.length, page }
    }
    const calls: number[] = []
    const bytes: number[] = []
    return {
      fillMs,
      calls,
      bytes,
      /** Milliseconds per page; it is always the first page. */
      async round(): Promise<number> {
        const before = await counter.call<number>('calls')
        const startedAt = performance.now()
        for (let page = 0; page < historyPages; page += 1) bytes.push((await get(`/operations?top=${TOP}`)).bytes)
        const ms = (performance.now() - startedAt) / historyPages
        calls.push(((await counter.call<number>('calls')) - before) / historyPages)
        return ms
      },
    }
  }

  const small = await start(few)
  const large = await start(many)
  await small.round()
  await large.round()
  const measured = await interleave(historyRounds, { small: small.round, large: large.round })
  const text = { few: few.toLocaleString('en-US'), many: many.toLocaleString('en-US') }
  const one = (left: number, right: number) => ({ left, right, ratio: left / right })
  return {
    title: 'History',
    unit: `a page of ${TOP} operations, ${historyRounds} rounds of ${historyPages} pages`,
    rows: [
      {
        name: `calls to storage per page: ${text.many} rows / ${text.few}`,
        figures: one(median(large.calls), median(small.calls)),
        aim: { atMost: 1 },
      },
      {
        name: `bytes per page: ${text.many} rows / ${text.few}`,
        figures: one(median(large.bytes), median(small.bytes)),
        aim: { atMost: 1.1 },
      },
      { name: `ms per page: ${text.many} rows / ${text.few}`, figures: compare(measured.large, measured.small) },
    ],
    notes: [
      `the time includes Azurite’s, which scans the whole table where Azure seeks by key; filled in ${Math.round((small.fillMs + large.fillMs) / 1_000)} s, spread over 80 days`,
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
  const store = createTableStore({ open: () => Promise.resolve(tables), clock })
  const now = systemClock.now()
  const byMonth = new Map<string, Operation[]>()
  for (let row = 0; row < rows; row += 1) {
    const at = now - Math.floor((row * 80 * 86_400_000) / rows)
    const month = monthOf(at)
    const operations = byMonth.get(month) ?? []
    operations.push(anOperation(backend, at))
    byMonth.set(month, operations)
  }
  for (const [month, operations] of byMonth) {
    for (let from = 0; from < operations.length; from += MAX_BATCH)
      await store.writeCopies(month, operations.slice(from, from + MAX_BATCH))
  }
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
