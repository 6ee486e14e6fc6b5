import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEffects } from '../../../src/coordination/effects.ts'
import { createSlotBreaker } from '../../../src/coordination/coordinator.ts'
import { createLeases } from '../../../src/coordination/lease.ts'
import { pendingEffect, type Watch } from '../../../src/domain/effect.ts'
import { operationKeysOf, partitionKeyOf } from '../../../src/storage/keys.ts'
import { StorageFault } from '../../../src/storage/store.ts'
import { ALERT_TRIGGER, anAcceptedAlert, anOperation } from '../../support/an-operation.ts'
import { aBackend } from '../../support/builders.ts'
import { createCore } from '../../support/core.ts'
import { START_EPOCH_MS as NOW } from '../../support/fake-clock.ts'

const MINUTE_MS = 60_000

/** What is decided when the only known alert is resolved. */
async function decidedWith(isIncomplete: boolean): Promise<readonly string[]> {
  const { store, clock } = createCore()
  const backend = aBackend()
  const operation = anOperation(
    {
      trigger: ALERT_TRIGGER,
      effect: pendingEffect(NOW - MINUTE_MS, NOW + MINUTE_MS),
      firing: { atEpochMs: NOW - 2 * MINUTE_MS, alert: { key: 'k', startedAtEpochMs: NOW - 2 * MINUTE_MS } },
    },
    { backend, atEpochMs: NOW - 2 * MINUTE_MS },
  )
  const watch: Watch = {
    operationId: operation.id,
    dueEpochMs: NOW - MINUTE_MS,
    decideByEpochMs: NOW + MINUTE_MS,
    settleMs: 1_000,
    confirms: true,
    origin: { webhook: 'w', correlationId: 'c' },
    notices: [],
  }
  const partitionKey = partitionKeyOf(backend.key)
  await store.commit(partitionKey, {
    slot: { from: { value: {} }, to: { watches: [watch] } },
    operation: { from: { value: undefined }, to: operation },
  })
  const effects = createEffects({
    store: {
      ...store,
      async listBackend(...asked) {
        const page = await store.listBackend(...asked)
        const { rowKey } = operationKeysOf(operation.id)
        const bad = { rowKey: `${rowKey}~`, operation: undefined, isIncomplete: true } as const
        return isIncomplete ? { ...page, rows: [...page.rows, bad] } : page
      },
    },
    breaker: createSlotBreaker(clock),
    clock,
    deliverWithinMs: 3_600_000,
    copyAgain: () => undefined,
  })
  const noticed = await effects.notice(backend, {
    kind: 'resolved',
    key: 'k',
    atEpochMs: NOW,
    healthyEpochMs: NOW,
  })
  return 'decided' in noticed ? noticed.decided.map(({ effect }) => effect.verdict) : [noticed.kind]
}

test('every known alert was resolved: recovered', async () => {
  assert.deepEqual(await decidedWith(false), ['recovered'])
})

test('a row that cannot be read may be of another alert: not recovered yet', async () => {
  assert.deepEqual(await decidedWith(true), [])
})

test('a message whose operation cannot be read takes no lease and comes back, and storage does not count as away', async () => {
  const { store, clock, breaker, rows, deadline } = createCore()
  const alert = anAcceptedAlert({}, { atEpochMs: NOW })
  const partitionKey = partitionKeyOf(aBackend().key)
  const leases = createLeases({
    store: { ...store, readOperation: () => Promise.reject(StorageFault.unreadable()) },
    breaker,
    clock,
    leaseMs: 45_000,
    createToken: () => 'owner',
    random: () => 0.5,
  })
  const leased = await clock.finish(
    leases.acquire({
      partitionKey,
      sending: () => alert,
      ask: () => ({ nowEpochMs: NOW, sinceEpochMs: NOW, wantedByEpochMs: NOW + MINUTE_MS, force: false }),
      afterMs: MINUTE_MS,
      deadline: deadline(30_000),
      message: { operationId: alert.id, generation: 0 },
    }),
  )
  assert.deepEqual([leased.kind, breaker.isOpen(), rows.slots.size], ['storage_unavailable', false, 0])
})
