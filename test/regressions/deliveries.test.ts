/** Contract, section 5: accepted means delivered or reported, whatever ARM asks for and however slow the queue is. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { isFinal, operationWhen, type Posted } from '../conformance/senders.ts'
import {
  becomes,
  effects,
  eventsAbout,
  fire,
  messagesIn,
  POISON_QUEUE,
  POLICY,
  putMessage,
  QUEUE,
  startScene,
  until,
  type Scene,
} from '../support/scene.ts'

/** Contract, section 5: no delivery waits longer for its next try. */
const MAX_WAIT_MS = 15 * 60_000
/** Contract, section 5: no answer of ARM stops a subscription longer. Deliveries that were stopped together may be spread over a few seconds more. */
const MAX_STOP_MS = 5 * 60_000 + 10_000

/** The queue is slow for so long: the message is delivered again half a dozen times. */
const SLOW_MS = 20_000
/** An attempt to store a message whose answer is lost may leave a copy behind: one for each delivery, and no more. */
const MAX_COPIES = 8

function operationOf(posted: Posted): string {
  assert.deepEqual([posted.status, posted.alerts[0]?.outcome], [202, 'accepted'], posted.text)
  return posted.alerts[0]?.operation as string
}

const PUTS = { service: 'queue', name: QUEUE, about: 'messages', method: 'POST' } as const
const deferrals = ({ room }: Scene, id: string) => eventsAbout(room, id).filter(({ outcome }) => outcome === 'deferred')

/** Nearly all of it is waiting. */
describe('deliveries', { concurrency: 4 }, () => {
  describe('ARM asks to wait for a day', () => {
    it('the delivery waits 15 minutes at most, and another backend of the subscription 5; each put-off is an audit event', async (t) => {
      const scene = await startScene(t)
      const { room, storage } = scene
      const [throttled, other] = [room.freshBackend(), room.freshBackend()]
      const { faults } = room.sandbox.azure
      faults.add({ target: 'arm', kind: '429', retryAfter: '86400', scope: throttled, times: 1 })
      const first = operationOf(await fire(room, throttled))
      await until('the first delivery is put off', () => deferrals(scene, first).length > 0)
      const second = operationOf(await fire(room, other))
      await until(
        'the other alert is delivered, or its put-off is recorded',
        () => effects(room, other) > 0 || deferrals(scene, second).length > 0,
      )
      const waits = (id: string) => deferrals(scene, id).map(({ delayMs }) => Number(delayMs))
      assert.ok(Math.max(...waits(first)) <= MAX_WAIT_MS, `${waits(first).join()} ms`)
      assert.ok(Math.max(0, ...waits(second)) <= MAX_STOP_MS, `${waits(second).join()} ms`)
      const hidden = storage.calls(PUTS).map(({ query }) => Number(query.get('visibilitytimeout') ?? 0) * 1_000)
      assert.ok(Math.max(...hidden) <= MAX_WAIT_MS, `hidden for ${hidden.join()} ms`)
      assert.equal((await operationWhen(room, first, () => true)).state, 'accepted')
    })

    it('a 503 that asks for a day is put off 15 minutes at most', async (t) => {
      const scene = await startScene(t)
      const backend = scene.room.freshBackend()
      scene.room.sandbox.azure.faults.add({
        target: 'arm',
        kind: '503',
        retryAfter: '86400',
        scope: backend,
        times: 1,
      })
      const id = operationOf(await fire(scene.room, backend))
      await until('the delivery is put off', () => deferrals(scene, id).length > 0)
      const waits = deferrals(scene, id).map(({ delayMs }) => Number(delayMs))
      assert.ok(Math.max(...waits) <= MAX_WAIT_MS, `${waits.join()} ms`)
    })
  })

  describe('an alert that waits for the write budget of its subscription', () => {
    it('is delivered, and each put-off before it is an audit event', async (t) => {
      const scene = await startScene(t)
      const { room, storage } = scene
      const [throttled, other] = [room.freshBackend(), room.freshBackend()]
      room.sandbox.azure.faults.add({ target: 'arm', kind: '429', retryAfter: '4', scope: throttled, times: 1 })
      const first = operationOf(await fire(room, throttled))
      await until('the first delivery is put off', () => deferrals(scene, first).length > 0)
      const before = storage.calls(PUTS).length
      const second = operationOf(await fire(room, other))
      await operationWhen(room, second, isFinal)
      // The first message is the accepted alert's own; an answer that is lost may store one twice.
      const puts = storage.calls(PUTS).slice(before)
      const putOffs = puts.filter(({ body }) => decoded(body).includes(second)).length - 1
      const events = deferrals(scene, second).length
      assert.ok(putOffs === 0 || (events >= 1 && events <= putOffs), `${putOffs} put-offs, ${events} events`)
      assert.equal(eventsAbout(room, second).filter(({ outcome }) => outcome === 'forwarded').length, 1)
    })
  })

  describe('copies of a message', () => {
    it('do not multiply while the queue is slow', async (t) => {
      const { room, storage } = await startScene(t, { queues: { visibilityTimeout: '00:00:02' } })
      const backend = room.freshBackend()
      const { faults } = room.sandbox.azure
      faults.add({ target: 'arm', kind: '503', retryAfter: '60', scope: backend })
      const id = operationOf(await fire(room, backend))
      // Every message is stored at once, and answered after who stored it has given up.
      storage.add(PUTS, { kind: 'slow-answer', delayMs: 12_000 })
      let most = 0
      const multiplied = await becomes(async () => {
        most = Math.max(most, await messagesIn(storage, QUEUE))
        return most > MAX_COPIES
      }, SLOW_MS)
      assert.equal(multiplied, false, `${most} messages for one alert`)
      assert.deepEqual([effects(room, backend), await messagesIn(storage, POISON_QUEUE)], [0, 0])
      assert.equal((await operationWhen(room, id, () => true)).state, 'accepted')
    })
  })

  describe('the loop guard', () => {
    it('counts sends whose outcome is unknown: no more take effect than the limit', async (t) => {
      const limits = { perBackend: { count: 2, window: 'PT1H' } }
      const { room } = await startScene(t, { policy: { ...POLICY, limits } })
      const backend = room.freshBackend()
      room.sandbox.azure.faults.add({ target: 'arm', kind: 'reset-after', scope: backend })
      const id = operationOf(await fire(room, backend))
      let state = 'accepted'
      await becomes(async () => {
        ;({ state } = await operationWhen(room, id, () => true))
        return state !== 'accepted' || effects(room, backend) > 2
      })
      assert.deepEqual([effects(room, backend), state], [2, 'exhausted'])
    })
  })

  describe('a message of a webhook that the policy no longer has', () => {
    it('reconnects nothing, also where a grant to that name is left', async (t) => {
      const grants = [...POLICY.grants, { ...POLICY.grants.at(-1), principal: 'webhook:removed' }]
      const own = await startScene(t, { policy: POLICY })
      const { room, storage } = own
      const backend = room.freshBackend()
      // An id of an operation of this backend, as only the app can make one.
      room.sandbox.azure.faults.add({ target: 'arm', kind: '409', scope: backend, times: 1 })
      const answer = await room.reconnect({ backend })
      const { operationId } = await room.decision(answer)
      await room.sandbox.app.stop()
      const from = room.sandbox.logs.length
      const another = await room.sandbox.startAnother({ RECONNECT_POLICY: JSON.stringify({ ...POLICY, grants }) })
      const correlation = randomUUID()
      await putMessage(storage, QUEUE, {
        version: 1,
        operation: otherOperation(String(operationId)),
        backend,
        webhook: 'removed',
        acceptedAt: new Date().toISOString(),
        tries: 0,
        correlation,
      })
      const logged = () =>
        room.sandbox.logs.slice(from).some(({ functionName }) => functionName === 'reconnect-deliver')
      // An app with a bad configuration may leave the message alone.
      await becomes(logged, 10_000)
      await delay(500)
      await another.stop()
      assert.equal(effects(room, backend), 0)
    })
  })
})

/** The same backend and time, and other random bytes. */
function otherOperation(id: string): string {
  const bytes = Buffer.from(id, 'base64url')
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 1
  return bytes.toString('base64url')
}

/** The text of a queue message stands in XML, as Base64. */
function decoded(body: string): string {
  const [, text = ''] = /<MessageText>([^<]*)</.exec(body) ?? []
  return Buffer.from(text, 'base64').toString('utf8')
}
