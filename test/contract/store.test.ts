/** The port of storage, asked of both that fill it: Azure Tables (on the emulator), and the in-memory store of all other tests. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { AzureNamedKeyCredential, generateAccountSas } from '@azure/data-tables'
import { startStorage, type Storage } from '../../sandbox/azure/storage.ts'
import type { Slot } from '../../src/coordination/slot.ts'
import type { StoredOperation } from '../../src/domain/operation.ts'
import type { OperationId } from '../../src/domain/operation-id.ts'
import { systemClock } from '../../src/shared/clock.ts'
import { consoleLog } from '../../src/shared/log.ts'
import { historyKeysOf, monthOf, operationKeysOf, partitionKeyOf } from '../../src/storage/keys.ts'
import { MAX_BATCH, StorageFault, type Store, type Versioned } from '../../src/storage/store.ts'
import { createTableStore } from '../../src/storage/table-store.ts'
import { openTables } from '../../src/storage/tables.ts'
import { anOperation, anOperationId } from '../support/an-operation.ts'
import { aBackend } from '../support/builders.ts'
import { START_EPOCH_MS } from '../support/fake-clock.ts'
import { createMemoryRows, createMemoryStore } from '../support/memory-store.ts'
import { claimStorage } from '../support/storage.ts'

const ACCOUNTS = 5
let own: Storage | undefined
let accounts: string[] = []
before(async () => {
  const claimed = claimStorage()
  own = claimed === undefined ? await startStorage({ accounts: ACCOUNTS }) : undefined
  accounts =
    own === undefined
      ? [claimed as string, ...Array.from({ length: ACCOUNTS - 1 }, () => claimStorage() as string)]
      : [...own.connectionStrings]
})
after(() => own?.stop())

const account = (): string => accounts.pop() ?? assert.fail('no account is left')
function onAzurite(connectionString: string, prefix = ''): Store {
  const open = async () =>
    openTables({ kind: 'connection-string', connectionString, allowHttp: true }, prefix, () =>
      assert.fail('no identity is asked for'),
    )
  return createTableStore({ open, clock: systemClock, log: consoleLog })
}

/** The same account by a shared access signature that allows reading alone. */
function readOnly(connectionString: string): string {
  const member = (name: string): string => new RegExp(`${name}=([^;]+)`).exec(connectionString)?.[1] ?? ''
  const credential = new AzureNamedKeyCredential(member('AccountName'), member('AccountKey'))
  const signature = generateAccountSas(credential, {
    permissions: { query: true },
    expiresOn: new Date(systemClock.now() + 3_600_000),
  })
  return `TableEndpoint=${member('TableEndpoint')};SharedAccessSignature=${signature}`
}

const IN_FLIGHT: Slot = {
  inFlight: {
    operationId: anOperationId(),
    ownerToken: 'owner-1',
    leaseUntilEpochMs: START_EPOCH_MS + 45_001,
    earliestDueEpochMs: START_EPOCH_MS + 120_003,
  },
}
const SCHEDULED: Slot = {
  scheduled: { operationId: anOperationId(), dueEpochMs: START_EPOCH_MS + 120_007 },
  alertSends: [START_EPOCH_MS, START_EPOCH_MS + 1],
}
/** Of a row that is gone, or was never there. */
const OLD_ETAG = `W/"datetime'2026-11-23T00%3A00%3A00.0000000Z'"`

let backends = 0
/** A backend that no other test writes to. */
function somewhere() {
  const backend = aBackend({ backendId: `backend-${(backends += 1)}` })
  const operation = (change: Partial<StoredOperation> = {}, atEpochMs = START_EPOCH_MS): StoredOperation =>
    anOperation(change, { backend, atEpochMs })
  return { partitionKey: partitionKeyOf(backend.key), operation }
}
const NEW: Versioned<undefined> = { value: undefined }
type Rows = readonly { readonly operation: StoredOperation | undefined }[]
const operationsOf = (rows: Rows) => rows.map(({ operation }) => operation ?? assert.fail('a row cannot be read'))
const idsOf = (rows: Rows) => operationsOf(rows).map(({ id }) => id)

for (const [name, connect] of [
  ['Azure Tables, on the emulator', () => onAzurite(account())],
  ['the in-memory store', () => createMemoryStore(createMemoryRows(systemClock.now))],
] as const) {
  describe(name, () => {
    let store: Store
    before(() => {
      store = connect()
    })
    const writeSlot = async (partitionKey: string, to: Slot): Promise<Versioned<Slot>> => {
      const from = await store.readSlot(partitionKey)
      assert.equal((await store.commit(partitionKey, { slot: { from, to } })).kind, 'written')
      return store.readSlot(partitionKey)
    }

    describe('a slot', () => {
      it('of an unknown backend is empty, and has no ETag', async () => {
        assert.deepEqual(await store.readSlot(somewhere().partitionKey), { value: {} })
      })

      it('is read as it was written, to the millisecond, with the ETag that the write returned', async () => {
        const { partitionKey } = somewhere()
        const to = { ...IN_FLIGHT, ...SCHEDULED }
        const written = await store.commit(partitionKey, { slot: { from: { value: {} }, to } })
        assert.ok(written.kind === 'written' && written.slotEtag !== undefined)
        assert.deepEqual(await store.readSlot(partitionKey), { value: to, etag: written.slotEtag })
      })

      it('can be changed with the ETag that its write returned', async () => {
        const { partitionKey } = somewhere()
        let from: Versioned<Slot> = { value: {} }
        for (const to of [IN_FLIGHT, SCHEDULED, IN_FLIGHT]) {
          const written = await store.commit(partitionKey, { slot: { from, to } })
          assert.ok(written.kind === 'written' && written.slotEtag !== undefined)
          from = { value: to, etag: written.slotEtag }
          assert.deepEqual(await store.readSlot(partitionKey), from)
        }
      })

      it('is created once', async () => {
        const { partitionKey } = somewhere()
        await writeSlot(partitionKey, IN_FLIGHT)
        const again = { slot: { from: { value: {} }, to: SCHEDULED } }
        assert.deepEqual(await store.commit(partitionKey, again), { kind: 'conflict' })
        assert.deepEqual((await store.readSlot(partitionKey)).value, IN_FLIGHT)
      })

      it('that has changed since it was read is not overwritten, not even with the value that it has', async () => {
        const { partitionKey } = somewhere()
        const from = await writeSlot(partitionKey, IN_FLIGHT)
        await writeSlot(partitionKey, IN_FLIGHT)
        for (const to of [IN_FLIGHT, SCHEDULED, {}])
          assert.deepEqual(await store.commit(partitionKey, { slot: { from, to } }), { kind: 'conflict' })
        assert.deepEqual((await store.readSlot(partitionKey)).value, IN_FLIGHT)
      })

      it('that is not there is not updated', async () => {
        const { partitionKey } = somewhere()
        const commit = { slot: { from: { value: {}, etag: OLD_ETAG }, to: IN_FLIGHT } }
        assert.deepEqual(await store.commit(partitionKey, commit), { kind: 'conflict' })
        assert.deepEqual(await store.readSlot(partitionKey), { value: {} })
      })

      it('that is empty leaves no row behind: it can be created again', async () => {
        const { partitionKey } = somewhere()
        const from = await writeSlot(partitionKey, IN_FLIGHT)
        assert.deepEqual(await store.commit(partitionKey, { slot: { from, to: { alertSends: [] } } }), {
          kind: 'written',
        })
        assert.deepEqual(await store.readSlot(partitionKey), { value: {} })
        await writeSlot(partitionKey, SCHEDULED)
      })

      it('is changed by exactly one of many that change it at once', async () => {
        const { partitionKey, operation } = somewhere()
        for (const round of [1, 2]) {
          const from = await store.readSlot(partitionKey)
          const operations = Array.from({ length: 8 }, () => operation())
          const ends = await Promise.all(
            operations.map((to) =>
              store.commit(partitionKey, {
                slot: { from, to: { scheduled: { operationId: to.id, dueEpochMs: START_EPOCH_MS } } },
                operation: { from: NEW, to },
              }),
            ),
          )
          assert.equal(ends.filter(({ kind }) => kind === 'written').length, 1, `round ${round}`)
          const winner = operations[ends.findIndex(({ kind }) => kind === 'written')] as StoredOperation
          assert.equal((await store.readSlot(partitionKey)).value.scheduled?.operationId, winner.id)
          const { rows } = await store.listBackend(partitionKey, {
            fromEpochMs: 0,
            toEpochMs: START_EPOCH_MS,
            top: 50,
          })
          assert.equal(rows.length, round, 'the others wrote no operation')
        }
      })
    })

    describe('an operation', () => {
      it('that was never written is not there', async () => {
        assert.deepEqual(await store.readOperation(somewhere().operation().id), { value: undefined })
      })

      it('is read as it was written, with any text in it', async () => {
        const { partitionKey, operation } = somewhere()
        const full = operation({
          after: 'PT5M',
          due: '2026-11-23T00:05:00.000Z',
          ambiguous: true,
          attempts: 3,
          generation: 2,
          sendingBy: 'owner-1',
          notBefore: '2026-11-23T00:00:30.000Z',
          caller: {
            kind: 'user',
            id: 'ü',
            name: `O'Neil "☃" \u0000\u001f\r\n--changesetresponse_ \u{1f600} HTTP/1.1 500 ETag: x`,
          },
          arm: { status: 202, requestId: 'r', correlationId: 'c' },
          error: { code: 'x', message: '{"odata.error":{}} \\ # ? /' },
        })
        const written = await store.commit(partitionKey, {
          slot: { from: { value: {} }, to: IN_FLIGHT },
          operation: { from: NEW, to: full },
        })
        assert.ok(written.kind === 'written' && written.operationEtag !== undefined)
        assert.deepEqual(await store.readOperation(full.id), { value: full, etag: written.operationEtag })
      })

      it('is created once, alone as well', async () => {
        const { partitionKey, operation } = somewhere()
        const accepted = operation({ state: 'accepted' })
        const first = await store.commit(partitionKey, { operation: { from: NEW, to: accepted } })
        assert.ok(first.kind === 'written' && first.operationEtag !== undefined)
        const again = { operation: { from: NEW, to: { ...accepted, attempts: 9 } } }
        assert.deepEqual(await store.commit(partitionKey, again), { kind: 'conflict' })
        assert.deepEqual(await store.readOperation(accepted.id), { value: accepted, etag: first.operationEtag })
      })

      it('is changed only in the version that was read, alone and with the slot', async () => {
        const { partitionKey, operation } = somewhere()
        const accepted = operation({ state: 'accepted' })
        await store.commit(partitionKey, { operation: { from: NEW, to: accepted } })
        const from = await store.readOperation(accepted.id)
        const to = { ...accepted, state: 'joined' } as const
        const changed = await store.commit(partitionKey, { operation: { from, to } })
        assert.ok(changed.kind === 'written')
        const stale = { from, to: accepted }
        assert.deepEqual(await store.commit(partitionKey, { operation: stale }), { kind: 'conflict' })
        const together = { slot: { from: { value: {} }, to: IN_FLIGHT }, operation: stale }
        assert.deepEqual(await store.commit(partitionKey, together), { kind: 'conflict' })
        assert.deepEqual(await store.readSlot(partitionKey), { value: {} }, 'nothing of it was done')
        assert.equal((await store.readOperation(accepted.id)).value?.state, 'joined')
      })

      it('is changed with its slot by the ETags that their last write returned, of rows created and of rows changed', async () => {
        const { partitionKey, operation } = somewhere()
        const [first, second] = [operation({ attempts: 0 }), operation({ attempts: 0 })]
        let slot: Versioned<Slot> = { value: {} }
        for (const start of [first, second]) {
          let row: Versioned<StoredOperation | undefined> = NEW
          for (const attempts of [1, 2, 3]) {
            const to = { slot: attempts === 1 ? IN_FLIGHT : SCHEDULED, operation: { ...start, attempts } }
            const written = await store.commit(partitionKey, {
              slot: { from: slot, to: to.slot },
              operation: { from: row, to: to.operation },
            })
            assert.ok(
              written.kind === 'written' && written.slotEtag !== undefined && written.operationEtag !== undefined,
            )
            slot = { value: to.slot, etag: written.slotEtag }
            row = { value: to.operation, etag: written.operationEtag }
            assert.deepEqual(await store.readSlot(partitionKey), slot)
            assert.deepEqual(await store.readOperation(start.id), row)
          }
        }
      })

      it('is not changed with a slot that has changed', async () => {
        const { partitionKey, operation } = somewhere()
        const from = await writeSlot(partitionKey, IN_FLIGHT)
        await writeSlot(partitionKey, SCHEDULED)
        const to = operation()
        assert.deepEqual(await store.commit(partitionKey, { slot: { from, to: {} }, operation: { from: NEW, to } }), {
          kind: 'conflict',
        })
        assert.deepEqual(await store.readOperation(to.id), NEW)
      })

      it('that is not there is not updated, alone and with the slot', async () => {
        const { partitionKey, operation } = somewhere()
        const missing = { from: { value: undefined, etag: OLD_ETAG }, to: operation() }
        assert.deepEqual(await store.commit(partitionKey, { operation: missing }), { kind: 'conflict' })
        const together = { slot: { from: { value: {} }, to: IN_FLIGHT }, operation: missing }
        assert.deepEqual(await store.commit(partitionKey, together), { kind: 'conflict' })
        assert.deepEqual(await store.readSlot(partitionKey), { value: {} })
      })
    })

    describe('many operations', () => {
      it('are written in one call, as many as a transaction takes, and may be written again', async () => {
        const { partitionKey, operation } = somewhere()
        const operations = Array.from({ length: MAX_BATCH }, (_, index) => operation({}, START_EPOCH_MS + index))
        await store.writeOperations(partitionKey, operations)
        await store.writeOperations(
          partitionKey,
          operations.map((each) => ({ ...each, attempts: 2 })),
        )
        const range = { fromEpochMs: 0, toEpochMs: START_EPOCH_MS + 1_000, top: 200 }
        const { rows } = await store.listBackend(partitionKey, range)
        assert.deepEqual(idsOf(rows), operations.map(({ id }) => id).toReversed())
        assert.ok(operationsOf(rows).every(({ attempts }) => attempts === 2))
      })

      it('of two partitions, or one of them twice, are a fault, and nothing is written', async () => {
        const [here, there] = [somewhere(), somewhere()]
        const once = here.operation()
        for (const operations of [
          [once, there.operation()],
          [once, once],
        ])
          await assert.rejects(store.writeOperations(here.partitionKey, operations), StorageFault)
        assert.deepEqual(await store.readOperation(once.id), NEW)
      })
    })

    describe('alerts that joined an operation', () => {
      it('are counted by instance, in absolute numbers', async () => {
        const { partitionKey, operation } = somewhere()
        const { id, ...accepted } = operation({ state: 'accepted' })
        await store.commit(partitionKey, { operation: { from: NEW, to: { id, ...accepted } } })
        for (const [instance, count] of [
          ['a1', 2],
          ['b2', 5],
          ['a1', 3],
          ['a1', 3],
        ] as const)
          await store.countJoined(id, instance, count)
        assert.equal((await store.readOperation(id)).value?.joinedCount, 8)
      })

      it('stay counted when the operation is written again, with or without a comparison', async () => {
        const { partitionKey, operation } = somewhere()
        const accepted = operation({ state: 'accepted' })
        await store.commit(partitionKey, { operation: { from: NEW, to: accepted } })
        await store.countJoined(accepted.id, 'a1', 3)
        const from = await store.readOperation(accepted.id)
        const to = { ...accepted, state: 'forwarded' } as const
        assert.equal((await store.commit(partitionKey, { operation: { from, to } })).kind, 'written')
        assert.equal((await store.readOperation(accepted.id)).value?.joinedCount, 3)
        await store.writeOperations(partitionKey, [to])
        const { value } = await store.readOperation(accepted.id)
        assert.deepEqual([value?.state, value?.joinedCount], ['forwarded', 3])
      })

      it('change the version of the row', async () => {
        const { partitionKey, operation } = somewhere()
        const accepted = operation({ state: 'accepted' })
        await store.commit(partitionKey, { operation: { from: NEW, to: accepted } })
        const from = await store.readOperation(accepted.id)
        await store.countJoined(accepted.id, 'a1', 1)
        const commit = { operation: { from, to: { ...accepted, state: 'forwarded' } as const } }
        assert.deepEqual(await store.commit(partitionKey, commit), { kind: 'conflict' })
      })

      it('are counted nowhere if there is no row', async () => {
        const missing = somewhere().operation().id
        await store.countJoined(missing, 'a1', 1)
        assert.deepEqual(await store.readOperation(missing), NEW)
      })
    })

    describe('a list', () => {
      it('of a backend has the newest first, page by page, without its slot and without other backends', async () => {
        const [here, there] = [somewhere(), somewhere()]
        const operations = Array.from({ length: 7 }, (_, index) => here.operation({}, START_EPOCH_MS + index * 1_000))
        await writeSlot(here.partitionKey, IN_FLIGHT)
        await store.writeOperations(here.partitionKey, operations)
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
          assert.deepEqual(
            rows.map(({ rowKey }) => rowKey),
            idsOf(rows).map((id) => operationKeysOf(id).rowKey),
          )
          seen.push(...idsOf(rows))
          last = rows.at(-1)?.rowKey
        }
        assert.deepEqual(seen, operations.map(({ id }) => id).toReversed())
      })

      it('includes both ends of its range', async () => {
        const { partitionKey, operation } = somewhere()
        const operations = [0, 1, 2, 3].map((ms) => operation({}, START_EPOCH_MS + ms))
        await store.writeOperations(partitionKey, operations)
        await store.writeCopies(monthOf(START_EPOCH_MS), operations)
        const range = { fromEpochMs: START_EPOCH_MS + 1, toEpochMs: START_EPOCH_MS + 2, top: 50 }
        const wanted = [operations[2]?.id, operations[1]?.id]
        assert.deepEqual(idsOf((await store.listBackend(partitionKey, range)).rows), wanted)
        const mine = new Set(operations.map(({ id }) => id))
        const { rows } = await store.listMonth(monthOf(START_EPOCH_MS), range)
        assert.deepEqual(
          idsOf(rows).filter((id) => mine.has(id)),
          wanted,
        )
      })

      it('of a month has copies of all backends, newest first, and of no other month', async () => {
        const march = Date.UTC(2020, 2, 10)
        const [one, two] = [somewhere(), somewhere()]
        const copies = [one.operation({}, march), two.operation({}, march + 5), one.operation({}, march + 9)]
        await store.writeCopies('2020-03', copies)
        await store.writeCopies('2020-04', [one.operation({}, Date.UTC(2020, 3, 1))])
        const range = { fromEpochMs: 0, toEpochMs: march + 1e9, top: 2 }
        const first = await store.listMonth('2020-03', range)
        const second = await store.listMonth('2020-03', { ...range, after: first.rows[1]?.rowKey as string })
        assert.deepEqual([first.more, second.more], [true, false])
        const rows = [...first.rows, ...second.rows]
        assert.deepEqual(idsOf(rows), copies.map(({ id }) => id).toReversed())
        assert.deepEqual(
          rows.map(({ rowKey }) => rowKey),
          copies.map(({ id }) => historyKeysOf(id).rowKey).toReversed(),
        )
      })

      it('shows the copy that was written last', async () => {
        const april = Date.UTC(2021, 3, 10)
        const { operation } = somewhere()
        const copy = operation({ state: 'accepted' }, april)
        await store.writeCopies('2021-04', [copy])
        await store.writeCopies('2021-04', [{ ...copy, state: 'forwarded' }])
        const { rows } = await store.listMonth('2021-04', { fromEpochMs: 0, toEpochMs: april, top: 5 })
        assert.deepEqual(
          operationsOf(rows).map(({ state }) => state),
          ['forwarded'],
        )
      })
    })

    describe('expiry', () => {
      it('finds what is older, the oldest months first, and removes row and copy; what is gone is no fault', async () => {
        const fresh = name === 'the in-memory store' ? connect() : onAzurite(account())
        const limit = Date.UTC(2026, 7, 15)
        const { partitionKey, operation } = somewhere()
        const times = [Date.UTC(2026, 4, 1), Date.UTC(2026, 6, 31), limit - 1, limit, limit + 1]
        const operations = times.map((at) => operation({}, at))
        for (const each of operations) {
          await fresh.writeOperations(partitionKey, [each])
          await fresh.writeCopies(historyKeysOf(each.id).partitionKey, [each])
        }
        const [may, july, early, exactly, late] = operations.map(({ id }) => id) as [
          OperationId,
          OperationId,
          OperationId,
          OperationId,
          OperationId,
        ]
        assert.equal((await fresh.listExpired(limit, 1)).ids.length, 1)
        assert.deepEqual(new Set((await fresh.listExpired(limit, 100)).ids), new Set([may, july]))
        await fresh.removeOperations([may, july])
        assert.deepEqual((await fresh.listExpired(limit, 100)).ids, [early])
        await fresh.removeOperations([early])
        await fresh.removeOperations([early, may])
        assert.deepEqual((await fresh.listExpired(limit, 100)).ids, [])
        assert.deepEqual(await fresh.readOperation(july), NEW)
        const range = { fromEpochMs: 0, toEpochMs: limit + 1e6, top: 50 }
        assert.deepEqual(idsOf((await fresh.listBackend(partitionKey, range)).rows), [late, exactly])
        assert.deepEqual((await fresh.listMonth('2026-05', range)).rows, [])
      })

      it('says what time it is by storage’s own clock, to the second', async () => {
        const before = systemClock.now()
        const { storageEpochMs = 0 } = await store.listExpired(Date.UTC(2019, 0, 1), 5)
        assert.ok(storageEpochMs >= before - 1_000 && storageEpochMs <= systemClock.now() + 1_000)
      })
    })

    describe('a shared secret', () => {
      it('is the first proposal, for every instance, by its name', async () => {
        const [first, second] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
        assert.deepEqual(await store.sharedSecret('one', first), first)
        assert.deepEqual(await store.sharedSecret('one', second), first)
        assert.deepEqual(await store.sharedSecret('two', second), second)
      })

      it('is one, also if several instances propose at once', async () => {
        const secrets = await Promise.all(
          Array.from({ length: 4 }, (_, index) => store.sharedSecret('at-once', Buffer.alloc(32, index))),
        )
        for (const secret of secrets) assert.deepEqual(secret, secrets[0])
      })
    })

    it('a probe of a storage that takes writes ends without a fault, and can be repeated', async () => {
      await store.probe()
      await store.probe()
    })
  })
}

describe('a storage account to which this identity may not write', () => {
  it('fails the probe, although it can be read', async () => {
    const connectionString = account()
    const writer = onAzurite(connectionString)
    await writer.probe()
    const reader = onAzurite(readOnly(connectionString))
    assert.deepEqual(await reader.readSlot(somewhere().partitionKey), { value: {} })
    await assert.rejects(reader.probe(), (fault: unknown) => fault instanceof StorageFault && fault.status === 403)
  })
})

describe('an account without tables', () => {
  it('gets them with the first call of each kind, also of several instances at once', async () => {
    const connectionString = account()
    const { partitionKey, operation } = somewhere()
    const stores = Array.from({ length: 4 }, () => onAzurite(connectionString))
    const ends = await Promise.all(
      stores.map((store) =>
        store.commit(partitionKey, {
          slot: { from: { value: {} }, to: IN_FLIGHT },
          operation: { from: NEW, to: operation() },
        }),
      ),
    )
    assert.deepEqual(ends.map(({ kind }) => kind).toSorted(), ['conflict', 'conflict', 'conflict', 'written'])
    await Promise.all(stores.map((store) => store.writeCopies(monthOf(START_EPOCH_MS), [operation()])))
    const range = { fromEpochMs: 0, toEpochMs: START_EPOCH_MS, top: 10 }
    assert.equal((await onAzurite(connectionString).listMonth(monthOf(START_EPOCH_MS), range)).rows.length, 4)
  })

  it('is read as empty; two prefixes in one account see nothing of each other', async () => {
    const connectionString = account()
    const { partitionKey, operation } = somewhere()
    const written = operation()
    const range = { fromEpochMs: 0, toEpochMs: START_EPOCH_MS, top: 5 }
    const calls: readonly ((store: Store) => Promise<unknown>)[] = [
      (store) => store.readSlot(partitionKey),
      (store) => store.readOperation(anOperationId()),
      (store) => store.readOperation(written.id),
      (store) => store.listBackend(partitionKey, range),
      async (store) => (await store.listExpired(START_EPOCH_MS, 5)).ids,
    ]
    const empty = [{ value: {} }, NEW, NEW, { rows: [], more: false }, []]
    for (const [index, call] of calls.entries())
      assert.deepEqual(await call(onAzurite(connectionString, `empty${index}`)), empty[index])
    await onAzurite(connectionString, 'removed').removeOperations([written.id])
    await onAzurite(connectionString, 'slot1').writeOperations(partitionKey, [written])
    assert.equal((await onAzurite(connectionString, 'slot1').readOperation(written.id)).value?.id, written.id)
    assert.deepEqual(await onAzurite(connectionString, 'slot2').readOperation(written.id), NEW)
    assert.deepEqual(await onAzurite(connectionString).readOperation(written.id), NEW)
  })
})
