import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parsePrincipal, type Caller } from '../../../src/domain/caller.ts'
import { explainDecision } from '../../../src/policy/explain-decision.ts'
import type { Grant } from '../../../src/policy/policy-document.ts'
import { aBackend, BACKEND_ID, GROUP_ID, SERVICE_ID } from '../domain/ids.ts'
import { grantsOf } from './a-policy.ts'

const caller = (...texts: string[]): Caller => ({
  kind: 'app',
  id: 'x',
  principals: texts.map((text) => parsePrincipal(text) ?? assert.fail(text)),
})
const missesOf = (who: Caller, grants: readonly Grant[], action: 'reconnect' | 'read' | 'force' = 'reconnect') => {
  const explanation = explainDecision(who, action, aBackend(), grants)
  assert.ok(!explanation.allowed)
  return { missing: explanation.missing, misses: explanation.misses.map(({ grant, reason }) => [grant.index, reason]) }
}

describe('explainDecision', () => {
  it('names the grant that allows', () => {
    const grants = grantsOf(
      { principal: 'role:b', scope: GROUP_ID },
      { principal: 'role:a', scope: SERVICE_ID, actions: ['read'] },
    )
    const explanation = explainDecision(caller('role:a'), 'read', aBackend(), grants)
    assert.deepEqual(explanation, { allowed: true, decidedBy: [{ action: 'read', grant: grants[1] }] })
  })

  it('names both grants that a forced reconnect needs', () => {
    const grants = grantsOf(
      { principal: 'role:a', scope: GROUP_ID },
      { principal: 'role:b', scope: BACKEND_ID, actions: ['force'] },
    )
    const explanation = explainDecision(caller('role:a', 'role:b'), 'force', aBackend(), grants)
    assert.deepEqual(explanation, {
      allowed: true,
      decidedBy: [
        { action: 'reconnect', grant: grants[0] },
        { action: 'force', grant: grants[1] },
      ],
    })
  })

  it('names the grants that nearly apply, nearest first', () => {
    const grants = grantsOf(
      { principal: 'role:other', scope: GROUP_ID },
      { principal: 'role:a', scope: SERVICE_ID.replace('apim-prod', 'apim') },
      { principal: 'role:A', scope: GROUP_ID },
      { principal: 'role:a', scope: GROUP_ID, actions: ['read'] },
      { principal: 'role:other', scope: BACKEND_ID.replace('orders', 'carts') },
      { principal: 'role:other', scope: GROUP_ID, actions: ['read'] },
    )
    assert.deepEqual(missesOf(caller('role:a'), grants), {
      missing: 'reconnect',
      misses: [
        [3, 'other_action'],
        [2, 'other_spelling'],
        [1, 'other_scope'],
        [0, 'other_principal'],
      ],
    })
  })

  it('names force as the missing action when reconnect is granted', () => {
    const grants = grantsOf({ principal: 'role:a', scope: GROUP_ID })
    assert.deepEqual(missesOf(caller('role:a'), grants, 'force'), { missing: 'force', misses: [[0, 'other_action']] })
  })

  it('names no grant when there is none', () =>
    assert.deepEqual(missesOf(caller('role:a'), []), { missing: 'reconnect', misses: [] }))
})
