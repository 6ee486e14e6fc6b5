import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Operation, OperationId } from '../../../src/domain/operation.ts'
import { createOperationId, partitionKeyOf } from '../../../src/ledger/keys.ts'
import { createLedger } from '../../../src/ledger/ledger.ts'
import { startOperation } from '../../../src/ledger/operations.ts'
import { createRecords } from '../../../src/ledger/records.ts'
import { createStorageClock } from '../../../src/ledger/storage-clock.ts'
import type { Delivered, Forwarded } from '../../../src/reconnect/ports.ts'
import { err, ok } from '../../../src/shared/result.ts'
import { aBackend, A_LIMIT, aDeadline, aPermit } from '../../support/builders.ts'
import { createFakeClock } from '../../support/fake-clock.ts'
import { createScriptedStore, ending } from '../../support/scripted-store.ts'

const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined }
const LIMIT = { ...A_LIMIT, count: 2 }
const DEADLINE_MS = 30_000
const UNAVAILABLE: Forwarded = {
  result: err({ reason: 'arm_unavailable', status: 503, detail: '' }),
  attempts: 1,
  ambiguous: true,
  arm: { status: 503 },
}

function room() {
  const clock = createFakeClock()
  const store = createScriptedStore()
  const storageClock = createStorageClock(clock)
  const instance = () =>
    createLedger({
      store,
      records: createRecords(store, clock, QUIET, () => undefined),
      storageClock,
      clock,
      deadlineMs: DEADLINE_MS,
      describe: ({ reason }) => ({ code: reason, message: reason }),
      limit: LIMIT,
      random: () => 0.5,
    })
  const ledger = instance()
  const partitionKey = partitionKeyOf(aBackend().key)
  let sends = 0
  let answer: () => Forwarded = () => ({
    result: ok({ acceptedAtEpochMs: clock.now() }),
    attempts: 1,
    ambiguous: false,
    arm: { status: 202 },
  })
  const send = async (): Promise<Forwarded> => {
    sends += 1
    await clock.sleep(500)
    return answer()
  }
  const operation = (): Operation =>
    startOperation(aPermit(), createOperationId(partitionKey, clock.now()), clock.now(), {
      kind: 'webhook',
      webhook: 'w',
    })
  return {
    clock,
    store,
    ledger,
    beside: instance(),
    sends: () => sends,
    armAnswers: (next: () => Forwarded) => void (answer = next),
    operation,
    async deliver(
      accepted: Operation = operation(),
      on = ledger,
      tries = 0,
      judged: 'failed' | { readonly tries: number } = { tries: tries + 1 },
    ): Promise<Delivered> {
      return ending(
        clock,
        on.deliver({ permit: aPermit(), accepted, tries }, aDeadline(clock, DEADLINE_MS), send, async () => judged),
      )
    },
  }
}

describe('a delivery', () => {
  it('sends, settles the slot, and ends the operation that was accepted', async () => {
    const { deliver, operation, store, sends } = room()
    const accepted = operation()
    const delivered = await deliver(accepted)
    assert.ok(delivered.kind === 'sent' && delivered.recorded)
    assert.deepEqual([delivered.operation.id, delivered.operation.state, sends()], [accepted.id, 'forwarded', 1])
    assert.deepEqual(store.operations.get(accepted.id), delivered.operation)
    assert.deepEqual([store.slot().scheduled?.operationId, store.slot().alertForwards?.length], [accepted.id, 1])
  })

  it('that ARM does not accept leaves it accepted where it is to be tried again, with the trouble and every attempt in it', async () => {
    const { deliver, operation, store, armAnswers } = room()
    const accepted = operation()
    armAnswers(() => UNAVAILABLE)
    for (const tries of [1, 2]) {
      const delivered = await deliver(accepted, undefined, tries - 1)
      assert.ok(delivered.kind === 'sent')
      assert.deepEqual(
        [
          delivered.operation.state,
          delivered.operation.error?.code,
          delivered.operation.attempts,
          delivered.operation.ambiguous,
        ],
        ['accepted', 'arm_unavailable', tries, true],
      )
    }
    assert.equal(store.slot().scheduled, undefined)
    assert.equal(store.slot().alertForwards, undefined, 'what was not accepted does not count')
    armAnswers(() => ({ result: ok({ acceptedAtEpochMs: 0 }), attempts: 1, ambiguous: false }))
    const delivered = await deliver(accepted, undefined, 2)
    assert.ok(delivered.kind === 'sent')
    assert.deepEqual(
      [
        delivered.operation.state,
        delivered.operation.attempts,
        delivered.operation.ambiguous,
        delivered.operation.error,
      ],
      ['forwarded', 3, true, undefined],
    )
  })

  it('that ARM refuses ends it as failed', async () => {
    const { deliver, armAnswers } = room()
    armAnswers(() => ({
      ...UNAVAILABLE,
      result: err({ reason: 'arm_rejected', status: 404, error: { code: 'c', message: 'm' } }),
    }))
    const delivered = await deliver(undefined, undefined, 0, 'failed')
    assert.equal(delivered.kind === 'sent' && delivered.operation.state, 'failed')
  })

  it('joins what somebody else has coming, and says so', async () => {
    const { deliver, ledger, clock, sends, store, operation } = room()
    const person = await ending(
      clock,
      ledger.once(aPermit(), aDeadline(clock), async () => ({
        result: ok({ acceptedAtEpochMs: clock.now() }),
        attempts: 1,
        ambiguous: false,
      })),
    )
    const accepted = operation()
    const delivered = await deliver(accepted)
    assert.ok(delivered.kind === 'joined' && delivered.recorded)
    assert.deepEqual(
      [delivered.operation.joined, store.operations.get(accepted.id)?.state, sends()],
      [person.operation.id, 'joined', 0],
    )
  })
})

describe('a message that comes again', () => {
  it('after the end is over: in this process, and in another', async () => {
    for (const where of ['ledger', 'beside'] as const) {
      const own = room()
      const accepted = own.operation()
      await own.deliver(accepted)
      assert.equal((await own.deliver(accepted, own[where])).kind, 'over', where)
      assert.equal(own.sends(), 1)
    }
  })

  it('when the one of the next try is stored is over: copies do not multiply', async () => {
    const { deliver, operation, store, sends, armAnswers } = room()
    const accepted = operation()
    armAnswers(() => UNAVAILABLE)
    assert.equal((await deliver(accepted, undefined, 3)).kind, 'sent')
    assert.equal(store.operations.get(accepted.id)?.delivery, 4)
    for (const tries of [3, 2]) assert.equal((await deliver(accepted, undefined, tries)).kind, 'over')
    assert.equal((await deliver(accepted, undefined, 4, 'failed')).kind, 'sent')
    assert.deepEqual(
      [sends(), store.operations.get(accepted.id)?.state, store.operations.get(accepted.id)?.delivery],
      [2, 'failed', undefined],
    )
  })

  it('when the one of the next try could not be stored is not over', async () => {
    const { deliver, operation, store, sends, armAnswers } = room()
    const accepted = operation()
    armAnswers(() => UNAVAILABLE)
    for (const time of [1, 2]) {
      assert.equal((await deliver(accepted, undefined, 3, { tries: 3 })).kind, 'sent')
      assert.deepEqual([sends(), store.operations.get(accepted.id)?.delivery], [time, 3])
    }
    assert.equal((await deliver(accepted, undefined, 2)).kind, 'over')
  })

  it('after the due time has passed is over too', async () => {
    const { deliver, operation, clock, beside, sends } = room()
    const accepted = operation()
    await deliver(accepted)
    await clock.advance(600_000)
    assert.equal((await deliver(accepted, beside)).kind, 'over')
    assert.equal(sends(), 1)
  })

  it('beside itself: one of them sends', async () => {
    const { deliver, operation, beside, ledger, sends } = room()
    const accepted = operation()
    const ends = await Promise.all([deliver(accepted, ledger), deliver(accepted, beside), deliver(accepted, ledger)])
    assert.deepEqual([ends.map(({ kind }) => kind).toSorted(), sends()], [['over', 'over', 'sent'], 1])
  })

  it('that ended between the look and the compare-and-set is over: the ETag tells', async () => {
    const { deliver, operation, store, sends } = room()
    const accepted = operation()
    // Somebody else delivers it just before this one takes the slot.
    store.mishaps.change.push(() => {
      store.put({ scheduled: { operationId: 'other' as OperationId, dueEpochMs: 0 } })
      store.operations.set(accepted.id, { ...accepted, state: 'joined' })
    })
    assert.equal((await deliver(accepted)).kind, 'over')
    assert.equal(sends(), 0)
  })
})

describe('the loop guard', () => {
  it('so many within the window, then exhausted; people are not limited; what is old does not count', async () => {
    const { deliver, clock, sends, ledger, store } = room()
    for (let index = 0; index < 2; index += 1) {
      assert.equal((await deliver()).kind, 'sent')
      await clock.advance(130_000)
    }
    const third = await deliver()
    assert.ok(third.kind === 'exhausted' && third.recorded)
    assert.deepEqual(
      [third.operation.state, third.failure, sends()],
      ['exhausted', { reason: 'loop_guard', count: 2, window: 'PT1H' }, 2],
    )
    assert.equal(store.operations.get(third.operation.id)?.state, 'exhausted')
    const person = await ending(
      clock,
      ledger.once(aPermit(), aDeadline(clock), async () => ({
        result: ok({ acceptedAtEpochMs: clock.now() }),
        attempts: 1,
        ambiguous: false,
      })),
    )
    assert.equal(person.kind, 'sent')
    assert.equal(store.slot().alertForwards?.length, 2, 'and do not count')
    assert.equal((await deliver()).kind, 'joined', 'what is coming anyway is joined all the same')
    await clock.advance(3_600_000)
    assert.equal((await deliver()).kind, 'sent')
    assert.equal(store.slot().alertForwards?.length, 1, 'what lies behind the window is forgotten')
  })
})

describe('storage is away', () => {
  it('nothing is sent that could not be written down', async () => {
    const { deliver, store, sends } = room()
    store.mishaps.read.push('refused', 'refused')
    assert.equal((await deliver()).kind, 'unavailable')
    assert.equal((await deliver()).kind, 'unavailable', 'storage rests')
    assert.equal(sends(), 0)
  })

  it('a join that could not be written down has not happened', async () => {
    const { deliver, store, clock, ledger } = room()
    await ending(
      clock,
      ledger.once(aPermit(), aDeadline(clock), async () => ({
        result: ok({ acceptedAtEpochMs: clock.now() }),
        attempts: 1,
        ambiguous: false,
      })),
    )
    store.mishaps.write.push('refused')
    assert.equal((await deliver()).kind, 'unavailable')
  })

  it('after ARM has accepted, its answer is written down with patience, and with it what is scheduled: nobody asks ARM again', async () => {
    const { deliver, store, operation, sends, beside } = room()
    const accepted = operation()
    store.mishaps.change.push('fine', 'refused', 'refused', 'refused')
    const delivered = await deliver(accepted)
    assert.ok(delivered.kind === 'sent' && delivered.recorded)
    assert.equal(store.operations.get(accepted.id)?.state, 'forwarded')
    assert.equal(store.slot().scheduled?.operationId, accepted.id)
    assert.equal((await deliver(operation(), beside)).kind, 'joined')
    assert.equal(sends(), 1)
  })

  it('what goes on is not written again: it would undo what another delivery has done meanwhile', async () => {
    const { deliver, store, operation, armAnswers } = room()
    const accepted = operation()
    armAnswers(() => UNAVAILABLE)
    store.mishaps.change.push('fine', ...Array.from({ length: 3 }, () => 'refused' as const))
    const delivered = await deliver(accepted)
    assert.ok(delivered.kind === 'sent' && !delivered.recorded)
    assert.deepEqual([store.calls.write, store.operations.get(accepted.id)?.attempts], [0, 0])
  })

  it('what goes on after somebody else has taken over is not written either', async () => {
    const { deliver, store, operation, armAnswers } = room()
    armAnswers(() => UNAVAILABLE)
    store.mishaps.change.push('fine', () => store.put({}))
    assert.equal((await deliver(operation())).kind, 'sent')
    assert.equal(store.calls.write, 0)
  })

  it('an operation that has no row is found as its message tells it; one that cannot be read is not', async () => {
    const { ledger, operation, store } = room()
    const accepted = operation()
    assert.deepEqual(await ledger.find(accepted), accepted)
    store.mishaps.find.push('refused')
    assert.equal(await ledger.find(accepted), undefined)
    assert.equal(await ledger.find(accepted), undefined, 'storage rests')
  })
})

describe('an end without a delivery', () => {
  it('is written down with its reason, and says when it is not', async () => {
    const { ledger, operation, store } = room()
    for (const state of ['failed', 'abandoned'] as const) {
      const { operation: ended, recorded } = await ledger.end(operation(), {
        state,
        failure: { reason: 'delivery_expired', deliverWithin: 'PT6H', detail: 'd' },
      })
      assert.deepEqual(
        [ended.state, ended.error?.code, recorded, store.operations.get(ended.id)],
        [state, 'delivery_expired', true, ended],
      )
    }
    assert.equal((await ledger.end(operation(), { state: 'dry-run', afterMs: 120_000 })).operation.state, 'dry-run')
    store.mishaps.write.push('refused')
    assert.equal((await ledger.end(operation(), { state: 'dry-run', afterMs: 1 })).recorded, false)
  })
})
