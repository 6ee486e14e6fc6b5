/** Contract, section 6, "Storage down": the reconnect route still forwards, since an incident is no time to refuse. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { startStorageProxy, type StorageMood, type StorageProxy } from '../support/storage-proxy.ts'
import { assertRefused, DEFAULT_DEADLINE_MS, startConversation, type Conversation, type Heard } from './conversation.ts'
import { AFTER, DRY_RUN, FORCE, outcomesOf, storageAccount, told } from './places.ts'

const AWAY: readonly StorageMood[] = ['refuse', 'hang', 'busy']
/** An instance that found storage away does not wait for it again for so long, nor does /health/ready ask. */
const REST_MS = 5_000
/** Calls that a process makes to find out that storage is away, retries and the host's own included. Far fewer than one for each request. */
const FEW_CALLS = 20

interface Scene {
  readonly room: Conversation
  readonly storage: StorageProxy
  asked(): number
}

async function aScene(t: TestContext, env: Readonly<Record<string, string>> = {}): Promise<Scene> {
  const storage = await startStorageProxy(await storageAccount(t))
  t.after(() => storage.stop())
  const room = await startConversation(t, { storage: storage.connectionString, env })
  return { room, storage, asked: () => room.reached().arm }
}

function assertNotRecorded(answer: Heard, outcome: string): void {
  assert.deepEqual(
    [
      told(answer).outcome,
      answer.headers['x-reconnect-warning'],
      answer.headers['location'],
      answer.headers['retry-after'],
    ],
    [outcome, 'not-recorded', undefined, undefined],
  )
  assert.match(told(answer).operation, /./, 'the audit event is found by it')
}

async function ready(room: Conversation): Promise<{ status: number; storage: unknown }> {
  const answer = await room.get('/health/ready')
  const { checks } = answer.json() as { checks: readonly { name: string; status: string }[] }
  return { status: answer.status, storage: checks.find(({ name }) => name === 'storage')?.status }
}

/** Nearly all of it is waiting. */
describe('storage is away', { concurrency: 4 }, () => {
  it('reading and dry runs end when storage hangs and the deadline is shorter than a list may take', async (t) => {
    const { room, storage } = await aScene(t, { RECONNECT_DEADLINE_SECONDS: '3' })
    await storage.become('hang')
    const [list, dryRun] = await Promise.all([
      room.get('/operations', { authorization: `Bearer ${room.sandbox.info.tokens.operator}` }),
      room.reconnect({ headers: { 'x-reconnect-dry-run': 'true' } }),
    ])
    assert.deepEqual([list.status, list.headers['x-ms-error-code']], [503, 'ServiceUnavailable'])
    assertNotRecorded(dryRun, 'dry-run')
    assert.ok(dryRun.tookMs < DEFAULT_DEADLINE_MS, `took ${dryRun.tookMs} ms with a deadline of 3 s`)
  })

  for (const mood of AWAY) {
    it(`storage that is away from the beginning (${mood}): 202 forwarded, not-recorded, no Location, and later requests join within the process`, async (t) => {
      const { room, storage, asked } = await aScene(t)
      await storage.become(mood)
      const answer = await room.reconnect()
      assertNotRecorded(answer, 'forwarded')
      const answeredAt = performance.now()
      const calls = storage.calls()
      const { outcome, notRecorded, operationId } = await room.decision(answer)
      assert.deepEqual(
        { outcome, notRecorded, operationId },
        { outcome: 'forwarded', notRecorded: true, operationId: told(answer).operation },
      )
      const next = await room.reconnect()
      assertNotRecorded(next, 'joined')
      assert.deepEqual([told(next).due, asked()], [told(answer).due, 1])
      // The rest is a time of the product: on a machine that was stopped for longer, storage may be asked again.
      if (performance.now() - answeredAt < REST_MS)
        assert.equal(storage.calls(), calls, 'the next request does not wait for storage')
    })

    it(`storage that is away, and a short deadline (${mood}): the request ends, and is forwarded`, async (t) => {
      const { room, storage, asked } = await aScene(t, { RECONNECT_DEADLINE_SECONDS: '10' })
      await storage.become(mood)
      const answer = await room.reconnect()
      assertNotRecorded(answer, 'forwarded')
      assert.equal(asked(), 1)
      assert.ok(answer.tookMs < DEFAULT_DEADLINE_MS, `took ${answer.tookMs} ms with a deadline of 10 s`)
    })

    it(`storage that goes away while ARM is asked (${mood}): 202, one call to ARM`, async (t) => {
      const { room, storage, asked } = await aScene(t, { RECONNECT_DEADLINE_SECONDS: '15' })
      room.sandbox.azure.faults.set([{ target: 'arm', kind: 'slow', delayMs: 1_000, times: 1 }])
      const reconnect = room.reconnect()
      while (asked() === 0) await delay(5)
      await storage.become(mood)
      const answer = await reconnect
      assertNotRecorded(answer, 'forwarded')
      assert.ok(answer.tookMs < DEFAULT_DEADLINE_MS, `took ${answer.tookMs} ms with a deadline of 15 s`)
      assertNotRecorded(await room.reconnect(), 'joined')
      assert.equal(asked(), 1)
    })
  }

  for (const mood of AWAY) {
    it(`a storm while storage is away (${mood}) costs ARM one call, and storage a few`, async (t) => {
      const { room, storage, asked } = await aScene(t, { RECONNECT_DEADLINE_SECONDS: '20' })
      await storage.become(mood)
      const answers = await Promise.all(Array.from({ length: 200 }, () => room.reconnect()))
      assert.deepEqual([outcomesOf(answers), asked()], [{ forwarded: 1, joined: 199 }, 1])
      assert.ok(answers.every(({ headers }) => headers['x-reconnect-warning'] === 'not-recorded'))
      assert.ok(storage.calls() < FEW_CALLS, `${storage.calls()} calls`)
    })
  }

  it('a storm on what is scheduled, when storage hangs, costs storage a few calls and not one for each request', async (t) => {
    const { room, storage, asked } = await aScene(t)
    told(await room.reconnect())
    await storage.become('hang')
    const before = storage.calls()
    const answers = await Promise.all(Array.from({ length: 500 }, () => room.reconnect()))
    assert.deepEqual([outcomesOf(answers), asked()], [{ joined: 500 }, 1])
    assert.ok(storage.calls() - before < FEW_CALLS, `${storage.calls() - before} calls`)
  })

  it('without storage a process asks ARM once per due time: a shorter after and force are forwarded, the same is not', async (t) => {
    const { room, storage, asked } = await aScene(t)
    await storage.become('refuse')
    assertNotRecorded(await room.reconnect(AFTER('PT10M')), 'forwarded')
    assertNotRecorded(await room.reconnect(AFTER('PT10M')), 'joined')
    assertNotRecorded(await room.reconnect(AFTER('PT5M')), 'forwarded')
    assertNotRecorded(await room.reconnect(AFTER('PT5M')), 'joined')
    assertNotRecorded(await room.reconnect({ ...AFTER('PT5M'), ...FORCE }), 'forwarded')
    assertNotRecorded(await room.reconnect(DRY_RUN), 'dry-run')
    assert.equal(asked(), 3)
  })

  it('a failure while storage is away is answered as ever, and no request joins it', async (t) => {
    const { room, storage, asked } = await aScene(t)
    await storage.become('refuse')
    room.sandbox.azure.faults.set([{ target: 'arm', kind: '409', times: 1 }])
    const failed = await room.reconnect()
    assertRefused(failed, 409, 'Conflict')
    assert.equal(failed.headers['x-reconnect-warning'], 'not-recorded')
    assertNotRecorded(await room.reconnect(), 'forwarded')
    assert.equal(asked(), 2)
  })

  it('permission is needed while storage is away, as ever', async (t) => {
    const { room, storage, asked } = await aScene(t)
    await storage.become('refuse')
    assertRefused(await room.reconnect({ as: 'stranger' }), 403, 'AuthorizationFailed')
    assertRefused(await room.reconnect({ as: 'tool', ...FORCE }), 403, 'AuthorizationFailed')
    assertRefused(await room.reconnect({ as: null }), 401, 'AuthenticationFailed')
    assert.equal(asked(), 0)
  })

  it('both warnings, after-below-minimum and not-recorded, are in one answer', async (t) => {
    const { room, storage } = await aScene(t)
    await storage.become('refuse')
    const { headers } = await room.reconnect(AFTER('PT3S'))
    assert.equal(headers['x-reconnect-warning'], 'after-below-minimum, not-recorded')
  })

  for (const mood of AWAY) {
    it(`/operations answers 503 with Retry-After, after authentication (${mood})`, async (t) => {
      const { room, storage } = await aScene(t)
      const { operation } = told(await room.reconnect())
      await storage.become(mood)
      for (const path of [
        '/operations',
        `/operations?backend=${room.sandbox.info.backends[0]}`,
        `/operations/${operation}`,
      ]) {
        const answer = await room.get(path, { authorization: `Bearer ${room.sandbox.info.tokens.operator}` })
        assert.deepEqual([answer.status, answer.headers['x-ms-error-code']], [503, 'ServiceUnavailable'], answer.text)
        assert.match(String(answer.headers['retry-after']), /^[1-9][0-9]*$/)
        assert.doesNotMatch(
          answer.text,
          /127\.0\.0\.1|sandbox[0-9]|ServerBusy|ECONN/,
          'what storage said goes to the log only',
        )
        assert.equal((await room.get(path)).status, 401)
      }
    })

    it(`/health/ready answers 503 and names storage (${mood}); back again, it is ready`, async (t) => {
      const { room, storage } = await aScene(t)
      await storage.become(mood)
      assert.deepEqual(await ready(room), { status: 503, storage: 'fail' })
      assert.equal((await room.get('/health/live')).status, 200)
      await storage.become('up')
      await delay(REST_MS + 100)
      await room.untilReady()
    })
  }
})

describe('storage is back again', { concurrency: 4 }, () => {
  for (const mood of AWAY) {
    it(`operations are recorded again when storage is back (${mood})`, async (t) => {
      const { room, storage, asked } = await aScene(t)
      const before = told(await room.reconnect(AFTER('PT10M')))
      await storage.become(mood)
      assertNotRecorded(await room.reconnect(AFTER('PT5M')), 'forwarded')
      await storage.become('up')
      await delay(REST_MS + 2_000)
      const answer = await room.reconnect(AFTER('PT1M'))
      assert.deepEqual(
        [told(answer).outcome, answer.headers['x-reconnect-warning'], asked()],
        ['forwarded', 'after-below-minimum', 3],
      )
      const authorization = { authorization: `Bearer ${room.sandbox.info.tokens.operator}` }
      assert.equal((await room.get(String(answer.headers['location']), authorization)).status, 200)
      const { value } = (
        await room.get(`/operations?backend=${room.sandbox.info.backends[0]}`, authorization)
      ).json() as { value: readonly { id: string; state: string }[] }
      assert.deepEqual(
        value.map(({ id }) => id),
        [told(answer).operation, before.operation],
        'what was not recorded is not there',
      )
    })
  }
})
