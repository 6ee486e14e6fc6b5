/** The port that the ledger stands on, asked of both that fill it: the table store on a storage emulator, and the simulated table of the model. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startStorage, type Storage } from '../../sandbox/azure/storage.ts'
import type { Operation, OperationId } from '../../src/domain/operation.ts'
import { createOperationId, historyKeysOf, monthOf, operationKeysOf, partitionKeyOf } from '../../src/ledger/keys.ts'
import type { Slot } from '../../src/ledger/slot.ts'
import { createStorageClock } from '../../src/ledger/storage-clock.ts'
import {
  MAX_BATCH,
  StorageFault,
  type AcceptanceStore,
  type ExpiryStore,
  type OperationStore,
  type SlotRead,
  type SlotStore,
} from '../../src/ledger/store.ts'
import { createTableStore } from '../../src/ledger/table-store.ts'
import { openTables } from '../../src/ledger/tables.ts'
import { systemClock } from '../../src/shared/clock.ts'
import { aBackend } from '../support/builders.ts'
import { START_EPOCH_MS } from '../support/fake-clock.ts'
import { createSimulatedTable, FAIR } from '../support/simulated-table.ts'
import { createSimulation } from '../support/simulation.ts'
import { claimStorage } from '../support/storage.ts'
import { anOperation } from '../unit/ledger/an-operation.ts'

type Store = SlotStore & OperationStore & AcceptanceStore & ExpiryStore

let own: Storage | undefined
let accounts: string[] = []
before(async () => {
  const claimed = claimStorage()
  own = claimed === undefined ? await startStorage({ accounts: 8 }) : undefined
  accounts =
    own === undefined
      ? [claimed as string, ...Array.from({ length: 7 }, () => claimStorage() as string)]
      : [...own.connectionStrings]
})
after(() => own?.stop())

function onAzurite(connectionString: string): Store {
  const open = async () =>
    openTables({ kind: 'connection-string', connectionString, allowHttp: true }, () =>
      assert.fail('no identity is asked for'),
    )
  return createTableStore({ open, clock: systemClock, storageClock: createStorageClock(systemClock) })
}

/** Every call runs the simulation until nothing is left to happen. */
function onSimulation(): Store {
  const simulation = createSimulation(1, START_EPOCH_MS)
  const clock = simulation.clock(0, () => false)
  const store = createSimulatedTable(simulation, () => FAIR).connect(0, clock, createStorageClock(clock), () => false)
  return new Proxy(store, {
    get:
      (target, name: keyof Store) =>
      async (...args: never[]) => {
        const [answer] = await Promise.all([
          (target[name] as (...args: never[]) => Promise<unknown>)(...args),
          simulation.run(),
        ])
        return answer
      },
  })
}

const FLYING: Slot = {
  flight: { operationId: 'flying' as OperationId, nonce: 'nonce-1', leaseUntilEpochMs: START_EPOCH_MS + 45_001 },
}
const SCHEDULED: Slot = { scheduled: { operationId: 'scheduled' as OperationId, dueEpochMs: START_EPOCH_MS + 120_007 } }

let backends = 0
/** A backend that no other test writes to. */
function somewhere() {
  const backend = aBackend({ backendId: `backend-${(backends += 1)}` })
  const partitionKey = partitionKeyOf(backend.key)
  const operation = (change: Partial<Operation> = {}, atEpochMs = START_EPOCH_MS): Operation =>
    anOperation(change, { backend, atEpochMs })
  return { partitionKey, operation }
}

for (const [name, connect] of [
  ['the table store on the emulator', () => onAzurite(accounts[0] as string)],
  ['the simulated table', onSimulation],
] as const) {
  describe(name, () => {
    let store: Store
    // In braces: what is returned here is awaited, and the simulated one answers to any name.
    before(() => {
      store = connect()
    })

    it('an unknown backend has an empty slot', async () => {
      assert.deepEqual(await store.readSlot(somewhere().partitionKey), { slot: {} })
    })

    it('what was written is what is read, to the millisecond, with the ETag that the write gave', async () => {
      const { partitionKey, operation } = somewhere()
      const written = operation({ state: 'accepted' })
      const both: Slot = { ...FLYING, ...SCHEDULED }
      const end = await store.changeSlot(partitionKey, { from: { slot: {} }, to: both }, [written])
      assert.equal(end.kind, 'written')
      assert.deepEqual(await store.readSlot(partitionKey), { slot: both, etag: end.kind === 'written' && end.etag })
      assert.deepEqual(await store.readOperation(written.id), written)
    })

    it('the ETag that a write gave is good for the next', async () => {
      const { partitionKey, operation } = somewhere()
      let from: SlotRead = { slot: {} }
      for (const to of [FLYING, SCHEDULED, {}, FLYING]) {
        const end = await store.changeSlot(partitionKey, { from, to }, [operation()])
        assert.ok(end.kind === 'written')
        from = { slot: to, etag: end.etag }
        assert.deepEqual(await store.readSlot(partitionKey), from)
      }
    })

    it('a slot is created once; who comes second changes nothing, not even its operation', async () => {
      const { partitionKey, operation } = somewhere()
      await store.changeSlot(partitionKey, { from: { slot: {} }, to: FLYING }, [operation()])
      const late = operation()
      assert.deepEqual(await store.changeSlot(partitionKey, { from: { slot: {} }, to: SCHEDULED }, [late]), {
        kind: 'conflict',
      })
      assert.deepEqual((await store.readSlot(partitionKey)).slot, FLYING)
      assert.equal(await store.readOperation(late.id), undefined)
    })

    it('a slot that has changed since it was read is not overwritten, not even by the same value', async () => {
      const { partitionKey, operation } = somewhere()
      await store.changeSlot(partitionKey, { from: { slot: {} }, to: FLYING }, [])
      const read = await store.readSlot(partitionKey)
      await store.changeSlot(partitionKey, { from: read, to: FLYING }, [])
      const late = operation()
      assert.deepEqual(await store.changeSlot(partitionKey, { from: read, to: {} }, [late]), { kind: 'conflict' })
      assert.deepEqual((await store.readSlot(partitionKey)).slot, FLYING)
      assert.equal(await store.readOperation(late.id), undefined)
    })

    it('of many that change a slot at once exactly one does', async () => {
      const { partitionKey, operation } = somewhere()
      for (const round of [1, 2]) {
        const from = await store.readSlot(partitionKey)
        const operations = Array.from({ length: 8 }, () => operation())
        const ends = await Promise.all(
          operations.map((each) =>
            store.changeSlot(
              partitionKey,
              { from, to: { scheduled: { operationId: each.id, dueEpochMs: START_EPOCH_MS } } },
              [each],
            ),
          ),
        )
        assert.equal(ends.filter(({ kind }) => kind === 'written').length, 1, `round ${round}`)
        const winner = operations[ends.findIndex(({ kind }) => kind === 'written')] as Operation
        assert.equal((await store.readSlot(partitionKey)).slot.scheduled?.operationId, winner.id)
      }
    })

    it('a row that is not there is not updated', async () => {
      const { partitionKey, operation } = somewhere()
      const etag = `W/"datetime'2026-11-23T00%3A00%3A00.0000000Z'"`
      await assert.rejects(
        store.changeSlot(partitionKey, { from: { slot: {}, etag }, to: FLYING }, [operation()]),
        StorageFault,
      )
      assert.deepEqual(await store.readSlot(partitionKey), { slot: {} })
    })

    it('a slot and as many operations as a batch takes are one change', async () => {
      const { partitionKey, operation } = somewhere()
      const operations = Array.from({ length: MAX_BATCH }, (_, index) => operation({}, START_EPOCH_MS + index))
      assert.equal(
        (await store.changeSlot(partitionKey, { from: { slot: {} }, to: FLYING }, operations)).kind,
        'written',
      )
      await store.writeOperations(
        partitionKey,
        operations.map((each) => ({ ...each, attempts: 2 })),
      )
      const { rows } = await store.listBackend(partitionKey, {
        fromEpochMs: 0,
        toEpochMs: START_EPOCH_MS + 1_000,
        top: 200,
      })
      assert.deepEqual(
        rows.map((row) => row.operation.id),
        operations.map(({ id }) => id).toReversed(),
      )
      assert.ok(
        rows.every((row) => row.operation.attempts === 2),
        'writing one again replaces it',
      )
    })

    it('a transaction that cannot be done whole is not done at all', async () => {
      const { partitionKey, operation } = somewhere()
      const [once, twice] = [operation(), operation()]
      await assert.rejects(
        store.changeSlot(partitionKey, { from: { slot: {} }, to: FLYING }, [once, twice, twice]),
        StorageFault,
      )
      await assert.rejects(store.writeOperations(partitionKey, [once, somewhere().operation()]))
      assert.deepEqual(await store.readSlot(partitionKey), { slot: {} })
      assert.equal(await store.readOperation(once.id), undefined)
    })

    it('an operation comes back as it was, whatever stands in it', async () => {
      const { partitionKey, operation } = somewhere()
      const full = operation({
        after: 'PT5M',
        due: '2026-11-23T00:05:00.000Z',
        ambiguous: true,
        attempts: 3,
        caller: {
          kind: 'user',
          id: 'ü',
          name: `O'Neil "☃" \u0000\u001f\r\n--changesetresponse_ \u{1f600} HTTP/1.1 500 ETag: x`,
        },
        arm: { status: 202, requestId: 'r', correlationId: 'c' },
        error: { code: 'x', message: '{"odata.error":{}} \\ # ? /' },
      })
      const end = await store.changeSlot(partitionKey, { from: { slot: {} }, to: FLYING }, [full])
      assert.equal(end.kind, 'written')
      assert.deepEqual(await store.readOperation(full.id), full)
    })

    it('an operation is inserted once; who comes second changes nothing, and that is no fault', async () => {
      const { partitionKey, operation } = somewhere()
      const accepted = operation()
      await store.insertOperation(accepted)
      assert.deepEqual(await store.readOperation(accepted.id), accepted)
      await store.writeOperations(partitionKey, [{ ...accepted, state: 'forwarded' }])
      await store.insertOperation(accepted)
      assert.equal((await store.readOperation(accepted.id))?.state, 'forwarded')
    })

    it('alerts that joined are counted by instance, in absolute numbers, and stay when the operation is written again', async () => {
      const { partitionKey, operation } = somewhere()
      const accepted = operation()
      await store.insertOperation(accepted)
      for (const [instance, count] of [
        ['a1', 2],
        ['b2', 5],
        ['a1', 3],
        ['a1', 3],
      ] as const)
        await store.countJoined(accepted.id, instance, count)
      assert.equal((await store.readOperation(accepted.id))?.joinedCount, 8)
      await store.writeOperations(partitionKey, [{ ...accepted, state: 'forwarded' }])
      const written = await store.readOperation(accepted.id)
      assert.deepEqual([written?.state, written?.joinedCount], ['forwarded', 8])
    })

    it('alerts that joined an operation that is not there are counted nowhere', async () => {
      const { operation } = somewhere()
      const nobody = operation()
      await store.countJoined(nobody.id, 'a1', 1)
      assert.equal(await store.readOperation(nobody.id), undefined)
    })

    it('an operation that nobody wrote is not there', async () => {
      assert.equal(await store.readOperation(createOperationId(somewhere().partitionKey, START_EPOCH_MS)), undefined)
    })

    it('lists a backend newest first, page by page, without its slot and without its neighbours', async () => {
      const [here, there] = [somewhere(), somewhere()]
      const operations = Array.from({ length: 7 }, (_, index) => here.operation({}, START_EPOCH_MS + index * 1_000))
      await store.changeSlot(here.partitionKey, { from: { slot: {} }, to: FLYING }, operations)
      await store.writeOperations(there.partitionKey, [there.operation()])
      const seen: string[] = []
      let last: string | undefined
      for (let page = 1; page <= 3; page += 1) {
        const { rows, more } = await store.listBackend(here.partitionKey, {
          fromEpochMs: 0,
          toEpochMs: START_EPOCH_MS + 1e6,
          top: 3,
          ...(last === undefined ? {} : { after: last }),
        })
        assert.equal(more, page < 3, `page ${page}`)
        for (const row of rows) {
          assert.equal(row.rowKey, operationKeysOf(row.operation.id).rowKey)
          seen.push(row.operation.id)
        }
        last = rows.at(-1)?.rowKey
      }
      assert.deepEqual(seen, operations.map(({ id }) => id).toReversed())
    })

    it('both ends of a range belong to it', async () => {
      const { partitionKey, operation } = somewhere()
      const operations = [0, 1, 2, 3].map((ms) => operation({}, START_EPOCH_MS + ms))
      await store.writeOperations(partitionKey, operations)
      await store.writeCopies(monthOf(START_EPOCH_MS), operations)
      const range = { fromEpochMs: START_EPOCH_MS + 1, toEpochMs: START_EPOCH_MS + 2, top: 50 }
      const wanted = [operations[2]?.id, operations[1]?.id]
      assert.deepEqual(
        (await store.listBackend(partitionKey, range)).rows.map((row) => row.operation.id),
        wanted,
      )
      const mine = new Set(operations.map(({ id }) => id))
      assert.deepEqual(
        (await store.listMonth(monthOf(START_EPOCH_MS), range)).rows
          .map((row) => row.operation.id)
          .filter((id) => mine.has(id)),
        wanted,
      )
    })

    it('lists a month across backends, newest first, and no other month', async () => {
      const march = Date.UTC(2020, 2, 10)
      const [one, two] = [somewhere(), somewhere()]
      const copies = [one.operation({}, march), two.operation({}, march + 5), one.operation({}, march + 9)]
      await store.writeCopies('2020-03', copies)
      await store.writeCopies('2020-04', [one.operation({}, Date.UTC(2020, 3, 1))])
      const first = await store.listMonth('2020-03', { fromEpochMs: 0, toEpochMs: march + 1e9, top: 2 })
      assert.equal(first.more, true)
      const second = await store.listMonth('2020-03', {
        fromEpochMs: 0,
        toEpochMs: march + 1e9,
        top: 2,
        after: first.rows[1]?.rowKey as string,
      })
      assert.equal(second.more, false)
      assert.deepEqual(
        [...first.rows, ...second.rows].map((row) => row.operation.id),
        copies.map(({ id }) => id).toReversed(),
      )
      assert.deepEqual(
        [...first.rows, ...second.rows].map(({ rowKey }) => rowKey),
        copies.map(({ id }) => historyKeysOf(id).rowKey).toReversed(),
      )
    })

    it('finds what has expired, older months first, and removes row and copy; what is gone is no fault', async () => {
      const fresh = name === 'the simulated table' ? onSimulation() : onAzurite(accounts[1] as string)
      const before = Date.UTC(2026, 7, 15)
      const { partitionKey, operation } = somewhere()
      const [may, july, early, exactly, late] = [
        Date.UTC(2026, 4, 1),
        Date.UTC(2026, 6, 31),
        before - 1,
        before,
        before + 1,
      ].map((at) => operation({}, at)) as [Operation, Operation, Operation, Operation, Operation]
      for (const each of [may, july, early, exactly, late]) {
        await fresh.writeOperations(partitionKey, [each])
        await fresh.writeCopies(historyKeysOf(each.id).partitionKey, [each])
      }
      assert.equal((await fresh.listExpired(before, 1)).length, 1)
      assert.deepEqual(new Set(await fresh.listExpired(before, 100)), new Set([may.id, july.id]))
      await fresh.removeOperations([may.id, july.id])
      assert.deepEqual(await fresh.listExpired(before, 100), [early.id])
      await fresh.removeOperations([early.id])
      await fresh.removeOperations([early.id, may.id])
      assert.deepEqual(await fresh.listExpired(before, 100), [])
      assert.equal(await fresh.readOperation(july.id), undefined)
      const { rows } = await fresh.listBackend(partitionKey, { fromEpochMs: 0, toEpochMs: before + 1e6, top: 50 })
      assert.deepEqual(
        rows.map((row) => row.operation.id),
        [late.id, exactly.id],
      )
      assert.equal((await fresh.listMonth('2026-05', { fromEpochMs: 0, toEpochMs: before, top: 5 })).rows.length, 0)
    })
  })
}

describe('an account without tables', () => {
  it('gets them with the first call of each kind, also of several instances at once', async () => {
    const { partitionKey, operation } = somewhere()
    const stores = Array.from({ length: 4 }, () => onAzurite(accounts[2] as string))
    const ends = await Promise.all(
      stores.map((store) => store.changeSlot(partitionKey, { from: { slot: {} }, to: FLYING }, [operation()])),
    )
    assert.deepEqual(ends.map(({ kind }) => kind).toSorted(), ['conflict', 'conflict', 'conflict', 'written'])
    await Promise.all(stores.map((store) => store.writeCopies(monthOf(START_EPOCH_MS), [operation()])))
    assert.equal(
      (
        await onAzurite(accounts[2] as string).listMonth(monthOf(START_EPOCH_MS), {
          fromEpochMs: 0,
          toEpochMs: START_EPOCH_MS,
          top: 10,
        })
      ).rows.length,
      4,
    )
  })

  it('reads as empty', async () => {
    const { partitionKey, operation } = somewhere()
    assert.deepEqual(await onAzurite(accounts[3] as string).readSlot(partitionKey), { slot: {} })
    assert.equal(await onAzurite(accounts[4] as string).readOperation(operation().id), undefined)
    const range = { fromEpochMs: 0, toEpochMs: START_EPOCH_MS, top: 5 }
    assert.deepEqual(await onAzurite(accounts[5] as string).listBackend(partitionKey, range), { rows: [], more: false })
    assert.deepEqual(await onAzurite(accounts[6] as string).listExpired(START_EPOCH_MS, 5), [])
    await onAzurite(accounts[7] as string).removeOperations([operation().id])
  })
})
