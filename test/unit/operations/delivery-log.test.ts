/** Deliveries that did not act: one write a second at most, nothing lost without being counted, the last hundred. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { UnactedDelivery } from '../../../src/domain/unacted-delivery.ts'
import { createDeliveryLog, SHOWN } from '../../../src/operations/delivery-log.ts'
import { createFakeClock } from '../../support/fake-clock.ts'
import { createMemoryLists, createMemoryOperatorStore } from '../../support/memory-operator-store.ts'

const DAY_MS = 86_400_000

function aRoom(webhooks: readonly string[] = ['w', 'v']) {
  const clock = createFakeClock()
  const lists = createMemoryLists(clock.now)
  const warnings: string[] = []
  const writtenAt: number[] = []
  const store = createMemoryOperatorStore(lists)
  const log = createDeliveryLog({
    store: {
      ...store,
      writeDeliveries: (...args) => (writtenAt.push(clock.now()), store.writeDeliveries(...args)),
      trimDeliveries: (...args) => (writtenAt.push(clock.now()), store.trimDeliveries(...args)),
    },
    webhooks: new Set(webhooks),
    clock,
    log: { info: () => undefined, warn: (line) => warnings.push(line), error: () => undefined },
  })
  const reasons = async (webhook = 'w'): Promise<readonly unknown[]> =>
    (await log.list(webhook)).map(({ reason, omitted }) => (omitted === undefined ? reason : [reason, omitted]))
  const note = (reason: string, outcome: UnactedDelivery['outcome'] = 'unmatched', webhook = 'w'): void =>
    log.note(webhook, { outcome, reason })
  return { clock, lists, log, warnings, writtenAt, reasons, note }
}

/** Entries and what they say was left out. */
function counted(deliveries: readonly UnactedDelivery[]): number {
  return deliveries.reduce((sum, { omitted = 0 }) => sum + 1 + omitted, 0)
}

describe('an entry', () => {
  it('has its time and what is known, and is written at once', async () => {
    const { clock, log } = aRoom()
    log.note('w', { outcome: 'denied', reason: 'r', alertRule: 'rule', alertId: 'id', backend: '/b' })
    await clock.advance(0)
    assert.deepEqual(await log.list('w'), [
      {
        at: new Date(clock.now()).toISOString(),
        outcome: 'denied',
        reason: 'r',
        alertRule: 'rule',
        alertId: 'id',
        backend: '/b',
      },
    ])
  })

  it('has a reason of a bounded length', async () => {
    const { clock, log, note } = aRoom()
    note('x'.repeat(10_000))
    await clock.advance(0)
    assert.equal((await log.list('w'))[0]?.reason?.length, 512)
  })

  it('of a webhook that the policy does not have is not written', async () => {
    const { clock, lists, note } = aRoom()
    note('r', 'unauthenticated', 'unknown')
    await clock.advance(5_000)
    assert.deepEqual(lists.calls, [])
  })
})

describe('in a storm', () => {
  it('there is one write a second, and every delivery is listed or counted', async () => {
    const { clock, lists, log, writtenAt } = aRoom()
    for (let turn = 0; turn < 300; turn += 1) {
      for (let index = 0; index < 100; index += 1) log.note('w', { outcome: 'resolved' })
      await clock.advance(100)
    }
    assert.ok(writtenAt.length <= 31, `${writtenAt.length} writes in 30 s`)
    const gaps = writtenAt.slice(1).map((at, index) => at - (writtenAt[index] as number))
    assert.ok(Math.min(...gaps) >= 1_000, `${Math.min(...gaps)} ms between two writes`)
    await clock.advance(5_000)
    log.note('w', { outcome: 'resolved', reason: 'last' })
    await clock.advance(5_000)
    const written = [...(lists.deliveries.get('w')?.values() ?? [])]
    assert.ok(written.length < 400)
    const [last] = await log.list('w')
    assert.ok(last?.reason === 'last' && (last.omitted ?? 0) > 0, 'the next entry says how many were left out')
  })

  it('the next entry says how many were left out', async () => {
    const { clock, note, reasons } = aRoom()
    for (let index = 1; index <= 25; index += 1) note(String(index))
    await clock.advance(10_000)
    note('next')
    await clock.advance(10_000)
    assert.deepEqual((await reasons())[0], ['next', 15])
    assert.equal((await reasons()).length, 11)
  })

  it('all webhooks together have one write a second, in turn', async () => {
    const { clock, note, reasons, writtenAt } = aRoom()
    for (const webhook of ['w', 'v']) for (let index = 0; index < 3; index += 1) note(String(index), 'denied', webhook)
    await clock.advance(999)
    assert.deepEqual([(await reasons('w')).length, (await reasons('v')).length], [3, 0])
    await clock.advance(1)
    assert.deepEqual([(await reasons('v')).length, writtenAt.length], [3, 2])
  })

  it('those that cannot prove themselves do not take the places of the sender', async () => {
    const { clock, note, reasons } = aRoom()
    for (let index = 0; index < 1_000; index += 1) note('forged', 'unauthenticated')
    note('mine')
    await clock.advance(1_000)
    assert.deepEqual(await reasons(), [['mine', 999], 'forged'])
  })

  it('no timer is left behind', async () => {
    const { clock, note } = aRoom()
    note('r')
    await clock.advance(60_000)
    assert.equal(clock.sleeping(), 0)
  })
})

describe('what is kept', () => {
  it('is the last hundred, in storage too', async () => {
    const { clock, lists, log, note } = aRoom()
    for (let index = 0; index < 600; index += 1) {
      note(String(index))
      await clock.advance(1_000)
    }
    await clock.advance(10_000)
    const listed = await log.list('w')
    assert.deepEqual([listed.length, listed[0]?.reason], [SHOWN, '599'])
    assert.ok((lists.deliveries.get('w')?.size ?? 0) < SHOWN + 60, 'older rows are removed')
  })

  it('is shown for seven days', async () => {
    const { clock, log, note } = aRoom()
    note('r')
    await clock.advance(7 * DAY_MS - 1_000)
    assert.equal((await log.list('w')).length, 1)
    await clock.advance(2_000)
    assert.equal((await log.list('w')).length, 0)
  })
})

describe('storage is away', () => {
  it('the deliveries are lost, counted, and said in the log', async () => {
    const { clock, lists, log, note, warnings } = aRoom()
    lists.fault = new Error('away')
    note('1')
    note('2')
    await clock.advance(2_000)
    assert.match(warnings[0] ?? '', /deliveries are not listed/)
    lists.fault = undefined
    note('3')
    await clock.advance(2_000)
    const listed = await log.list('w')
    assert.deepEqual([listed.length, counted(listed)], [1, 3])
  })

  it('and reading rejects', async () => {
    const { lists, log } = aRoom()
    lists.fault = new Error('away')
    await assert.rejects(log.list('w'))
  })
})
