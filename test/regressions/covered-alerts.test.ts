/** Contract, sections 5 and 6: an alert joins only what still comes, and what a caller waited for is joined. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Conversation } from '../conformance/conversation.ts'
import { AFTER, told } from '../conformance/places.ts'
import { isFinal, operationWhen, type Posted, type ShownOperation } from '../conformance/senders.ts'
import type { FaultEffect } from '../support/faulty-storage.ts'
import {
  effects,
  effectsReach,
  fire,
  HISTORY_TABLE,
  reconnectAt,
  PATIENCE_MS,
  QUEUE,
  startScene,
  until,
  type Sender,
} from '../support/scene.ts'

/** A few seconds, so that an instance that rests after a failure of storage does not outlast a test. */
const env = { RECONNECT_DEADLINE_SECONDS: '10' }

/** One scene for each test that breaks storage for the whole app; they run beside each other. */
const scenes = await Promise.all(Array.from({ length: 5 }, () => startScene({ after }, { env })))
const take = () => scenes.shift() ?? assert.fail('no scene is left')
const { room } = take()
const another = await room.sandbox.startAnother()

function operationOf(posted: Posted): string {
  assert.deepEqual([posted.status, posted.alerts[0]?.outcome], [202, 'accepted'], posted.text)
  return posted.alerts[0]?.operation as string
}

/** The alert was queued, and when its delivery ended, so many reconnects of the backend had been sent. */
async function assertDelivered(room: Conversation, backend: string, id: string, sent: number): Promise<void> {
  const end = await operationWhen(room, id, isFinal, PATIENCE_MS)
  assert.equal(effects(room, backend), sent, `the alert ended as ${JSON.stringify(end)}`)
}

/** When the operation was due by what it says, and a little more, so that nothing is left of it. */
async function untilDuePassed(operation: ShownOperation): Promise<void> {
  const dueEpochMs = Date.parse(String(operation['due']))
  assert.ok(dueEpochMs > 0, JSON.stringify(operation))
  while (Date.now() <= dueEpochMs + 100) await delay(50)
}

describe('an alert that comes after the covering reconnect was due', { concurrency: 4 }, () => {
  const AWAY: readonly (readonly [string, FaultEffect])[] = [
    ['while the tables fail', { kind: 'busy' }],
    ['while the tables hang', { kind: 'hang' }],
  ]
  for (const [climate, effect] of AWAY) {
    const { room, storage } = take()
    it(`is queued, even ${climate}`, async () => {
      const backend = room.freshBackend()
      const first = operationOf(await fire(room, backend))
      await untilDuePassed(await operationWhen(room, first, isFinal, PATIENCE_MS))
      assert.equal(effects(room, backend), 1)
      storage.add({ service: 'table' }, effect)
      const before = storage.calls({ service: 'queue', name: QUEUE, about: 'messages', method: 'POST' }).length
      const second = operationOf(await fire(room, backend))
      assert.notEqual(second, first, 'it was answered as covered by a reconnect that is over')
      const puts = storage.calls({ service: 'queue', name: QUEUE, about: 'messages', method: 'POST' }).slice(before)
      assert.ok(puts.length >= 1, 'no message was stored')
      storage.clear()
      await assertDelivered(room, backend, second, 2)
    })
  }

  it('is queued, also in the seconds after one call to the tables has failed', async () => {
    const { room, storage } = take()
    const backend = room.freshBackend()
    const first = operationOf(await fire(room, backend))
    await untilDuePassed(await operationWhen(room, first, isFinal, PATIENCE_MS))
    const lost = storage.add({ name: HISTORY_TABLE, write: true }, { kind: 'lose-answer' }, { times: 1 })
    await room.reconnect({ backend: room.freshBackend() })
    await until('the answer was lost', () => lost.met() === 1)
    const second = operationOf(await fire(room, backend))
    assert.notEqual(second, first, 'it was answered as covered by a reconnect that is over')
    await assertDelivered(room, backend, second, 2)
  })

  it('is queued, also when the end of that reconnect could not be written down in time', async () => {
    const { room, storage } = take()
    const backend = room.freshBackend()
    const { faults } = room.sandbox.azure
    faults.add({ target: 'arm', kind: 'slow', delayMs: 500, scope: backend, times: 1 })
    const first = operationOf(await fire(room, backend))
    await until('ARM is asked', () => room.armReceived(backend).length === 1)
    const away = storage.add({ service: 'table', write: true }, { kind: 'busy' })
    await effectsReach(room, backend, 1)
    await until('a row could not be written', () => away.met() > 0)
    // ARM has done it a second after it was asked; the row may still say that nothing was sent.
    await delay(1_500)
    away.lift()
    const second = operationOf(await fire(room, backend))
    assert.notEqual(second, first, 'it was answered as covered by a reconnect that is over')
    await assertDelivered(room, backend, second, 2)
  })
})

describe('a reconnect that a sooner one has replaced', { concurrency: 4 }, () => {
  it('is not joined by the instance that sent it: both instances tell the same due time', async () => {
    const backend = room.freshBackend()
    assert.equal(told(await room.reconnect({ backend, ...AFTER('PT10M') })).outcome, 'forwarded')
    const sooner = told(await reconnectAt(room, another, backend, AFTER('PT5M')))
    assert.equal(sooner.outcome, 'forwarded')
    const [here, there] = await Promise.all([
      room.reconnect({ backend, ...AFTER('PT15M') }),
      reconnectAt(room, another, backend, AFTER('PT15M')),
    ])
    assert.deepEqual([told(here).due, told(there).due], [sooner.due, sooner.due])
  })

  it('is not joined by the instance that sent it once the sooner one is over', async () => {
    const backend = room.freshBackend()
    assert.equal(told(await room.reconnect({ backend, ...AFTER('PT10M') })).outcome, 'forwarded')
    const sooner = told(await reconnectAt(room, another, backend, AFTER('PT1S')))
    while (Date.now() <= Date.parse(sooner.due) + 100) await delay(50)
    assert.equal(told(await room.reconnect({ backend, ...AFTER('PT10M') })).outcome, 'forwarded')
    assert.equal(room.armReceived(backend).length, 3)
  })

  it('is not joined by later alerts of the webhook that asked for it once the sooner one is over', async () => {
    const backend = room.freshBackend()
    const sender: Sender = 'patient'
    const first = operationOf(await fire(room, backend, { sender }))
    assert.equal((await operationWhen(room, first, isFinal, PATIENCE_MS)).state, 'forwarded')
    // The webhook learns how its operation ended.
    operationOf(await fire(room, backend, { sender }))
    const sooner = told(await reconnectAt(room, another, backend, AFTER('PT1S')))
    while (Date.now() <= Date.parse(sooner.due) + 1_100) await delay(50)
    const later = operationOf(await fire(room, backend, { sender }))
    assert.notEqual(later, first, 'it was answered as covered by a reconnect that was replaced')
    await assertDelivered(room, backend, later, 3)
  })
})

describe('who waited for a reconnect', { concurrency: 4 }, () => {
  it('joins it, however short after is: 30 requests at once are one POST', async () => {
    const backend = room.freshBackend()
    room.sandbox.azure.faults.add({ target: 'arm', kind: 'slow', delayMs: 2_500, scope: backend, times: 1 })
    const answers = await Promise.all(Array.from({ length: 30 }, () => room.reconnect({ backend, ...AFTER('PT1S') })))
    const outcomes = answers.map((answer) => told(answer).outcome).toSorted()
    assert.deepEqual([room.armReceived(backend).length, outcomes[0], outcomes[1]], [1, 'forwarded', 'joined'])
  })

  it('joins it on another instance too', async () => {
    const backend = room.freshBackend()
    room.sandbox.azure.faults.add({ target: 'arm', kind: 'slow', delayMs: 2_500, scope: backend, times: 1 })
    const first = room.reconnect({ backend, ...AFTER('PT1S') })
    await until('ARM is asked', () => room.armReceived(backend).length === 1)
    const others = await Promise.all(
      Array.from({ length: 5 }, () => reconnectAt(room, another, backend, AFTER('PT1S'))),
    )
    const outcomes = [await first, ...others].map((answer) => told(answer).outcome)
    assert.deepEqual(
      [room.armReceived(backend).length, ...outcomes],
      [1, 'forwarded', 'joined', 'joined', 'joined', 'joined', 'joined'],
    )
  })

  it('is covered by a reconnect that was sent after the alert came: one outage that two instances hear of is one reconnect', async () => {
    const backend = room.freshBackend()
    const { faults } = room.sandbox.azure
    for (const retryAfter of ['2', '6'])
      faults.add({ target: 'arm', kind: '503', retryAfter, scope: backend, times: 1 })
    const posted = [
      await fire(room, backend, { sender: 'first' }),
      await fire(room, backend, { sender: 'second', at: another }),
    ]
    const ends = await Promise.all(posted.map((each) => operationWhen(room, operationOf(each), isFinal, PATIENCE_MS)))
    const sent = new Set(ends.filter(({ state }) => state === 'forwarded').map(({ id }) => id))
    assert.deepEqual([effects(room, backend), sent.size], [1, 1])
    assert.ok(
      ends.every(({ state }) => state === 'forwarded' || state === 'joined'),
      JSON.stringify(ends),
    )
  })
})
