/** Contract, sections 3 and 5: ARM answers 401 to the token of this app. Each test has an app of its own: a token is dropped at most every 30 s. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assertAccepted, assertRefused, startConversation } from './conversation.ts'
import { alert, isFinal, operationWhen } from './senders.ts'

describe('a 401 of ARM', { concurrency: 2 }, () => {
  it('a 401 of ARM costs a person’s request one more POST with a new token, and the answer is 202', async (t) => {
    const room = await startConversation(t)
    const backend = room.freshBackend()
    room.sandbox.azure.faults.add({ target: 'arm', kind: '401', scope: backend, times: 1 })
    const answer = await room.reconnect({ backend })
    assertAccepted(answer)
    const { attempts, outcome } = await room.decision(answer)
    assert.deepEqual([attempts, outcome, room.armReceived(backend).length], [2, 'forwarded', 2])
    assert.equal(room.sandbox.azure.identityCounts.tokens, 2)
  })

  it('a 401 for a wrong token of the identity endpoint: the next token is right', async (t) => {
    const room = await startConversation(t)
    room.sandbox.azure.faults.add({ target: 'identity', kind: 'garbage-token', times: 1 })
    const backend = room.freshBackend()
    assertAccepted(await room.reconnect({ backend }))
    assert.equal(room.armReceived(backend).length, 2)
    // The new token is kept.
    assertAccepted(await room.reconnectFresh())
    assert.equal(room.sandbox.azure.identityCounts.tokens, 2)
  })

  it('a 401 in a delivery costs one more POST in the same delivery, and the alert is forwarded', async (t) => {
    const room = await startConversation(t)
    const backend = room.freshBackend()
    room.sandbox.azure.faults.add({ target: 'arm', kind: '401', scope: backend, times: 1 })
    const posted = await alert(room, 'alertmanager', backend)
    assert.equal(posted.status, 202, posted.text)
    const operation = await operationWhen(room, posted.alerts[0]?.operation, isFinal)
    assert.deepEqual([operation.state, operation['attempts'], room.armReceived(backend).length], ['forwarded', 2, 2])
  })

  it('a 401 that persists is a 502, after two POSTs', async (t) => {
    const room = await startConversation(t)
    const backend = room.freshBackend()
    room.sandbox.azure.faults.add({ target: 'arm', kind: '401', scope: backend })
    assertRefused(await room.reconnect({ backend }), 502, 'UpstreamAuthorizationFailed')
    assert.equal(room.armReceived(backend).length, 2)
  })
})
