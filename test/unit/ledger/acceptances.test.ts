import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Operation, OperationId, OperationState } from '../../../src/domain/operation.ts'
import type { AlertTrigger } from '../../../src/domain/trigger.ts'
import { createAcceptances } from '../../../src/ledger/acceptances.ts'
import { createJoinCounter } from '../../../src/ledger/join-counter.ts'
import { createRecords } from '../../../src/ledger/records.ts'
import { createStorageClock } from '../../../src/ledger/storage-clock.ts'
import type { Acceptance } from '../../../src/reconnect/ports.ts'
import { err, ok, type Result } from '../../../src/shared/result.ts'
import { aBackend, aDuration, aPermit } from '../../support/builders.ts'
import { createFakeClock } from '../../support/fake-clock.ts'
import { createScriptedStore } from '../../support/scripted-store.ts'

const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined }
const TRIGGER: AlertTrigger = { kind: 'webhook', webhook: 'w' }
const HOUR_MS = 3_600_000

function room({ deliverWithinMs = 6 * HOUR_MS } = {}) {
  const clock = createFakeClock()
  const store = createScriptedStore()
  const records = createRecords(store, clock, QUIET, () => undefined)
  const joins = createJoinCounter(store, clock, QUIET, 'i1')
  const acceptances = createAcceptances({
    store,
    records,
    joins,
    storageClock: createStorageClock(clock),
    clock,
    deliverWithinMs,
  })
  const messages: Operation[] = []
  let answer: () => Promise<Result<void, string>> = () => Promise.resolve(ok(undefined))
  const enqueue = (operation: Operation): Promise<Result<void, string>> => {
    messages.push(operation)
    return answer()
  }
  return {
    clock,
    store,
    messages,
    queueAnswers: (next: typeof answer) => void (answer = next),
    accept: (change: Parameters<typeof aPermit>[0] = {}, trigger = TRIGGER): Promise<Acceptance> =>
      acceptances.accept(aPermit(change), trigger, enqueue),
    /** What a delivery, wherever it runs, makes of the operation. */
    become(id: OperationId, state: OperationState, change: Partial<Operation> = {}): void {
      const operation = store.operations.get(id)
      assert.ok(operation)
      store.operations.set(id, { ...operation, state, updatedAt: new Date(clock.now()).toISOString(), ...change })
    },
  }
}

async function began(promise: Promise<Acceptance>): Promise<Operation> {
  const acceptance = await promise
  assert.ok(acceptance.kind === 'accepted', acceptance.kind)
  return acceptance.operation
}

describe('the first alert', () => {
  it('is queued, then written down, and is accepted', async () => {
    const { accept, messages, store } = room()
    const acceptance = await accept({ after: aDuration('PT5M') })
    assert.ok(acceptance.kind === 'accepted' && acceptance.recorded)
    const { operation } = acceptance
    assert.deepEqual(messages, [operation])
    assert.deepEqual(store.operations.get(operation.id), operation)
    assert.deepEqual([operation.state, operation.after, operation.trigger], ['accepted', 'PT5M', TRIGGER])
    assert.deepEqual(store.calls, { read: 0, change: 0, write: 0, copy: 1, find: 0, insert: 1, count: 0 })
  })

  it('is not written down before it is queued', async () => {
    const { accept, store, queueAnswers } = room()
    queueAnswers(() => {
      assert.equal(store.calls.insert, 0)
      return Promise.resolve(ok(undefined))
    })
    await accept()
    assert.equal(store.calls.insert, 1)
  })

  it('cannot be queued: nothing is stored, and the next one tries again', async () => {
    const { accept, store, messages, queueAnswers } = room()
    queueAnswers(() => Promise.resolve(err('away')))
    assert.deepEqual(await accept(), { kind: 'unavailable', detail: 'away' })
    assert.equal(store.operations.size, 0)
    queueAnswers(() => Promise.resolve(ok(undefined)))
    await began(accept())
    assert.equal(messages.length, 2)
  })

  it('cannot be written down: it is accepted all the same, since the message has everything', async () => {
    const { accept, store } = room()
    store.mishaps.insert.push('refused')
    const acceptance = await accept()
    assert.deepEqual([acceptance.kind, acceptance.kind === 'accepted' && acceptance.recorded], ['accepted', false])
  })

  it('does not overwrite what a faster delivery has written', async () => {
    const { accept, store, queueAnswers, messages } = room()
    queueAnswers(() => {
      const [operation] = messages
      store.operations.set((operation as Operation).id, { ...(operation as Operation), state: 'forwarded' })
      return Promise.resolve(ok(undefined))
    })
    const { id } = await began(accept())
    assert.equal(store.operations.get(id)?.state, 'forwarded')
  })

  it('a defect while it is queued is thrown, and does not stand in the way of the next', async () => {
    const { accept, queueAnswers } = room()
    queueAnswers(() => Promise.reject(new TypeError('defect')))
    await assert.rejects(accept(), TypeError)
    queueAnswers(() => Promise.resolve(ok(undefined)))
    await began(accept())
  })
})

describe('those that come beside it', () => {
  it('wait for it and join: one message, one row, whatever their number', async () => {
    const { accept, messages, store } = room()
    const acceptances = await Promise.all(Array.from({ length: 1_000 }, () => accept()))
    const [first] = messages
    assert.deepEqual([messages.length, store.calls.insert], [1, 1])
    assert.equal(acceptances.filter(({ kind }) => kind === 'joined').length, 999)
    for (const acceptance of acceptances)
      assert.equal(acceptance.kind !== 'unavailable' && acceptance.operation.id, first?.id)
    assert.equal(store.calls.find, 1, 'one look for all of them')
  })

  it('fail with it: they would only wait for the same', async () => {
    const { accept, messages, queueAnswers } = room()
    queueAnswers(() => Promise.resolve(err('away')))
    const acceptances = await Promise.all(Array.from({ length: 100 }, () => accept()))
    assert.deepEqual([new Set(acceptances.map(({ kind }) => kind)), messages.length], [new Set(['unavailable']), 1])
  })
})

describe('later ones', () => {
  const later = async (
    state: OperationState,
    change: (clock: ReturnType<typeof createFakeClock>) => Partial<Operation> = () => ({}),
    waitMs = 1_000,
  ): Promise<Acceptance['kind']> => {
    const { accept, become, clock } = room()
    const { id } = await began(accept())
    become(id, state, change(clock))
    await clock.advance(waitMs)
    return (await accept()).kind
  }
  const dueIn = (ms: number) => (clock: ReturnType<typeof createFakeClock>) => ({
    due: new Date(clock.now() + ms).toISOString(),
  })

  it('join what is still to be delivered, for five minutes', async () => {
    assert.equal(await later('accepted', undefined, 299_000), 'joined')
    assert.equal(await later('accepted', undefined, 301_000), 'accepted')
  })

  it('join what is still to be delivered only while most of deliverWithin lies before it', async () => {
    const { accept, clock } = room({ deliverWithinMs: 60_000 })
    await began(accept())
    await clock.advance(14_000)
    assert.equal((await accept()).kind, 'joined')
    await clock.advance(2_000)
    assert.equal((await accept()).kind, 'accepted')
  })

  it('join what ARM has accepted until it is due, and not a moment longer', async () => {
    for (const state of ['forwarded', 'joined'] as const) {
      assert.equal(await later(state, dueIn(120_000), 60_000), 'joined')
      assert.equal(await later(state, dueIn(120_000), 120_000), 'accepted')
    }
  })

  it('do not join what is due later than they ask for', async () =>
    assert.equal(await later('joined', dueIn(200_000), 0), 'accepted'))

  it('never join what has failed, was given up, or was never sent', async () => {
    for (const state of ['failed', 'abandoned', 'dry-run'] as const) assert.equal(await later(state), 'accepted', state)
  })

  it('join what the loop guard has ended, for a minute: their own would end the same', async () => {
    assert.equal(await later('exhausted', undefined, 59_000), 'joined')
    assert.equal(await later('exhausted', undefined, 61_000), 'accepted')
  })

  it('of another webhook, another backend or another after, do not join here', async () => {
    const { accept, messages } = room()
    await began(accept())
    await began(accept({}, { kind: 'webhook', webhook: 'other' }))
    await began(accept({ backend: aBackend({ backendId: 'other' }) }))
    await began(accept({ after: aDuration('PT10M') }))
    assert.equal((await accept({ after: aDuration('PT120S') })).kind, 'joined', 'however two minutes are spelled')
    assert.equal(
      (await accept({ backend: aBackend({ backendId: 'ORDERS' }) })).kind,
      'joined',
      'however the backend is spelled',
    )
    assert.equal(messages.length, 4)
  })

  it('join with storage away, or without a row: nothing is delivered that cannot be written down', async () => {
    const { accept, store, clock } = room()
    store.mishaps.insert.push('refused')
    await accept()
    await clock.advance(6_000)
    assert.equal((await accept()).kind, 'joined', 'no row yet')
    store.mishaps.find.push('refused')
    assert.equal((await accept()).kind, 'joined', 'it cannot be read')
    assert.equal((await accept()).kind, 'joined', 'storage rests')
  })

  it('look at what is to be delivered, one look at a time, and never again at what has come to its end', async () => {
    const { accept, store, become, clock } = room()
    const { id } = await began(accept())
    await Promise.all(Array.from({ length: 50 }, () => accept()))
    assert.equal(store.calls.find, 1)
    become(id, 'forwarded', dueIn(120_000)(clock))
    for (let index = 0; index < 50; index += 1) assert.equal((await accept()).kind, 'joined')
    assert.equal(store.calls.find, 2)
  })

  it('are counted on the operation', async () => {
    const { accept, clock, store } = room()
    const { id } = await began(accept())
    await Promise.all(Array.from({ length: 7 }, () => accept()))
    await clock.advance(1_000)
    assert.equal(store.joined.get(id), 7)
    await accept()
    await clock.advance(1_000)
    assert.deepEqual([store.joined.get(id), store.calls.count], [8, 2])
  })
})

describe('memory', () => {
  it('is bounded: ten thousand backends, and the oldest are forgotten', async () => {
    const { accept, messages, clock } = room()
    const backend = (index: number) => ({ backend: aBackend({ backendId: `b-${index}` }) })
    for (let index = 0; index <= 10_000; index += 1) await accept(backend(index))
    assert.equal((await accept(backend(10_000))).kind, 'joined')
    assert.equal((await accept(backend(0))).kind, 'accepted', 'forgotten: it costs one message more')
    assert.equal(messages.length, 10_002)
    await clock.advance(600_000)
    await accept(backend(-1))
    assert.equal((await accept(backend(10_000))).kind, 'accepted', 'too old')
  })
})
