/** One operation, one message and one row for many alerts. Numbers in parentheses are the invariants of docs/coordination.md. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Slot } from '../../../src/coordination/slot.ts'
import type { ReconnectCommand } from '../../../src/domain/command.ts'
import type { Operation, OperationState, StoredOperation } from '../../../src/domain/operation.ts'
import type { OperationId } from '../../../src/domain/operation-id.ts'
import type { Acceptance } from '../../../src/reconnect/alert-ports.ts'
import { err, ok, type Result } from '../../../src/shared/result.ts'
import { ALERT_TRIGGER } from '../../support/an-operation.ts'
import { aBackend, aDuration, aPermit } from '../../support/builders.ts'
import { createCore, type CoreOptions } from '../../support/core.ts'

const MINUTE_MS = 60_000

function room(options: CoreOptions = {}) {
  const core = createCore(options)
  const { clock, batches } = core
  const messages: Operation[] = []
  let put = (): Promise<Result<void, string>> => Promise.resolve(ok(undefined))
  const accept = (change: Partial<ReconnectCommand> = {}, trigger = ALERT_TRIGGER): Promise<Acceptance> =>
    batches.accept(aPermit(change), trigger, (operation) => {
      messages.push(operation)
      return put()
    })
  return {
    ...core,
    messages,
    queueAnswers: (next: typeof put) => void (put = next),
    accept,
    finish: <T>(work: Promise<T>) => clock.finish(work),
    /** What a delivery, in any instance, makes of the operation. */
    become(id: OperationId, state: OperationState, change: Partial<StoredOperation> = {}): void {
      const operation = core.row(id)
      assert.ok(operation)
      core.putRow({ ...operation, state, updatedAt: new Date(clock.now()).toISOString(), ...change })
    },
    /** This operation is scheduled, due so many milliseconds from now. */
    schedule: (operationId: OperationId, inMs: number) =>
      core.putSlot({ ...core.slot(), scheduled: { operationId, dueEpochMs: clock.now() + inMs } }),
  }
}
type Room = ReturnType<typeof room>

/** The first alert, with an operation of its own. */
async function begun({ finish, accept }: Room, change: Partial<ReconnectCommand> = {}): Promise<Operation> {
  const acceptance = await finish(accept(change))
  assert.ok(acceptance.kind === 'accepted', acceptance.kind)
  return acceptance.operation
}
const kindOf = async ({ finish, accept }: Room, change: Partial<ReconnectCommand> = {}): Promise<string> =>
  (await finish(accept(change))).kind

describe('the first alert', () => {
  it('is stored as a message, then as a row, and then it is accepted', async () => {
    const there = room()
    const acceptance = await there.finish(there.accept({ after: aDuration('PT5M') }))
    assert.ok(acceptance.kind === 'accepted' && acceptance.recorded)
    const { operation } = acceptance
    assert.deepEqual(there.messages, [operation])
    assert.deepEqual(there.row(operation.id), operation)
    assert.deepEqual(there.copies, [operation])
    assert.deepEqual([operation.state, operation.after, operation.trigger], ['accepted', 'PT5M', ALERT_TRIGGER])
    assert.deepEqual([there.faults.calls('commit'), there.faults.calls('readOperation')], [1, 0])
  })

  it('has no row before its message is stored', async () => {
    const there = room()
    there.queueAnswers(() => {
      assert.equal(there.faults.calls('commit'), 0)
      return Promise.resolve(ok(undefined))
    })
    await begun(there)
    assert.equal(there.faults.calls('commit'), 1)
  })

  it('that cannot be stored is unavailable, has no row, and does not concern the next one', async () => {
    const there = room()
    there.queueAnswers(() => Promise.resolve(err('the queue is away')))
    assert.deepEqual(await there.finish(there.accept()), { kind: 'unavailable', detail: 'the queue is away' })
    assert.equal(there.rows.operations.size, 0)
    there.queueAnswers(() => Promise.resolve(ok(undefined)))
    await begun(there)
  })

  it('without a row is still accepted: its message has everything', async () => {
    for (const mishap of ['fails', 'refuses'] as const) {
      const there = room()
      there.faults.next('commit', mishap)
      const acceptance = await there.finish(there.accept())
      assert.ok(acceptance.kind === 'accepted' && !acceptance.recorded)
    }
  })

  it('does not replace the row that a faster delivery has written (3)', async () => {
    const there = room()
    there.queueAnswers(() => {
      there.putRow({ ...(there.messages[0] as Operation), state: 'forwarded' })
      return Promise.resolve(ok(undefined))
    })
    const { id } = await begun(there)
    assert.equal(there.row(id)?.state, 'forwarded')
  })

  it('writes no row while the circuit breaker is open', async () => {
    const there = room()
    there.breaker.failed('storage failed')
    const acceptance = await there.finish(there.accept())
    assert.ok(acceptance.kind === 'accepted' && !acceptance.recorded)
    assert.deepEqual([there.faults.calls('commit'), there.copies.length], [0, 0])
  })

  it('throws a defect, which does not concern the next one', async () => {
    const inPut = room()
    inPut.queueAnswers(() => Promise.reject(new TypeError('a defect')))
    await assert.rejects(inPut.finish(inPut.accept()), TypeError)
    inPut.queueAnswers(() => Promise.resolve(ok(undefined)))
    await begun(inPut)
    const inStore = room()
    inStore.faults.next('commit', () => {
      throw new TypeError('a defect')
    })
    await assert.rejects(inStore.finish(inStore.accept()), TypeError)
  })
})

describe('alerts that come beside it', () => {
  it('wait for its message and join: one message and one row for a thousand', async () => {
    const there = room()
    const acceptances = await there.finish(Promise.all(Array.from({ length: 1_000 }, () => there.accept())))
    assert.deepEqual([there.messages.length, there.faults.calls('commit'), there.faults.calls('readSlot')], [1, 1, 0])
    assert.deepEqual(acceptances.map(({ kind }) => kind).toSorted()[0], 'accepted')
    assert.equal(acceptances.filter(({ kind }) => kind === 'joined').length, 999)
    assert.equal(there.joins.length, 999)
    for (const acceptance of acceptances)
      assert.equal(acceptance.kind !== 'unavailable' && acceptance.operation.id, there.messages[0]?.id)
  })

  it('are unavailable with it: their own message would fail in the same way', async () => {
    const there = room()
    there.queueAnswers(() => Promise.resolve(err('away')))
    const acceptances = await there.finish(Promise.all(Array.from({ length: 100 }, () => there.accept())))
    assert.deepEqual(
      [new Set(acceptances.map(({ kind }) => kind)), there.messages.length],
      [new Set(['unavailable']), 1],
    )
    assert.equal(there.joins.length, 0)
  })
})

describe('later alerts', () => {
  it('look at storage, and those that come during a look share it (contract, section 5)', async () => {
    const there = room({ latencyMs: 100 })
    await begun(there)
    const before = there.faults.calls('readOperation')
    const kinds = (await there.finish(Promise.all(Array.from({ length: 50 }, () => there.accept())))).map(
      ({ kind }) => kind,
    )
    assert.deepEqual(new Set(kinds), new Set(['joined']))
    assert.equal(there.faults.calls('readOperation') - before, 1)
    await kindOf(there)
    assert.equal(there.faults.calls('readOperation') - before, 2, 'what was read is not remembered')
  })

  it('wait for the row that is being written, and do not miss it', async () => {
    const there = room({ latencyMs: 300 })
    const first = there.accept()
    await there.clock.advance(100)
    const second = there.accept()
    assert.deepEqual(
      (await there.finish(Promise.all([first, second]))).map(({ kind }) => kind),
      ['accepted', 'joined'],
    )
  })

  it('are counted on the operation that they join', async () => {
    const there = room()
    const { id } = await begun(there)
    await kindOf(there)
    await kindOf(there)
    assert.deepEqual(there.joins, [id, id])
  })

  it('get a message of their own when the answer takes longer than a second', async () => {
    const there = room()
    await begun(there)
    there.faults.next('readOperation', 'hangs')
    assert.equal(await kindOf(there), 'accepted')
    assert.equal(there.messages.length, 2)
  })

  it('get a message of their own when slot or row cannot be read, or there is no row', async () => {
    for (const name of ['readSlot', 'readOperation'] as const) {
      const there = room()
      await begun(there)
      there.faults.next(name, 'fails')
      assert.equal(await kindOf(there), 'accepted', name)
    }
    const withoutRow = room()
    withoutRow.faults.next('commit', 'fails')
    await begun(withoutRow)
    assert.equal(await kindOf(withoutRow), 'accepted')
  })

  it('get a message of their own, without a look, while the circuit breaker is open', async () => {
    const there = room()
    await begun(there)
    there.breaker.failed('storage failed')
    assert.equal(await kindOf(there), 'accepted')
    assert.equal(there.faults.calls('readOperation'), 0)
  })

  it('of another webhook, backend or after do not join; other spellings of the same do', async () => {
    const there = room()
    await begun(there)
    assert.equal((await there.finish(there.accept({}, { kind: 'webhook', webhook: 'other' }))).kind, 'accepted')
    assert.equal(await kindOf(there, { backend: aBackend({ backendId: 'other' }) }), 'accepted')
    assert.equal(await kindOf(there, { after: aDuration('PT10M') }), 'accepted')
    assert.equal(await kindOf(there, { after: aDuration('PT120S') }), 'joined')
    assert.equal(await kindOf(there, { backend: aBackend({ backendId: 'ORDERS' }) }), 'joined')
  })
})

describe('an operation that is not sent yet', () => {
  it('is shared for five minutes', async () => {
    const there = room()
    await begun(there)
    await there.clock.advance(5 * MINUTE_MS - 1)
    assert.equal(await kindOf(there), 'joined')
    await there.clock.advance(1)
    assert.equal(await kindOf(there), 'accepted')
  })

  it('is shared for a quarter of deliverWithin where that is shorter', async () => {
    const there = room({ deliverWithinMs: 4 * MINUTE_MS })
    await begun(there)
    await there.clock.advance(MINUTE_MS - 1)
    assert.equal(await kindOf(there), 'joined')
    await there.clock.advance(1)
    assert.equal(await kindOf(there), 'accepted')
  })

  it('is not shared if its delivery may join a reconnect from before this alert (9)', async () => {
    const there = room()
    await begun(there)
    there.schedule('other' as OperationId, 30_000)
    assert.equal(await kindOf(there), 'joined', 'that reconnect comes after both alerts')
    await there.clock.advance(40_000)
    assert.equal(await kindOf(there), 'accepted')
  })

  it('is shared while it waits for its next attempt', async () => {
    const there = room()
    const { id } = await begun(there)
    there.become(id, 'accepted', { generation: 3, error: { code: 'C', message: 'm' } })
    assert.equal(await kindOf(there), 'joined')
  })
})

describe('an operation that is being sent (9, F4)', () => {
  const setup = async (slotOf: (there: Room, id: OperationId) => Slot) => {
    const there = room()
    const { id } = await begun(there)
    there.become(id, 'accepted', { sendingBy: 'owner' })
    there.putSlot(slotOf(there, id))
    return there
  }
  const inFlight = (there: Room, operationId: OperationId, dueInMs: number): Slot => ({
    inFlight: {
      operationId,
      ownerToken: 'owner',
      leaseUntilEpochMs: there.clock.now() + 45_000,
      earliestDueEpochMs: there.clock.now() + dueInMs,
    },
  })

  it('is shared if the slot says that it is due after this alert', async () => {
    assert.equal(await kindOf(await setup((there, id) => inFlight(there, id, 1_000))), 'joined')
    assert.equal(await kindOf(await setup((there, id) => inFlight(there, id, 999))), 'accepted')
  })

  it('is not shared if the slot knows nothing of it', async () => {
    assert.equal(await kindOf(await setup(() => ({}))), 'accepted')
    assert.equal(await kindOf(await setup((there) => inFlight(there, 'other' as OperationId, 120_000))), 'accepted')
  })

  it('is shared if the slot has it as scheduled meanwhile, due after this alert', async () => {
    const scheduled = (dueInMs: number) =>
      setup((there, operationId): Slot => ({ scheduled: { operationId, dueEpochMs: there.clock.now() + dueInMs } }))
    assert.equal(await kindOf(await scheduled(1_000)), 'joined')
    assert.equal(await kindOf(await scheduled(999)), 'accepted')
  })

  it('is not shared after its due time, however short after is', async () => {
    for (const sendingBy of [{ sendingBy: 'owner' }, {}]) {
      const there = room()
      const after = aDuration('PT1S')
      const { id } = await begun(there, { after })
      // Another instance, whose clock is half a second behind, has sent it. The row was read before that, or says it.
      there.become(id, 'accepted', sendingBy)
      there.putSlot(inFlight(there, id, 500))
      await there.clock.advance(10_000)
      assert.equal(await kindOf(there, { after }), 'accepted')
    }
  })
})

describe('an operation that has ended', () => {
  it('by ARM’s acceptance is joined while it is scheduled and comes after this alert', async () => {
    const there = room()
    const { id } = await begun(there)
    there.become(id, 'forwarded')
    there.schedule(id, 120_000)
    await there.clock.advance(119_000)
    assert.equal(await kindOf(there), 'joined')
    await there.clock.advance(1)
    assert.equal(await kindOf(there), 'accepted')
  })

  it('by joining another one is joined while that one is scheduled', async () => {
    const there = room()
    const { id } = await begun(there)
    there.become(id, 'joined', { joined: 'other' as OperationId })
    there.schedule('other' as OperationId, 60_000)
    assert.equal(await kindOf(there), 'joined')
  })

  it('is not joined where another reconnect counts by now, or is due later than the alert asks for', async () => {
    const there = room()
    const { id } = await begun(there)
    there.become(id, 'forwarded')
    there.schedule('other' as OperationId, 60_000)
    assert.equal(await kindOf(there), 'accepted')
    const late = room()
    const first = await begun(late)
    late.become(first.id, 'forwarded')
    late.schedule(first.id, 200_000)
    assert.equal(await kindOf(late), 'accepted')
  })

  it('is not joined where the slot is empty', async () => {
    const there = room()
    const { id } = await begun(there)
    there.become(id, 'forwarded')
    assert.equal(await kindOf(there), 'accepted')
  })

  it('by the loop guard is joined for a minute: an operation of its own would end the same way', async () => {
    const there = room()
    const { id } = await begun(there)
    there.become(id, 'exhausted')
    await there.clock.advance(MINUTE_MS - 1)
    const acceptance = await there.finish(there.accept())
    assert.ok(acceptance.kind === 'joined' && acceptance.operation.state === 'exhausted')
    await there.clock.advance(1)
    assert.equal(await kindOf(there), 'accepted')
  })

  it('without a reconnect is not joined', async () => {
    for (const state of ['failed', 'abandoned', 'dry-run'] as const) {
      const there = room()
      const { id } = await begun(there)
      there.become(id, state)
      there.schedule(id, 60_000)
      assert.equal(await kindOf(there), 'accepted', state)
    }
  })

  it('is left by all alerts that find it uncovering: they share the next one', async () => {
    const there = room({ latencyMs: 50 })
    const { id } = await begun(there)
    there.become(id, 'failed')
    const kinds = (await there.finish(Promise.all(Array.from({ length: 20 }, () => there.accept())))).map(
      ({ kind }) => kind,
    )
    assert.deepEqual([kinds.filter((kind) => kind === 'accepted').length, there.messages.length], [1, 2])
  })
})

describe('memory', () => {
  it('has ten thousand backends, and the oldest are forgotten first', async () => {
    const there = room()
    const backendOf = (index: number) => ({ backend: aBackend({ backendId: `b-${index}` }) })
    for (let index = 0; index <= 10_000; index += 1) await there.accept(backendOf(index))
    assert.equal(await kindOf(there, backendOf(10_000)), 'joined')
    assert.equal(await kindOf(there, backendOf(1)), 'joined')
    assert.equal(await kindOf(there, backendOf(0)), 'accepted')
    assert.equal(there.messages.length, 10_002)
  })
})
