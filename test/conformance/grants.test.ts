/** Contract, section 11: `GET /grants`, the answer to "what may I do, and why not that". */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { OPERATOR, TOOL } from '../../sandbox/azure/directory.ts'
import { assertRefused, startConversation } from './conversation.ts'
import { ask, DEV, GROUP, inRole, ORDERS, withGrants, PROD } from './operators.ts'

const room = await startConversation(
  { after },
  withGrants([
    { role: 'A', scope: PROD, actions: ['read'] },
    { role: 'A', scope: DEV, actions: ['pause', 'reconnect'] },
    { role: 'B', scope: PROD.toUpperCase().replace('/SUBSCRIPTIONS', '/subscriptions'), actions: ['reconnect'] },
    { role: 'a', scope: GROUP, actions: ['force'] },
    { role: '__proto__', scope: GROUP, actions: ['force'] },
  ]),
)

describe('GET /grants', { concurrency: 4 }, () => {
  it('tells a person who it is, by which principals grants know it, and what it may do where', async () => {
    const answer = await ask(room, '/grants')
    assert.deepEqual(
      [answer.status, answer.json()],
      [
        200,
        {
          caller: { kind: 'user', id: OPERATOR.objectId, name: OPERATOR.name },
          principals: [`user:${OPERATOR.objectId}`, 'role:Reconnect.Operator'],
          grants: [
            { scope: GROUP, actions: ['reconnect', 'read', 'force', 'pause'] },
            { scope: GROUP.replace('rg-apim', 'rg-locked'), actions: ['reconnect', 'read', 'force', 'pause'] },
          ],
        },
      ],
    )
  })

  it('tells a tool only what applies to it, with the default action', async () => {
    assert.deepEqual((await ask(room, '/grants', { as: 'tool' })).json(), {
      caller: { kind: 'app', id: TOOL.clientId },
      principals: [`app:${TOOL.clientId}`],
      grants: [{ scope: ORDERS, actions: ['reconnect'] }],
    })
  })

  it('tells who has no grant just that', async () => {
    const answer = await ask(room, '/grants', { as: 'stranger' })
    assert.deepEqual([answer.status, (answer.json() as { grants: unknown }).grants], [200, []])
  })

  it('adds up what several principals may do at one scope, in any spelling of the scope', async () => {
    const answer = await ask(room, '/grants', { as: await inRole(room, 'A', 'B') })
    assert.deepEqual((answer.json() as { grants: unknown }).grants, [
      { scope: PROD, actions: ['reconnect', 'read'] },
      { scope: DEV, actions: ['reconnect', 'pause'] },
    ])
  })

  it('compares roles as written', async () => {
    for (const [role, actions] of [
      ['a', ['force']],
      ['__proto__', ['force']],
      ['constructor', undefined],
    ] as const) {
      const { grants } = (await ask(room, '/grants', { as: await inRole(room, role) })).json() as {
        grants: readonly { actions: readonly string[] }[]
      }
      assert.deepEqual(grants[0]?.actions, actions, role)
    }
  })

  it('needs a token', async () => {
    assertRefused(await ask(room, '/grants', { as: null }), 401, 'AuthenticationFailed')
  })

  it('has no parameters: an unknown one is 400, also for who may do nothing', async () => {
    for (const as of ['operator', 'stranger'] as const) {
      const error = assertRefused(
        await ask(room, '/grants', { as, query: '?scope=x' }),
        400,
        'InvalidQueryParameterValue',
      )
      assert.equal(error.target, 'scope')
    }
  })

  it('is no decision: no audit event where it succeeds, one where it is refused', async () => {
    const { correlationId } = await ask(room, '/grants')
    const refused = await ask(room, '/grants', { as: null })
    assert.equal((await room.decision(refused))['outcome'], 'refused')
    assert.equal(
      room.decisions().some((event) => event['correlationId'] === correlationId),
      false,
    )
  })
})
