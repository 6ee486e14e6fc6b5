/** What verdicts need of storage, asked of Azure Tables (on the emulator) and of the in-memory store: one transaction, and columns without a version. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startStorage, type Storage } from '../../sandbox/azure/storage.ts'
import type { Slot } from '../../src/coordination/slot.ts'
import { MAX_WATCHES } from '../../src/coordination/slot-effects.ts'
import { pendingEffect, type Decided, type Watch } from '../../src/domain/effect.ts'
import type { StoredOperation } from '../../src/domain/operation.ts'
import { systemClock } from '../../src/shared/clock.ts'
import { consoleLog } from '../../src/shared/log.ts'
import { partitionKeyOf } from '../../src/storage/keys.ts'
import { toSlotRow } from '../../src/storage/rows.ts'
import type { Store } from '../../src/storage/store.ts'
import { createTableStore } from '../../src/storage/table-store.ts'
import { openTables } from '../../src/storage/tables.ts'
import { anOperation } from '../support/an-operation.ts'
import { aBackend, IDS } from '../support/builders.ts'
import { START_EPOCH_MS } from '../support/fake-clock.ts'
import { createMemoryRows, createMemoryStore } from '../support/memory-store.ts'
import { claimStorage } from '../support/storage.ts'

const NEW = { value: undefined }
let own: Storage | undefined
let connectionString = ''
before(async () => {
  const claimed = claimStorage()
  own = claimed === undefined ? await startStorage({ accounts: 1 }) : undefined
  connectionString = claimed ?? own?.connectionStrings[0] ?? ''
})
after(() => own?.stop())

function onAzurite(): Store {
  const open = async () =>
    openTables({ kind: 'connection-string', connectionString, allowHttp: true }, '', () =>
      assert.fail('no identity is asked for'),
    )
  return createTableStore({ open, clock: systemClock, log: consoleLog })
}

let backends = 0
function somewhere() {
  const backend = aBackend({ backendId: `verdict-${(backends += 1)}` })
  const operation = (change: Partial<StoredOperation> = {}, atEpochMs = START_EPOCH_MS): StoredOperation =>
    anOperation(change, { backend, atEpochMs })
  return { partitionKey: partitionKeyOf(backend.key), operation }
}

const ORIGIN = { webhook: 'w', correlationId: IDS.correlationId }
const pending = pendingEffect(START_EPOCH_MS, START_EPOCH_MS + 1)
const verdictOn = ({ id }: StoredOperation): Decided => ({
  operationId: id,
  effect: { ...pending, verdict: 'recovered', decidedAt: '2026-11-23T00:06:00.000Z' },
  origin: ORIGIN,
  corrected: false,
})

/** As large as a slot can be: every watch with all notices, ids of the greatest length. */
function fullSlot(id: StoredOperation['id']): Slot {
  const watch: Watch = {
    operationId: id,
    dueEpochMs: START_EPOCH_MS,
    decideByEpochMs: START_EPOCH_MS + 1,
    settleMs: 300_000,
    confirms: true,
    origin: {
      ...ORIGIN,
      webhook: 'w'.repeat(63),
      alertRule: '\u2028'.repeat(256),
      traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    },
    notices: Array.from({ length: 17 }, (_, index) => ({
      kind: 'resolved' as const,
      key: 'k'.repeat(22),
      atEpochMs: START_EPOCH_MS,
      healthyEpochMs: START_EPOCH_MS,
      ...(index < 4 ? { alertId: 'i'.repeat(256) } : {}),
    })),
    silentAtEpochMs: START_EPOCH_MS,
  }
  return { watches: Array.from({ length: MAX_WATCHES }, () => watch), notHelping: 3 }
}

for (const [name, open] of [
  ['Azure Tables', onAzurite],
  ['the in-memory store', () => createMemoryStore(createMemoryRows())],
] as const)
  describe(name, () => {
    it('writes a slot, an operation and verdicts on others in one transaction', async () => {
      const store = open()
      const { partitionKey, operation } = somewhere()
      const [earlier, next] = [operation({ state: 'forwarded', effect: pending }), operation({}, START_EPOCH_MS + 1)]
      await store.commit(partitionKey, { operation: { from: NEW, to: earlier } })
      const written = await store.commit(partitionKey, {
        slot: { from: { value: {} }, to: { notHelping: 1 } },
        operation: { from: NEW, to: next },
        verdicts: [verdictOn(earlier)],
      })
      assert.equal(written.kind, 'written')
      assert.deepEqual((await store.readOperation(earlier.id)).value?.effect, verdictOn(earlier).effect)
      assert.deepEqual((await store.readSlot(partitionKey)).value, { notHelping: 1 })
      assert.deepEqual((await store.readOperation(next.id)).value, next)
    })

    it('writes none of it where the slot has changed', async () => {
      const store = open()
      const { partitionKey, operation } = somewhere()
      const earlier = operation({ state: 'forwarded', effect: pending })
      await store.commit(partitionKey, { operation: { from: NEW, to: earlier } })
      await store.commit(partitionKey, { slot: { from: { value: {} }, to: { notHelping: 1 } } })
      const conflict = await store.commit(partitionKey, {
        slot: { from: { value: {} }, to: { notHelping: 2 } },
        verdicts: [verdictOn(earlier)],
      })
      assert.equal(conflict.kind, 'conflict')
      assert.deepEqual((await store.readOperation(earlier.id)).value?.effect, pending)
    })

    it('writes a verdict whatever the version of its row, and keeps it when the row is written again', async () => {
      const store = open()
      const { partitionKey, operation } = somewhere()
      const forwarded = operation({ state: 'forwarded', effect: pending })
      await store.commit(partitionKey, { operation: { from: NEW, to: forwarded } })
      await store.countJoined(forwarded.id, 'a1', 2)
      await store.commit(partitionKey, {
        slot: { from: { value: {} }, to: { notHelping: 1 } },
        verdicts: [verdictOn(forwarded)],
      })
      const row = await store.readOperation(forwarded.id)
      assert.deepEqual([row.value?.effect?.verdict, row.value?.joinedCount], ['recovered', 2])
      await store.countJoined(forwarded.id, 'a1', 3)
      assert.equal((await store.readOperation(forwarded.id)).value?.effect?.verdict, 'recovered')
    })

    it('writes the slot although the row of a verdict is gone, and reads no operation of it', async () => {
      const store = open()
      const { partitionKey, operation } = somewhere()
      const gone = operation({ state: 'forwarded' })
      const written = await store.commit(partitionKey, {
        slot: { from: { value: {} }, to: { notHelping: 1 } },
        verdicts: [verdictOn(gone)],
      })
      assert.equal(written.kind, 'written')
      assert.equal((await store.readOperation(gone.id)).value, undefined)
      const range = { fromEpochMs: START_EPOCH_MS - 1, toEpochMs: START_EPOCH_MS + 1, top: 10 }
      const { rows } = await store.listBackend(partitionKey, range)
      assert.ok(rows.every((row) => row.operation === undefined))
    })

    it('keeps the alerts that joined by each instance, and what the first one tells', async () => {
      const store = open()
      const { partitionKey, operation } = somewhere()
      const firing = { atEpochMs: START_EPOCH_MS, alert: { key: 'first', startedAtEpochMs: START_EPOCH_MS } }
      const accepted = operation({ firing })
      await store.commit(partitionKey, { operation: { from: NEW, to: accepted } })
      await store.countJoined(accepted.id, 'a1', 1, [{ key: 'k1', startedAtEpochMs: 1 }])
      await store.countJoined(accepted.id, 'b2', 1, [{ key: 'k2', startedAtEpochMs: 2 }])
      const { value } = await store.readOperation(accepted.id)
      assert.deepEqual(
        value?.joinedAlerts?.toSorted(([a], [b]) => (a < b ? -1 : 1)),
        [
          ['k1', 1],
          ['k2', 2],
        ],
      )
      assert.deepEqual(value?.firing, firing)
      assert.equal(value?.joinedCount, 2)
    })

    it('takes the largest slot that there can be', async () => {
      const store = open()
      const { partitionKey, operation } = somewhere()
      const slot = fullSlot(operation().id)
      assert.equal((await store.commit(partitionKey, { slot: { from: { value: {} }, to: slot } })).kind, 'written')
      assert.deepEqual((await store.readSlot(partitionKey)).value, slot)
    })
  })

it('the largest slot fits a property of the real service, which the emulator does not check', () => {
  const row = toSlotRow('p', fullSlot(anOperation().id))
  assert.ok((row.watches ?? '').length <= 32 * 1024, `${row.watches?.length} characters`)
})
