import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { OperationQuery } from '../../../src/domain/operation-query.ts'
import type { Operation, StoredOperation } from '../../../src/domain/operation.ts'
import { createHistory, RETENTION_MS } from '../../../src/operations/history.ts'
import { createPageTokens } from '../../../src/operations/page-token.ts'
import { historyKeysOf, partitionKeyOf } from '../../../src/storage/keys.ts'
import { StorageFault } from '../../../src/storage/store.ts'
import { ALERT_TRIGGER, anAcceptedAlert, anOperation } from '../../support/an-operation.ts'
import { aBackend } from '../../support/builders.ts'
import { createCore } from '../../support/core.ts'
import { START_EPOCH_MS as NOW } from '../../support/fake-clock.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const ORDERS = aBackend()
const PAYMENTS = aBackend({ backendId: 'payments', serviceName: 'apim-test' })
const serviceOf = ({ key }: typeof ORDERS): string => key.slice(0, key.indexOf('/backends/'))

/** Operations with their copies; `copies` differ where they are late. */
function room(operations: readonly StoredOperation[], copies = operations) {
  const { store, rows, faults, putRow, clock } = createCore()
  operations.forEach(putRow)
  for (const copy of copies) rows.copies.set(copy.id, copy)
  const history = createHistory(store, createPageTokens(store), clock.now)
  async function list(query: Partial<OperationQuery> = {}, mayRead: (operation: Operation) => boolean = () => true) {
    const listed = await history.list({ top: 50, ...query }, mayRead)
    assert.ok(listed.kind === 'page', listed.kind)
    return listed
  }
  /** Follows the tokens to the end; the ids of every page. */
  async function pagesOf(query: Partial<OperationQuery>, mayRead?: (operation: Operation) => boolean) {
    const pages: string[][] = []
    let skipToken: string | undefined
    do {
      const page = await list({ ...query, ...(skipToken === undefined ? {} : { skipToken }) }, mayRead)
      pages.push(idsOf(page.operations))
      skipToken = page.nextToken
      assert.ok(pages.length < 100, 'the pages come to an end')
    } while (skipToken !== undefined)
    return pages
  }
  const idsFor = async (query?: Partial<OperationQuery>): Promise<string[]> => idsOf((await list(query)).operations)
  return { history, faults, list, pagesOf, idsFor }
}
const ago = (ms: number, change: Partial<StoredOperation> = {}, backend = ORDERS): StoredOperation =>
  anOperation(change, { backend, atEpochMs: NOW - ms })
const idsOf = (operations: readonly Operation[]): string[] => operations.map(({ id }) => id)

describe('a list', () => {
  it('has the newest first, across backends and months, with one call to storage for each month', async () => {
    const operations = [
      ago(MINUTE_MS),
      ago(2 * MINUTE_MS, {}, PAYMENTS),
      ago(40 * DAY_MS),
      ago(70 * DAY_MS, {}, PAYMENTS),
    ]
    const { idsFor, faults } = room(operations.toReversed())
    assert.deepEqual(await idsFor(), idsOf(operations))
    assert.equal(faults.calls('listMonth'), 4)
  })

  it('of a backend reads its own partition alone', async () => {
    const operations = [ago(1), ago(2, {}, PAYMENTS), ago(3)]
    const { idsFor, faults } = room(operations)
    assert.deepEqual(await idsFor({ backend: ORDERS }), [operations[0]?.id, operations[2]?.id])
    assert.deepEqual([faults.calls('listBackend'), faults.calls('listMonth')], [1, 0])
  })

  it('of a service has its backends, and not those of a service whose name begins in the same way', async () => {
    const operations = [ago(1), ago(2, {}, PAYMENTS)]
    const { idsFor } = room(operations)
    assert.deepEqual(await idsFor({ serviceKey: serviceOf(PAYMENTS) }), [operations[1]?.id])
    assert.deepEqual(await idsFor({ serviceKey: serviceOf(PAYMENTS).slice(0, -1) }), [])
  })

  it('filters by state, alert and rule', async () => {
    const trigger = { ...ALERT_TRIGGER, alertId: 'a1', alertRule: 'r1' }
    const operations = [ago(1, { state: 'failed' }), ago(2, { trigger }), ago(3)]
    const { idsFor } = room(operations)
    assert.deepEqual(await idsFor({ state: 'failed' }), [operations[0]?.id])
    assert.deepEqual(await idsFor({ alertId: 'a1' }), [operations[1]?.id])
    assert.deepEqual(await idsFor({ alertRule: 'r1' }), [operations[1]?.id])
    assert.deepEqual(await idsFor({ alertId: 'A1' }), [])
    assert.deepEqual(await idsFor({ alertRule: 'r' }), [])
  })

  it('with an effect is empty: no operation has a verdict yet', async () =>
    assert.deepEqual(await room([ago(1)]).idsFor({ effect: 'unknown' }), []))

  it('is bounded by from and to, both included; months outside are not read', async () => {
    const operations = [ago(DAY_MS), ago(2 * DAY_MS), ago(3 * DAY_MS), ago(60 * DAY_MS)]
    const { idsFor, faults } = room(operations)
    const range = { fromEpochMs: NOW - 3 * DAY_MS, toEpochMs: NOW - 2 * DAY_MS }
    assert.deepEqual(await idsFor(range), idsOf(operations.slice(1, 3)))
    assert.equal(faults.calls('listMonth'), 1)
    assert.deepEqual(await idsFor({ fromEpochMs: NOW - DAY_MS, toEpochMs: NOW - 3 * DAY_MS }), [])
  })

  it('costs a few calls for times that are far away', async () => {
    const { idsFor, faults } = room([ago(DAY_MS)])
    assert.equal((await idsFor({ fromEpochMs: 0, toEpochMs: Date.parse('9999-12-31T23:59:59Z') })).length, 1)
    assert.ok(faults.calls('listMonth') <= 5)
    for (const toEpochMs of [Date.parse('0001-01-01T00:00:00Z'), -1, 0]) {
      assert.deepEqual(await idsFor({ toEpochMs }), [])
      assert.deepEqual(await idsFor({ toEpochMs, backend: ORDERS }), [])
    }
  })

  it('has operations whose instance has a clock up to five seconds ahead', async () => {
    assert.equal((await room([ago(-5_000)]).idsFor()).length, 1)
    assert.equal((await room([ago(-5_001)]).idsFor()).length, 0)
  })

  it('has no operation that is older than the retention', async () => {
    const [kept, expired] = [ago(RETENTION_MS - MINUTE_MS), ago(RETENTION_MS + MINUTE_MS)]
    const { idsFor } = room([kept, expired])
    for (const query of [{}, { backend: ORDERS }, { fromEpochMs: 0 }]) assert.deepEqual(await idsFor(query), [kept.id])
  })

  it('reads an accepted operation again where it is true: its copy may be late', async () => {
    const copy = ago(MINUTE_MS, { state: 'accepted' })
    const other = ago(2 * MINUTE_MS)
    const { list, idsFor, faults } = room([{ ...copy, state: 'forwarded' }, other], [copy, other])
    assert.deepEqual(
      (await list()).operations.map(({ state }) => state),
      ['forwarded', 'forwarded'],
    )
    assert.equal(faults.calls('readOperation'), 1)
    assert.deepEqual(await idsFor({ state: 'accepted' }), [])
    assert.deepEqual(await idsFor({ state: 'forwarded' }), [copy.id, other.id])
  })

  it('shows the copy of an accepted operation that has no row', async () => {
    const copy = ago(MINUTE_MS, { state: 'accepted' })
    assert.deepEqual(await room([], [copy]).idsFor({ state: 'accepted' }), [copy.id])
  })

  it('shows an operation that never ended as ended, and filters by that', async () => {
    const [fresh, lost] = [ago(5 * MINUTE_MS - 1, { state: 'accepted' }), ago(5 * MINUTE_MS, { state: 'accepted' })]
    const { idsFor } = room([fresh, lost])
    assert.deepEqual(await idsFor({ state: 'failed' }), [lost.id])
    assert.deepEqual(await idsFor({ state: 'accepted' }), [fresh.id])
  })

  it('rejects with a fault while storage is away', async () => {
    const there = room([ago(1)])
    there.faults.next('listMonth', 'fails')
    await assert.rejects(there.list(), StorageFault)
  })
})

describe('pages', () => {
  it('join without a gap and without a repetition, across months too', async () => {
    const operations = Array.from({ length: 23 }, (_, index) => ago(index * 4 * DAY_MS))
    const kept = operations.filter(({ requestedAt }) => Date.parse(requestedAt) >= NOW - RETENTION_MS)
    for (const query of [{ top: 5 }, { top: 5, backend: ORDERS }, { top: 1 }]) {
      const pages = await room(operations).pagesOf(query)
      assert.deepEqual(pages.flat(), idsOf(kept))
      assert.ok(pages.every((page) => page.length <= query.top))
    }
  })

  it('neither show nor count what may not be read, and are not shorter for it', async () => {
    const operations = Array.from({ length: 20 }, (_, index) =>
      ago(index * MINUTE_MS, {}, index % 2 === 0 ? ORDERS : PAYMENTS),
    )
    const mine = ({ backend }: Operation): boolean => backend === ORDERS.resourceId
    const pages = await room(operations).pagesOf({ top: 4 }, mine)
    assert.deepEqual(pages.flat(), idsOf(operations.filter(mine)))
    assert.equal(pages[0]?.length, 4)
  })

  it('read at most a thousand rows each, in ten calls, and continue where they stopped', async () => {
    const hidden = Array.from({ length: 2_500 }, (_, index) => ago(index * 1_000, {}, PAYMENTS))
    const oldest = ago(3_000 * 1_000)
    const there = room([...hidden, oldest])
    const mine = ({ backend }: Operation): boolean => backend === ORDERS.resourceId
    const first = await there.list({ top: 5 }, mine)
    assert.deepEqual([first.operations, typeof first.nextToken], [[], 'string'])
    assert.equal(there.faults.calls('listMonth'), 10)
    assert.deepEqual((await there.pagesOf({ top: 5 }, mine)).flat(), [oldest.id])
  })

  it('make at most fifty calls each: of accepted operations, every one is read again', async () => {
    const operations = Array.from({ length: 120 }, (_, index) => ago(index * 1_000, { state: 'accepted' }))
    const there = room(operations)
    await there.list({ top: 200 })
    assert.equal(there.faults.calls('readOperation') + there.faults.calls('listMonth'), 50)
    const again = room(operations)
    const pages = await again.pagesOf({ top: 200 })
    assert.deepEqual(pages.flat(), idsOf(operations))
  })
})

describe('a token', () => {
  it('of another query, or that this app did not make, is invalid', async () => {
    const there = room([ago(1), ago(2), ago(3, {}, PAYMENTS)])
    const { nextToken = '' } = await there.list({ top: 1 })
    const ofBackend = (await there.list({ top: 1, backend: ORDERS })).nextToken ?? ''
    for (const query of [
      { backend: ORDERS, skipToken: nextToken },
      { backend: PAYMENTS, skipToken: ofBackend },
      { skipToken: ofBackend },
      { skipToken: 'A'.repeat(80) },
      { toEpochMs: 0, skipToken: nextToken },
    ])
      assert.deepEqual(await there.history.list({ top: 5, ...query }, () => true), { kind: 'token_invalid' })
  })

  it('tells nothing of the row that it names', async () => {
    const there = room([ago(1), ago(2)])
    const { nextToken = '' } = await there.list({ top: 1 })
    const bytes = Buffer.from(nextToken, 'base64url').toString('latin1')
    const { partitionKey, rowKey } = historyKeysOf(ago(1).id)
    for (const text of [partitionKey, rowKey.slice(0, 12), partitionKeyOf(ORDERS.key)]) assert.ok(!bytes.includes(text))
  })
})

describe('one operation', () => {
  it('is found by its id within the retention', async () => {
    const [kept, expired] = [ago(RETENTION_MS - MINUTE_MS), ago(RETENTION_MS + MINUTE_MS)]
    const { history } = room([kept, expired])
    assert.deepEqual(await history.find(kept.id), kept)
    assert.equal(await history.find(expired.id), undefined)
    assert.equal(await history.find(ago(1).id), undefined)
  })

  it('is shown without what only storage needs, and as ended where it never ended', async () => {
    const alert = anAcceptedAlert({ generation: 3, sendingBy: 'o' })
    const lost = ago(5 * MINUTE_MS, { state: 'accepted' })
    const { history } = room([alert, lost])
    const { generation: _, sendingBy: __, ...shown } = alert
    assert.deepEqual(await history.find(alert.id), shown)
    assert.equal((await history.find(lost.id))?.error?.code, 'OutcomeUnknown')
  })
})
