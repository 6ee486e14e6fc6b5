import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseBackendParts } from '../../../src/domain/backend-id.ts'
import { parseScope, scopeKeysCovering } from '../../../src/domain/scope.ts'
import { aBackend, BACKEND_ID, GROUP_ID, inSomeCase, SERVICE_ID, someParts, SUBSCRIPTION } from './ids.ts'

const keyOf = (text: string): string => {
  const scope = parseScope(text)
  assert.ok(scope.ok, text)
  return scope.value.key
}
const covers = (scope: string, backend = aBackend()): boolean => scopeKeysCovering(backend).includes(keyOf(scope))

describe('scopes', () => {
  it('are a subscription, a resource group, a service or a backend', () => {
    for (const text of [`/subscriptions/${SUBSCRIPTION}`, GROUP_ID, SERVICE_ID, BACKEND_ID])
      assert.equal(covers(text), true, text)
  })

  it('cover every spelling of a backend below them, and exactly four scopes cover a backend', () => {
    const scopes = someParts.chain((parts) => {
      const backend = parseBackendParts(parts)
      assert.ok(backend.ok)
      const id = backend.value.resourceId
      const above = [
        id,
        id.slice(0, id.lastIndexOf('/backends/')),
        id.slice(0, id.toLowerCase().lastIndexOf('/providers/')),
        id.slice(0, id.indexOf('/', '/subscriptions/'.length)),
      ]
      return fc.tuple(fc.constant(backend.value), ...(above.map(inSomeCase) as [fc.Arbitrary<string>]))
    })
    fc.assert(
      fc.property(scopes, ([backend, ...spelled]) => {
        assert.deepEqual(scopeKeysCovering(backend), spelled.map(keyOf))
      }),
    )
  })

  it('do not cover a neighbour whose name begins with theirs', () => {
    assert.equal(covers(SERVICE_ID.replace('apim-prod', 'apim')), false)
    assert.equal(covers(GROUP_ID.replace('rg-apim', 'rg')), false)
    assert.equal(covers(BACKEND_ID.replace('orders', 'order')), false)
    assert.equal(covers(SERVICE_ID, aBackend({ serviceName: 'apim-prod2' })), false)
    assert.equal(covers(BACKEND_ID, aBackend({ backendId: 'orders.' })), false)
  })

  it('do not cover a backend because a name repeats in another part', () => {
    const backend = aBackend({ resourceGroupName: 'backends', serviceName: 'backends', backendId: 'backends' })
    const [own, service, group, subscription] = scopeKeysCovering(backend)
    assert.equal(own, backend.key)
    assert.ok(service.endsWith('/resourcegroups/backends/providers/microsoft.apimanagement/service/backends'))
    assert.ok(group.endsWith('/resourcegroups/backends'))
    assert.equal(subscription, `/subscriptions/${SUBSCRIPTION}`)
  })

  const refused: Readonly<Record<string, string>> = {
    nothing: '',
    everything: '/',
    'a wildcard': '*',
    'all subscriptions': '/subscriptions',
    'all subscriptions, with a slash': '/subscriptions/',
    'a management group': '/providers/Microsoft.Management/managementGroups/all',
    'a trailing slash': `/subscriptions/${SUBSCRIPTION}/`,
    'an end behind resourceGroups': `/subscriptions/${SUBSCRIPTION}/resourceGroups`,
    'an end behind providers': `${GROUP_ID}/providers`,
    'an end behind the provider': `${GROUP_ID}/providers/Microsoft.ApiManagement`,
    'an end behind service': `${GROUP_ID}/providers/Microsoft.ApiManagement/service`,
    'an end behind backends': `${SERVICE_ID}/backends`,
    'something below a backend': `${BACKEND_ID}/reconnect`,
    'a wildcard in a segment': SERVICE_ID.replace('apim-prod', 'apim-*'),
    'another provider': SERVICE_ID.replace('Microsoft.ApiManagement', 'Microsoft.Web'),
    'a dot segment': `${GROUP_ID}/..`,
    'a dot segment as group': GROUP_ID.replace('rg-apim', '..'),
    'an encoded dot segment as backend': BACKEND_ID.replace('orders', '%2e%2e'),
    'a dot segment as backend': BACKEND_ID.replace('orders', '..'),
    'a trailing newline': `${SERVICE_ID}\n`,
    'a trailing space': `${SERVICE_ID} `,
    'a Kelvin sign in a fixed word': BACKEND_ID.replace('backends', 'bac\u212aends'),
    'a long s in a fixed word': SERVICE_ID.replace('service', '\u017fervice'),
    'a dotless i in a fixed word': SERVICE_ID.replace('Microsoft', 'M\u0131crosoft'),
    'a backend of 81 characters': BACKEND_ID.replace('orders', 'x'.repeat(81)),
    'a lone surrogate': BACKEND_ID.replace('orders', '\ud800'),
    'a workspace': `${SERVICE_ID}/workspaces/w`,
    'a name instead of a GUID': '/subscriptions/prod',
  }
  for (const [what, text] of Object.entries(refused)) {
    it(`refuse ${what}`, () => {
      const scope = parseScope(text)
      assert.ok(!scope.ok)
      assert.notEqual(scope.error.expectation, '')
    })
  }
})
