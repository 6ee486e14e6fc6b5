import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parsePrincipal, type Principal } from '../../../src/domain/caller.ts'
import { scopeKeysCovering } from '../../../src/domain/scope.ts'
import { authorize } from '../../../src/policy/authorize.ts'
import { createGrantIndex } from '../../../src/policy/grant-index.ts'
import type { Grant } from '../../../src/policy/policy-document.ts'
import { aBackend, BACKEND_ID, GROUP_ID, inSomeCase, SERVICE_ID, SUBSCRIPTION } from '../domain/ids.ts'
import { grantsOf } from './a-policy.ts'

const APP = 'app:66666666-7777-8888-9999-000000000000'
const as = (...texts: string[]): Principal[] => texts.map((text) => parsePrincipal(text) ?? assert.fail(text))
const mayReconnect = (principal: string, grants: readonly Grant[], backend = aBackend(), force = false): boolean =>
  authorize(
    { kind: 'app', id: 'x', principals: as(principal) },
    { backend, apiVersion: '2024-05-01', dryRun: false, force },
    createGrantIndex(grants),
  ).ok

describe('grants', () => {
  it('deny by default', () => {
    assert.equal(mayReconnect('role:a', []), false)
    assert.equal(createGrantIndex([]).find([], 'reconnect', aBackend()), undefined)
  })

  it('tell whether a principal has an action at any scope', () => {
    const index = createGrantIndex([
      ...grantsOf({ principal: 'role:a', scope: BACKEND_ID, actions: ['read'] }),
      ...grantsOf({ principal: 'role:a', scope: SERVICE_ID, actions: ['force'] }),
    ])
    assert.deepEqual(
      (['read', 'force', 'reconnect'] as const).map((action) => index.grantsAnywhere(as('role:b', 'role:a'), action)),
      [true, true, false],
    )
    assert.equal(index.grantsAnywhere(as('role:b'), 'read'), false)
  })

  for (const scope of [`/subscriptions/${SUBSCRIPTION}`, GROUP_ID, SERVICE_ID, BACKEND_ID]) {
    it(`of ${scope.split('/').length - 1} segments allow what is below their scope, in any letter case`, () => {
      fc.assert(
        fc.property(
          inSomeCase(scope),
          inSomeCase('orders'),
          inSomeCase('rg-apim'),
          (spelled, backendId, resourceGroupName) => {
            assert.equal(
              mayReconnect(
                'role:a',
                grantsOf({ principal: 'role:a', scope: spelled }),
                aBackend({ backendId, resourceGroupName }),
              ),
              true,
            )
          },
        ),
        { numRuns: 50 },
      )
    })
  }

  it('deny what is beside their scope, or has a name that only begins like it', () => {
    const grants = grantsOf(
      { principal: 'role:a', scope: SERVICE_ID.replace('apim-prod', 'apim') },
      { principal: 'role:a', scope: BACKEND_ID.replace('orders', 'order') },
    )
    assert.equal(mayReconnect('role:a', grants), false)
    assert.equal(
      mayReconnect(
        'role:a',
        grantsOf({ principal: 'role:a', scope: SERVICE_ID }),
        aBackend({ serviceName: 'apim-prod-2' }),
      ),
      false,
    )
    assert.equal(
      mayReconnect(
        'role:a',
        grantsOf({ principal: 'role:a', scope: `/subscriptions/${SUBSCRIPTION}` }),
        aBackend({ subscriptionId: SUBSCRIPTION.replace('1', '2') }),
      ),
      false,
    )
  })

  it('deny principals of another kind, and roles in another letter case', () => {
    const grants = grantsOf({ principal: 'role:Operator', scope: GROUP_ID }, { principal: APP, scope: GROUP_ID })
    assert.equal(mayReconnect('role:Operator', grants), true)
    assert.equal(mayReconnect('role:operator', grants), false)
    assert.equal(mayReconnect(APP.replace('app', 'user'), grants), false)
    assert.equal(mayReconnect('webhook:Operator', grants), false)
  })

  it('give only the actions that they name', () => {
    assert.equal(
      mayReconnect('role:a', grantsOf({ principal: 'role:a', scope: GROUP_ID, actions: ['read', 'force'] })),
      false,
    )
    assert.equal(
      mayReconnect(
        'role:a',
        grantsOf({ principal: 'role:a', scope: GROUP_ID, actions: ['reconnect'] }),
        aBackend(),
        true,
      ),
      false,
    )
    assert.equal(
      mayReconnect('role:a', grantsOf({ principal: 'role:a', scope: GROUP_ID, actions: ['force'] }), aBackend(), true),
      false,
    )
  })

  it('add up: one may give reconnect and another force', () => {
    const grants = grantsOf(
      { principal: 'role:a', scope: GROUP_ID },
      { principal: 'role:a', scope: BACKEND_ID, actions: ['force'] },
    )
    assert.equal(mayReconnect('role:a', grants, aBackend(), true), true)
  })

  it('are found narrowest scope first, and the first of equal ones', () => {
    const grants = grantsOf(
      { principal: 'role:a', scope: GROUP_ID },
      { principal: 'role:a', scope: BACKEND_ID },
      { principal: 'role:a', scope: BACKEND_ID.toUpperCase() },
    )
    assert.equal(createGrantIndex(grants).find(as('role:a'), 'reconnect', aBackend())?.index, 1)
  })

  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf']) {
    it(`treat a role or backend named ${name} like any other`, () => {
      const named = BACKEND_ID.replace('orders', name)
      assert.equal(mayReconnect(`role:${name}`, []), false)
      assert.equal(mayReconnect(`role:${name}`, grantsOf({ principal: 'role:a', scope: GROUP_ID })), false)
      assert.equal(
        mayReconnect(
          `role:${name}`,
          grantsOf({ principal: `role:${name}`, scope: named }),
          aBackend({ backendId: name }),
        ),
        true,
      )
      assert.equal(
        mayReconnect('role:a', grantsOf({ principal: `role:${name}`, scope: named }), aBackend({ backendId: name })),
        false,
      )
    })
  }

  it('decide as a linear search of all grants would', () => {
    const scope = fc
      .constantFrom(
        `/subscriptions/${SUBSCRIPTION}`,
        GROUP_ID,
        GROUP_ID.replace('rg-apim', 'rg'),
        SERVICE_ID,
        SERVICE_ID.replace('apim-prod', 'apim'),
        BACKEND_ID,
        BACKEND_ID.replace('orders', 'order'),
      )
      .chain(inSomeCase)
    const principal = fc.constantFrom('role:a', 'role:A', 'role:b', APP, 'webhook:a')
    const actions = fc.subarray(['reconnect', 'read', 'force'], { minLength: 1 })
    const backend = fc.record({
      backendId: fc.constantFrom('orders', 'order', 'ORDERS'),
      serviceName: fc.constantFrom('apim', 'apim-prod'),
    })
    fc.assert(
      fc.property(
        fc.array(fc.record({ principal, scope, actions }), { maxLength: 12 }),
        fc.array(principal, { maxLength: 3 }),
        backend,
        fc.constantFrom('reconnect' as const, 'read' as const, 'force' as const),
        (written, callers, parts, action) => {
          const grants = grantsOf(...written)
          const principals = as(...callers)
          const target = aBackend(parts)
          const found = createGrantIndex(grants).find(principals, action, target)
          const matching = grants.filter(
            (grant) =>
              principals.includes(grant.principal) &&
              grant.actions.includes(action) &&
              scopeKeysCovering(target).includes(grant.scope.key),
          )
          assert.equal(found !== undefined, matching.length > 0)
          if (found !== undefined) assert.ok(matching.includes(found))
        },
      ),
    )
  })

  it('cost as many look-ups with ten thousand grants as with ten', (context) => {
    const lookUps = (grants: readonly Grant[]): number => {
      const index = createGrantIndex(grants)
      const get = context.mock.method(Map.prototype, 'get')
      const found = index.find(as('role:stranger', 'role:x'), 'reconnect', aBackend())
      const count = get.mock.callCount()
      get.mock.restore()
      assert.equal(found, undefined)
      assert.ok(count > 0)
      return count
    }
    const some = (many: number) =>
      grantsOf(
        { principal: 'role:r', scope: GROUP_ID },
        ...Array.from({ length: many }, (_, at) => ({
          principal: `role:r${at}`,
          scope: at % 2 === 0 ? BACKEND_ID : `${SERVICE_ID}/backends/b${at}`,
        })),
      )
    assert.equal(lookUps(some(10)), lookUps(some(10_000)))
  })
})
