/** The lists of operators: one suite for the table store on a storage emulator and for the one in memory. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startStorage, type Storage } from '../../sandbox/azure/storage.ts'
import type { UnactedDelivery } from '../../src/domain/unacted-delivery.ts'
import { systemClock } from '../../src/shared/clock.ts'
import { consoleLog } from '../../src/shared/log.ts'
import { backendRangeOf, backendRowKeyOf, createPauseId } from '../../src/storage/keys.ts'
import type { OperatorStore } from '../../src/storage/operator-store.ts'
import { createOperatorTableStore } from '../../src/storage/operator-table-store.ts'
import { StorageFault } from '../../src/storage/store.ts'
import { openTables } from '../../src/storage/tables.ts'
import { aPause, aScope, GROUP, SERVICE } from '../support/a-pause.ts'
import { aBackend } from '../support/builders.ts'
import { createMemoryLists, createMemoryOperatorStore } from '../support/memory-operator-store.ts'
import { startFaultyStorage } from '../support/faulty-storage.ts'
import { claimStorage } from '../support/storage.ts'

let own: Storage | undefined
let account = ''
before(async () => {
  const claimed = claimStorage()
  own = claimed === undefined ? await startStorage() : undefined
  account = claimed ?? (own?.connectionStrings[0] as string)
})
after(() => own?.stop())

const NOW = Date.now()
const DAY_MS = 86_400_000

function onAzurite(): OperatorStore {
  const storage = { kind: 'connection-string', connectionString: account, allowHttp: true } as const
  const open = async () => openTables(storage, '', () => assert.fail('no identity is asked for'))
  return createOperatorTableStore({ open, clock: systemClock, log: consoleLog })
}

const delivery = (atEpochMs: number, change: Partial<UnactedDelivery> = {}): UnactedDelivery => ({
  at: new Date(atEpochMs).toISOString(),
  outcome: 'unmatched',
  ...change,
})

for (const [name, connect] of [
  ['the table store on the emulator', onAzurite],
  ['the store in memory', () => createMemoryOperatorStore(createMemoryLists(Date.now))],
] as const) {
  describe(name, () => {
    let store: OperatorStore
    before(() => {
      store = connect()
    })

    it('a pause is read as it was written, with every character of its reason', async () => {
      const pause = aPause({
        untilEpochMs: NOW + 3_600_000,
        until: '2999-01-01T00:00:00+02:00',
        reason: "Größe, 'quotes' \u{1F6D1} \u2028",
        webhook: 'alertmanager',
        createdBy: { kind: 'user', id: 'ada', name: 'Ada Ünicode' },
      })
      await store.writePause({ ...pause, untilEpochMs: Date.parse(pause.until) })
      assert.deepEqual(await store.readPause(pause.id), { ...pause, untilEpochMs: Date.parse(pause.until) })
    })

    it('pauses that have ended are not listed, to the millisecond', async () => {
      const pauses = [-1, 0, 1].map((ms) => aPause({ untilEpochMs: NOW + ms, createdBy: { kind: 'user', id: 'end' } }))
      for (const pause of pauses) await store.writePause(pause)
      const ids = (await store.listPauses(NOW, 1_000)).map(({ id }) => id)
      assert.deepEqual(
        pauses.map(({ id }) => ids.includes(id)),
        [false, false, true],
      )
    })

    it('a pause is removed once, and an unknown one is none', async () => {
      const pause = aPause({ untilEpochMs: NOW + 3_600_000 })
      await store.writePause(pause)
      assert.equal(await store.removePause(pause.id), true)
      assert.equal(await store.removePause(pause.id), false)
      assert.equal(await store.readPause(pause.id), undefined)
      assert.equal(await store.readPause(createPauseId()), undefined)
    })

    it('a pause under an id that exists is refused', async () => {
      const pause = aPause({ untilEpochMs: NOW + 3_600_000 })
      await store.writePause(pause)
      await assert.rejects(
        store.writePause(pause),
        (fault: unknown) => fault instanceof StorageFault && fault.status === 409,
      )
    })

    it('lists the backends of one scope in the order of their keys, whatever characters they have', async () => {
      const ids = [
        'orders',
        "o'clock",
        'a(b)',
        '[x]{y}|z~',
        'Orders.v2',
        '=',
        '"q"',
        '!',
        'x'.repeat(80),
        '~'.repeat(80),
      ]
      const backends = ids.map((backendId) => aBackend({ backendId }))
      const others = [
        aBackend({ serviceName: 'apim-prod-2' }),
        aBackend({ resourceGroupName: 'rg-apim-2' }),
        aBackend({ serviceName: 'apim' }),
        aBackend({ resourceGroupName: 'rg_apim' }),
      ]
      await store.writeBackends([...backends, ...others].map((backend) => ({ backend, seenAtEpochMs: NOW })))
      const expected = backends.toSorted((a, b) => (backendRowKeyOf(a) < backendRowKeyOf(b) ? -1 : 1))
      const { rows, more } = await store.listBackends({ ...backendRangeOf(aScope(SERVICE)), top: 100 })
      assert.deepEqual(
        [rows.map(({ backend }) => backend?.resourceId), more],
        [expected.map(({ resourceId }) => resourceId), false],
      )
      assert.deepEqual(
        rows.map(({ rowKey }) => rowKey),
        expected.map(backendRowKeyOf),
      )
    })

    it('goes on behind a row, and says whether there may be more', async () => {
      const range = backendRangeOf(aScope(GROUP))
      const whole = await store.listBackends({ ...range, top: 100 })
      const first = await store.listBackends({ ...range, top: 3 })
      assert.deepEqual([first.rows.length, first.more], [3, true])
      const after = first.rows.at(-1)?.rowKey as string
      const rest = await store.listBackends({ ...range, after, top: 100 })
      assert.deepEqual([...first.rows, ...rest.rows], whole.rows)
    })

    it('a backend that is written again is one row', async () => {
      const backend = aBackend({ serviceName: 'apim-again' })
      const respelled = aBackend({ serviceName: 'APIM-Again', backendId: 'ORDERS' })
      await store.writeBackends([{ backend, seenAtEpochMs: NOW }])
      await store.writeBackends([{ backend: respelled, seenAtEpochMs: NOW }])
      const scope = aScope(SERVICE.replace('apim-prod', 'apim-again'))
      const { rows } = await store.listBackends({ ...backendRangeOf(scope), top: 100 })
      assert.deepEqual(
        rows.map(({ backend }) => backend?.resourceId),
        [respelled.resourceId],
      )
    })

    it('lists deliveries newest first, those of one write in the reverse of their order', async () => {
      await store.writeDeliveries('order', [
        delivery(NOW - 2_000, { reason: '1' }),
        delivery(NOW - 2_000, { reason: '2' }),
      ])
      await store.writeDeliveries('order', [
        delivery(NOW - 1_000, { reason: '3', alertRule: 'Größe', omitted: 7 }),
        delivery(NOW - 999, { reason: '4' }),
      ])
      const listed = await store.listDeliveries('order', 0, 100)
      assert.deepEqual(
        listed.map(({ reason }) => reason),
        ['4', '3', '2', '1'],
      )
      assert.deepEqual(listed[1], delivery(NOW - 1_000, { reason: '3', alertRule: 'Größe', omitted: 7 }))
    })

    it('lists deliveries of one webhook, since a time, and not more than asked for', async () => {
      await store.writeDeliveries(
        'since',
        [1, 2, 3].map((days) => delivery(NOW - days * DAY_MS, { reason: String(days) })),
      )
      await store.writeDeliveries('since-2', [delivery(NOW)])
      const reasons = async (sinceEpochMs: number, top: number) =>
        (await store.listDeliveries('since', sinceEpochMs, top)).map(({ reason }) => reason)
      assert.deepEqual(await reasons(0, 100), ['1', '2', '3'])
      assert.deepEqual(await reasons(NOW - 2.5 * DAY_MS, 100), ['1', '2'])
      assert.deepEqual(await reasons(0, 1), ['1'])
    })

    it('trims to the newest', async () => {
      await store.writeDeliveries(
        'trim',
        Array.from({ length: 30 }, (_, index) => delivery(NOW - index, { reason: String(index) })),
      )
      await store.trimDeliveries('trim', 4)
      assert.deepEqual(
        (await store.listDeliveries('trim', 0, 100)).map(({ reason }) => reason),
        ['0', '1', '2', '3'],
      )
      await store.trimDeliveries('trim', 4)
      assert.equal((await store.listDeliveries('trim', 0, 100)).length, 4)
    })

    it('removes what has expired from every list, and nothing else', async () => {
      const ended = aPause({ untilEpochMs: NOW - 25 * 3_600_000 })
      const ofYesterday = aPause({ untilEpochMs: NOW - 23 * 3_600_000 })
      await store.writePause(ended)
      await store.writePause(ofYesterday)
      const scope = aScope(SERVICE.replace('apim-prod', 'apim-old'))
      const old = aBackend({ serviceName: 'apim-old', backendId: 'old' })
      const young = aBackend({ serviceName: 'apim-old', backendId: 'young' })
      await store.writeBackends([
        { backend: old, seenAtEpochMs: NOW - 94 * DAY_MS },
        { backend: young, seenAtEpochMs: NOW - 92 * DAY_MS },
      ])
      await store.writeDeliveries('old', [delivery(NOW - 8 * DAY_MS), delivery(NOW - 6 * DAY_MS, { reason: 'young' })])
      assert.equal(await store.removeExpired(NOW, 100, () => false), 0, 'the clock is not to be trusted')
      let told: number | undefined
      const removed = await store.removeExpired(NOW, 100, (storageEpochMs) => {
        told = storageEpochMs
        return true
      })
      assert.equal(removed, 3)
      assert.ok(Math.abs((told ?? 0) - Date.now()) < 60_000, 'the time of storage')
      assert.deepEqual(
        [await store.readPause(ended.id), (await store.readPause(ofYesterday.id))?.id],
        [undefined, ofYesterday.id],
      )
      const { rows } = await store.listBackends({ ...backendRangeOf(scope), top: 10 })
      assert.deepEqual(
        rows.map(({ backend }) => backend?.backendId),
        ['young'],
      )
      assert.deepEqual(
        (await store.listDeliveries('old', 0, 10)).map(({ reason }) => reason),
        ['young'],
      )
      assert.equal(await store.removeExpired(NOW, 100, () => true), 0)
    })
  })
}

describe('the real service may answer with short pages', () => {
  it('and nothing is missing: a pause that is not seen would not hold', async (t) => {
    const storage = await startFaultyStorage(t, account)
    const open = async () =>
      openTables({ kind: 'connection-string', connectionString: storage.connectionString, allowHttp: true }, '', () =>
        assert.fail('no identity is asked for'),
      )
    const store = createOperatorTableStore({ open, clock: systemClock, log: consoleLog })
    const pauses = [0, 1, 2, 3, 4].map((ms) => aPause({ untilEpochMs: NOW + 7_200_000 + ms }))
    for (const pause of pauses) await store.writePause(pause)
    await store.writeDeliveries(
      'short',
      [1, 2, 3].map((ms) => delivery(NOW - ms)),
    )
    storage.add({ service: 'table', method: 'GET' }, { kind: 'page-size', rows: 1 })
    const ids = new Set((await store.listPauses(NOW + 7_199_999, 1_000)).map(({ id }) => id))
    assert.deepEqual(
      pauses.filter(({ id }) => !ids.has(id)),
      [],
    )
    assert.equal((await store.listDeliveries('short', 0, 100)).length, 3)
    const { rows, more } = await store.listBackends({ ...backendRangeOf(aScope(SERVICE)), top: 4 })
    assert.deepEqual([rows.length, more], [4, true])
  })
})
