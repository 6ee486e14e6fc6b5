import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeJwt } from 'jose'
import type { Fault } from '../../sandbox/azure/faults.ts'
import { azureRoom } from './azure-room.ts'

const room = azureRoom()

for (const [target, ask] of [
  ['identity', () => room.askIdentity],
  ['issuer', () => room.askIssuer],
] as const) {
  describe(`faults of the ${target === 'identity' ? 'managed-identity endpoint' : 'token issuer'}`, () => {
    const set = (fault: Omit<Fault, 'target'>) => room.azure.faults.set([{ target, ...fault }])

    for (const kind of ['400', '404', '429', '500', '503']) {
      it(`${kind} answers with that status, and Retry-After if told so`, async () => {
        set({ kind, retryAfter: '3' })
        const answer = await ask()()
        assert.deepEqual([answer.status, answer.headers['retry-after']], [Number(kind), '3'])
      })
    }

    it('hang never answers', async () => {
      set({ kind: 'hang' })
      await assert.rejects(ask()(AbortSignal.timeout(150)), { name: 'AbortError' })
    })

    it('close ends the connection', async () => {
      set({ kind: 'close', times: 1 })
      await assert.rejects(ask()(), { code: 'ECONNRESET' })
      assert.equal((await ask()()).status, 200)
    })

    it('garbage is 200 and no JSON', async () => {
      set({ kind: 'garbage' })
      const answer = await ask()()
      assert.equal(answer.status, 200)
      assert.throws(() => answer.json())
    })

    it('slow answers late', async () => {
      set({ kind: 'slow', delayMs: 80 })
      const from = performance.now()
      assert.equal((await ask()()).status, 200)
      assert.ok(performance.now() - from >= 75)
    })
  })
}

describe('faults of the managed-identity endpoint alone', () => {
  it('expired-token gives a token that ARM refuses', async () => {
    room.azure.faults.set([{ target: 'identity', kind: 'expired-token', times: 1 }])
    const answer = (await room.askIdentity()).json()
    assert.ok((decodeJwt(answer.access_token as string).exp ?? Infinity) * 1_000 < room.nowEpochMs)
    const good = room.token
    room.token = answer.access_token as string
    assert.equal((await room.reconnect()).status, 401)
    room.token = good
  })

  it('garbage-token gives something that is no token', async () => {
    room.azure.faults.set([{ target: 'identity', kind: 'garbage-token' }])
    assert.equal((await room.askIdentity()).json().access_token, 'not.a.token')
  })
})
