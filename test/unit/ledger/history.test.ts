import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Operation } from '../../../src/domain/operation.ts'
import { createHistory, RETENTION_MS, type OperationQuery } from '../../../src/ledger/history.ts'
import { historyKeysOf, invertedTime, monthOf, operationKeysOf, partitionKeyOf } from '../../../src/ledger/keys.ts'
import type { OperationPage, OperationRange, OperationStore } from '../../../src/ledger/store.ts'
import { aBackend } from '../../support/builders.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'
import { anOperation } from './an-operation.ts'

const NOW = START_EPOCH_MS
const MINUTE = 60_000
const DAY = 86_400_000
const ALL: (operation: Operation) => boolean = () => true
const ORDERS = aBackend()
const PAYMENTS = aBackend({ backendId: 'payments', serviceName: 'apim-test' })

/** Rows and copies in memory; `truth` replaces what a copy says. */
function room(operations: readonly Operation[], truth: readonly Operation[] = operations) {
  const calls: string[] = []
  const pages = (
    rows: { partitionKey: string; rowKey: string; operation: Operation }[],
    partition: string,
    prefix: string,
    range: OperationRange,
  ): OperationPage => {
    calls.push(partition)
    const found = rows
      .filter(
        ({ partitionKey, rowKey }) =>
          partitionKey === partition &&
          (range.after === undefined ? rowKey >= prefix + invertedTime(range.toEpochMs) : rowKey > range.after) &&
          rowKey < `${prefix}${invertedTime(range.fromEpochMs)}~`,
      )
      .toSorted((a, b) => (a.rowKey < b.rowKey ? -1 : 1))
    return { rows: found.slice(0, range.top), more: found.length > range.top }
  }
  const reads: string[] = []
  const store: OperationStore = {
    readOperation: async (id) => (reads.push(id), truth.find((operation) => operation.id === id)),
    listBackend: async (partition, range) =>
      pages(
        operations.map((operation) => ({ ...operationKeysOf(operation.id), operation })),
        partition,
        'op-',
        range,
      ),
    listMonth: async (month, range) =>
      pages(
        operations.map((operation) => ({ ...historyKeysOf(operation.id), operation })),
        month,
        '',
        range,
      ),
    writeCopies: () => assert.fail('a reader writes nothing'),
  }
  const history = createHistory(store, () => NOW)
  /** Follows positions to the end; gives the ids of every page. */
  async function pagesOf(
    query: Partial<OperationQuery>,
    mayRead: (operation: Operation) => boolean = ALL,
  ): Promise<string[][]> {
    const seen: string[][] = []
    let position: OperationQuery['position']
    do {
      const { operations: found, next } = await history.list(
        { top: 50, ...query, ...(position === undefined ? {} : { position }) },
        mayRead,
      )
      seen.push(found.map(({ id }) => id))
      position = next
    } while (position !== undefined && seen.length < 50)
    return seen
  }
  return {
    history,
    calls,
    reads,
    pagesOf,
    list: (query: Partial<OperationQuery> = {}, mayRead = ALL) => history.list({ top: 50, ...query }, mayRead),
  }
}

const ago = (ms: number, change: Partial<Operation> = {}, backend = ORDERS): Operation =>
  anOperation(change, { backend, atEpochMs: NOW - ms })
const ids = (operations: readonly Operation[]): string[] => operations.map(({ id }) => id)

test('newest first, across backends and months', async () => {
  const operations = [ago(MINUTE), ago(2 * MINUTE, {}, PAYMENTS), ago(40 * DAY), ago(70 * DAY, {}, PAYMENTS)]
  const { list, calls } = room(operations.toReversed())
  assert.deepEqual(ids((await list()).operations), ids(operations))
  assert.deepEqual(calls, ['2026-11', '2026-10', '2026-09', '2026-08'])
})

test('filters by backend, which is a partition of its own, by service, and by state', async () => {
  const operations = [ago(1, { state: 'failed' }), ago(2, {}, PAYMENTS), ago(3)]
  const { list, calls } = room(operations)
  assert.deepEqual(ids((await list({ backend: ORDERS })).operations), [operations[0]?.id, operations[2]?.id])
  assert.deepEqual(calls, [partitionKeyOf(ORDERS.key)])
  const serviceKey = PAYMENTS.key.slice(0, PAYMENTS.key.indexOf('/backends/'))
  assert.deepEqual(ids((await list({ serviceKey })).operations), [operations[1]?.id])
  assert.deepEqual(
    (await list({ serviceKey: serviceKey.slice(0, -1) })).operations,
    [],
    'a prefix of a name is another service',
  )
  assert.deepEqual(ids((await list({ state: 'failed' })).operations), [operations[0]?.id])
})

test('from and to bound it, ends included, and months that lie outside are not read', async () => {
  const operations = [ago(DAY), ago(2 * DAY), ago(3 * DAY), ago(60 * DAY)]
  const { list, calls } = room(operations)
  const { operations: found } = await list({ fromEpochMs: NOW - 3 * DAY, toEpochMs: NOW - 2 * DAY })
  assert.deepEqual(ids(found), ids(operations.slice(1, 3)))
  assert.deepEqual(calls, ['2026-11'])
  assert.deepEqual((await list({ fromEpochMs: NOW - DAY, toEpochMs: NOW - 3 * DAY })).operations, [])
})

test('times far away cost nothing and turn nothing round', async () => {
  const { list, calls } = room([ago(DAY)])
  assert.equal((await list({ toEpochMs: Date.parse('9999-12-31T23:59:59Z') })).operations.length, 1)
  assert.ok(calls.length <= 5, `${calls.length} calls`)
  for (const toEpochMs of [Date.parse('0001-01-01T00:00:00Z'), -1, 0]) {
    assert.deepEqual((await list({ toEpochMs })).operations, [])
    assert.deepEqual((await list({ toEpochMs, backend: ORDERS })).operations, [])
  }
})

test('an operation that another instance stamped a moment ahead of us is shown', async () => {
  assert.equal((await room([ago(-800)]).list()).operations.length, 1)
})

test('what is older than the retention is not shown, in lists or by its id', async () => {
  const [kept, gone] = [ago(RETENTION_MS - MINUTE), ago(RETENTION_MS + MINUTE)]
  const { history, list } = room([kept, gone])
  for (const query of [{}, { backend: ORDERS }, { fromEpochMs: 0 }])
    assert.deepEqual(ids((await list(query)).operations), [kept.id])
  assert.equal((await history.find(kept.id))?.id, kept.id)
  assert.equal(await history.find(gone.id), undefined)
})

test('pages join without a gap and without a repetition, across months too', async () => {
  const operations = Array.from({ length: 23 }, (_, index) => ago(index * 4 * DAY))
  const kept = operations.filter(({ requestedAt }) => Date.parse(requestedAt) >= NOW - RETENTION_MS)
  for (const query of [{ top: 5 }, { top: 5, backend: ORDERS }, { top: 1 }]) {
    const pages = await room(operations).pagesOf(query)
    assert.deepEqual(pages.flat(), ids(kept))
    assert.ok(pages.every((page) => page.length <= query.top))
  }
})

test('what may not be read is not shown, not counted, and does not make a page shorter', async () => {
  const operations = Array.from({ length: 20 }, (_, index) =>
    ago(index * MINUTE, {}, index % 2 === 0 ? ORDERS : PAYMENTS),
  )
  const mine = (operation: Operation): boolean => operation.backend === ORDERS.resourceId
  const pages = await room(operations).pagesOf({ top: 4 }, mine)
  assert.deepEqual(pages.flat(), ids(operations.filter(mine)))
  assert.equal(pages[0]?.length, 4)
})

test('a page reads at most a thousand rows in ten calls, and goes on where it stopped', async () => {
  const hidden = Array.from({ length: 2_500 }, (_, index) => ago(index * 1_000, {}, PAYMENTS))
  const oldest = ago(3_000 * 1_000)
  const there = room([...hidden, oldest])
  const first = await there.list({ top: 5 }, (operation) => operation.backend === ORDERS.resourceId)
  assert.deepEqual(first.operations, [])
  assert.ok(first.next !== undefined)
  assert.ok(there.calls.length <= 10, `${there.calls.length} calls`)
  const pages = await there.pagesOf({ top: 5 }, (operation) => operation.backend === ORDERS.resourceId)
  assert.deepEqual(pages.flat(), [oldest.id])
})

test('a copy that says accepted is read again where it is true', async () => {
  const copy = ago(MINUTE, { state: 'accepted' })
  const { list, reads } = room([copy, ago(2 * MINUTE)], [{ ...copy, state: 'forwarded' }])
  assert.deepEqual(
    (await list()).operations.map(({ state }) => state),
    ['forwarded', 'forwarded'],
  )
  assert.deepEqual(reads, [copy.id])
  assert.equal((await list({ state: 'accepted' })).operations.length, 0)
  assert.equal((await list({ state: 'forwarded' })).operations.length, 2)
})

test('accepted without an end for five minutes is shown as failed with its outcome unknown, and found as such', async () => {
  const [fresh, lost] = [ago(5 * MINUTE - 1, { state: 'accepted' }), ago(5 * MINUTE, { state: 'accepted' })]
  const { history, list } = room([fresh, lost])
  assert.deepEqual(
    (await list()).operations.map(({ state, ambiguous }) => [state, ambiguous]),
    [
      ['accepted', undefined],
      ['failed', true],
    ],
  )
  assert.deepEqual(ids((await list({ state: 'failed' })).operations), [lost.id])
  assert.deepEqual(ids((await list({ state: 'accepted' })).operations), [fresh.id])
  assert.equal((await history.find(lost.id))?.error?.code, 'OutcomeUnknown')
  assert.equal((await history.find(fresh.id))?.state, 'accepted')
})

test('a position in a partition that the query does not read ends the list', async () => {
  const { list, calls } = room([ago(1)])
  for (const query of [
    { position: { partition: '2001-01' } },
    { backend: ORDERS, position: { partition: monthOf(NOW) } },
  ]) {
    assert.deepEqual(await list(query), { operations: [] })
  }
  assert.deepEqual(calls, [])
})
