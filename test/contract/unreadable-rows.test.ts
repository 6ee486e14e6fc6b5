/** Rows that another version of the app wrote, or a person: on a storage emulator. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { startStorage, type Storage } from '../../sandbox/azure/storage.ts'
import type { Watch } from '../../src/domain/effect.ts'
import { systemClock } from '../../src/shared/clock.ts'
import { backendRangeOf, historyKeysOf, operationKeysOf, partitionKeyOf } from '../../src/storage/keys.ts'
import { deliveriesOf, toBackendRow, toDeliveryRow, toPauseRow } from '../../src/storage/operator-rows.ts'
import { createOperatorTableStore } from '../../src/storage/operator-table-store.ts'
import { toOperationRow, toSlotRow } from '../../src/storage/rows.ts'
import { StorageFault } from '../../src/storage/store.ts'
import { createTableStore } from '../../src/storage/table-store.ts'
import { openTables } from '../../src/storage/tables.ts'
import { aPause, aScope, SERVICE } from '../support/a-pause.ts'
import { anOperation, anOperationId } from '../support/an-operation.ts'
import { aBackend } from '../support/builders.ts'
import { START_EPOCH_MS } from '../support/fake-clock.ts'
import { claimStorage } from '../support/storage.ts'

let own: Storage | undefined
let account = ''
before(async () => {
  const claimed = claimStorage()
  own = claimed === undefined ? await startStorage() : undefined
  account = claimed ?? (own?.connectionStrings[0] as string)
})
after(() => own?.stop())

/** Both stores in tables of their own, and a way past them. */
async function room(prefix: string) {
  const storage = { kind: 'connection-string', connectionString: account, allowHttp: true } as const
  const tables = openTables(storage, prefix, () => assert.fail('no identity is asked for'))
  await Promise.all([tables.backends.createTable(), tables.history.createTable()])
  const warnings: { readonly detail: string; readonly row: string }[] = []
  const warn = (line: string): void => void warnings.push(JSON.parse(line) as (typeof warnings)[number])
  const log = { info: warn, warn, error: warn }
  const options = { open: async () => tables, clock: systemClock, log }
  const told = () => warnings.map(({ row, detail }) => `${row} ${detail.slice(detail.indexOf(': ') + 2)}`)
  return { store: createTableStore(options), lists: createOperatorTableStore(options), tables, told }
}

const NOW = START_EPOCH_MS
const HOUR_MS = 3_600_000
const watchOf = (change: Partial<Watch> = {}): Watch => ({
  operationId: anOperationId(),
  dueEpochMs: NOW,
  decideByEpochMs: NOW + HOUR_MS,
  settleMs: 60_000,
  confirms: true,
  origin: { webhook: 'w', correlationId: 'c' },
  notices: [{ kind: 'resolved', atEpochMs: NOW, healthyEpochMs: NOW }],
  ...change,
})

describe('a slot', () => {
  it('loses the columns that cannot be read, which is told once; the others stay, and it can be written again', async () => {
    const { store, tables, told } = await room('slotrow')
    const partitionKey = partitionKeyOf(aBackend().key)
    const kept = watchOf()
    const scheduled = { operationId: anOperationId(), dueEpochMs: NOW }
    const row = toSlotRow(partitionKey, { scheduled, alertSends: [NOW], watches: [kept] })
    const watches = JSON.stringify([{ ...kept, notices: 'none' }, kept])
    await tables.backends.createEntity({ ...row, watches, leaseUntil: 'soon', notHelping: 'often' })
    await store.readSlot(partitionKey)
    const read = await store.readSlot(partitionKey)
    assert.deepEqual(read.value, { scheduled, alertSends: [NOW], watches: [kept] })
    assert.deepEqual(told(), [`${partitionKey}/slot leaseUntil, notHelping, watches`])
    assert.equal((await store.commit(partitionKey, { slot: { from: read, to: read.value } })).kind, 'written')
    assert.deepEqual((await store.readSlot(partitionKey)).value, read.value)
  })
})

describe('an operation', () => {
  it('that cannot be read takes no other one out of a list, and is as good as not there', async () => {
    const { store, tables, told } = await room('operationrow')
    const backend = aBackend()
    const operations = [3, 2, 1].map((ms) => anOperation({}, { backend, atEpochMs: NOW - ms }))
    await store.writeOperations(partitionKeyOf(backend.key), operations)
    await store.writeCopies('2026-11', operations)
    const { id } = operations[1] ?? assert.fail()
    await tables.backends.updateEntity({ ...operationKeysOf(id), operation: '{"id":' }, 'Merge')
    await tables.history.updateEntity({ ...historyKeysOf(id), operation: '"text"' }, 'Merge')
    const range = { fromEpochMs: 0, toEpochMs: NOW, top: 10 }
    const wanted = [operations[2]?.id, undefined, operations[0]?.id]
    for (const { rows } of [
      await store.listBackend(partitionKeyOf(backend.key), range),
      await store.listMonth('2026-11', range),
    ])
      assert.deepEqual(
        rows.map(({ operation, isIncomplete }) => [operation?.id, isIncomplete]),
        wanted.map((one) => [one, one === undefined ? true : undefined]),
      )
    // It may be over, so a message about it must not start it again.
    await assert.rejects(
      store.readOperation(id),
      (fault) => fault instanceof StorageFault && fault.isUnreadable && fault.isRefusal,
    )
    assert.equal(told().length, 2)
  })

  it('that stands under the key of another one is left out of lists', async () => {
    const { store, tables, told } = await room('foreign')
    const [one, another] = [anOperation({}, { atEpochMs: NOW - 1 }), anOperation({}, { atEpochMs: NOW })]
    await store.writeCopies('2026-11', [one])
    await tables.history.createEntity(toOperationRow(historyKeysOf(another.id), one))
    const { rows } = await store.listMonth('2026-11', { fromEpochMs: 0, toEpochMs: NOW, top: 10 })
    assert.deepEqual(
      rows.map(({ operation }) => operation?.id),
      [undefined, one.id],
    )
    assert.deepEqual(told(), [`2026-11/${historyKeysOf(another.id).rowKey} operation`])
  })

  it('keeps its text when its verdict, or a count of an instance, cannot be read', async () => {
    const { store, tables, told } = await room('columns')
    const operation = anOperation()
    const row = toOperationRow(operationKeysOf(operation.id), operation)
    await tables.backends.createEntity({
      ...row,
      effect: '{"verdict":"fine"}',
      joined_a: -1,
      joined_b: 2,
      alerts_a: '[1]',
    })
    assert.deepEqual((await store.readOperation(operation.id)).value, { ...operation, joinedCount: 2 })
    assert.deepEqual(
      told().map((line) => line.slice(line.indexOf(' ') + 1)),
      ['effect, joined_a, alerts_a'],
    )
  })

  it('with only a verdict is no row that cannot be read', async () => {
    const { store, tables, told } = await room('verdicts')
    const { id } = anOperation()
    const effect = { verdict: 'unknown', since: '2026-11-23T00:00:00Z', decideBy: '2026-11-23T00:00:00Z', evidence: [] }
    await tables.backends.createEntity({ ...operationKeysOf(id), effect: JSON.stringify(effect) })
    assert.equal((await store.readOperation(id)).value, undefined)
    assert.deepEqual(told(), [])
  })
})

describe('a list of operators', () => {
  it('has every row that can be read', async () => {
    const { lists, tables, told } = await room('lists')
    const good = aPause({ untilEpochMs: NOW + HOUR_MS })
    const [bad, worse] = [aPause({ untilEpochMs: NOW + HOUR_MS }), aPause({ untilEpochMs: NOW + HOUR_MS })]
    await lists.writePause(good)
    await tables.backends.createEntity({ ...toPauseRow(bad), pause: '{' })
    await tables.backends.createEntity({ ...toPauseRow(worse), pause: '{"scope":"everything"}' })
    assert.deepEqual(await lists.listPauses(NOW, 10), [good])
    assert.equal(await lists.readPause(bad.id), undefined)

    const delivery = { at: new Date(NOW).toISOString(), outcome: 'unmatched' } as const
    await tables.backends.createEntity({ ...toDeliveryRow('w', delivery, '1'), delivery: '[]' })
    await tables.backends.createEntity(toDeliveryRow('w', delivery, '2'))
    assert.deepEqual(await lists.listDeliveries('w', 0, 10), [delivery])

    const seen = ['a', 'b'].map((backendId) => toBackendRow({ backend: aBackend({ backendId }), seenAtEpochMs: NOW }))
    await tables.backends.createEntity({ ...(seen[0] ?? assert.fail()), backend: 'a' })
    await tables.backends.createEntity(seen[1] ?? assert.fail())
    // Its key leads on to the next page.
    assert.deepEqual(
      (await lists.listBackends({ ...backendRangeOf(aScope(SERVICE)), top: 10 })).rows.map(({ rowKey, backend }) => [
        rowKey,
        backend?.backendId,
      ]),
      [
        [seen[0]?.rowKey, undefined],
        [seen[1]?.rowKey, 'b'],
      ],
    )
    assert.deepEqual(
      told().toSorted(),
      [
        ...[bad, worse].map(({ id }) => `list-pauses/${id} pause`),
        `${deliveriesOf('w')}/${toDeliveryRow('w', delivery, '1').rowKey} delivery`,
        `list-backends/${seen[0]?.rowKey} backend`,
      ].toSorted(),
    )
  })
})

describe('a page', () => {
  it('goes on behind a row without an operation, whatever its key', async () => {
    const { store, lists, tables } = await room('foreignkeys')
    const operation = anOperation({}, { atEpochMs: NOW - 1 })
    await store.writeCopies('2026-11', [operation])
    // Before the key of the operation: newer.
    const { rowKey } = historyKeysOf(anOperationId(aBackend(), NOW))
    await tables.history.createEntity({ partitionKey: '2026-11', rowKey: `${rowKey}'s` })
    const range = { fromEpochMs: 0, toEpochMs: NOW, top: 1 }
    const first = await store.listMonth('2026-11', range)
    assert.deepEqual([first.rows.map((row) => row.operation), first.more], [[undefined], true])
    const next = await store.listMonth('2026-11', { ...range, after: first.rows[0]?.rowKey ?? assert.fail() })
    assert.deepEqual(
      next.rows.map((row) => row.operation?.id),
      [operation.id],
    )
    const scope = backendRangeOf(aScope(SERVICE))
    assert.deepEqual((await lists.listBackends({ ...scope, after: `${scope.from}it's`, top: 10 })).rows, [])
  })
})

describe('a shared secret', () => {
  it('that cannot be read is replaced, by one instance', async () => {
    const { store, tables, told } = await room('secrets')
    await tables.backends.createEntity({ partitionKey: 'app', rowKey: 'secret-page', value: 'short' })
    const proposals = [randomBytes(32), randomBytes(32)]
    const secrets = await Promise.all(proposals.map((proposal) => store.sharedSecret('page', proposal)))
    assert.deepEqual(secrets[0], secrets[1])
    assert.deepEqual(await store.sharedSecret('page', randomBytes(32)), secrets[0])
    assert.deepEqual(told(), ['app/secret-page value'])
  })
})
