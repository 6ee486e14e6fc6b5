import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { findPlace, nextPath, parsePlace, reconnectPath, toHash, type View } from '../../../src/console/place.ts'
import { BACKEND, SERVICE } from './an-operation.ts'

describe('the place in the address', () => {
  it('comes back from the address with view, id and filters, whatever they contain', () => {
    const views: View[] = ['now', 'reconnect', 'history', 'pauses', 'grants', 'webhook']
    fc.assert(
      fc.property(
        fc.constantFrom(...views),
        fc.dictionary(fc.stringMatching(/^[a-z$]{1,12}$/), fc.string({ minLength: 1, unit: 'grapheme' })),
        (view, query) => {
          assert.deepEqual({ ...parsePlace(toHash(view, query)).query }, { ...query })
          assert.equal(parsePlace(toHash(view, query)).view, view)
        },
      ),
    )
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (id) => {
        assert.deepEqual(parsePlace(toHash('operation', {}, id)), { view: 'operation', id, query: {} })
      }),
    )
  })

  it('is Now for an address that leads nowhere, and never throws', () => {
    for (const hash of ['', '#', '#/', '#/nowhere', '#/__proto__', 'x']) assert.equal(parsePlace(hash).view, 'now')
    fc.assert(fc.property(fc.string(), (hash) => void parsePlace(hash)))
    assert.deepEqual(parsePlace('#/operations/%E0%A4%A'), { view: 'history', query: {} })
  })
})

describe('a pasted text leads to', () => {
  for (const [what, text, place] of [
    ['an operation by its id', `  ${'x'.repeat(51)} `, { view: 'operation', id: 'x'.repeat(51), query: {} }],
    ['the history of a backend', BACKEND.toUpperCase(), { view: 'history', query: { backend: BACKEND.toUpperCase() } }],
    ['the history of a service', SERVICE, { view: 'history', query: { service: SERVICE } }],
    ['the operations of an alert or a rule', 'my rule', { view: 'history', query: { find: 'my rule' } }],
    ['the history, when it is empty', ' ', { view: 'history', query: {} }],
  ] as const)
    it(what, () => assert.deepEqual(parsePlace(findPlace(text)), place))
})

describe('the path of a reconnect', () => {
  it('has every segment encoded', () => {
    assert.equal(reconnectPath(BACKEND), `${BACKEND}/reconnect`)
    assert.equal(reconnectPath(`${SERVICE}/backends/a;b"c`), `${SERVICE}/backends/a%3Bb%22c/reconnect`)
  })

  it('is none for a link that would choose another path or another host', () => {
    for (const text of [
      '',
      '//evil.example/backends/x',
      'https://evil.example/x',
      '/pauses?x=',
      SERVICE,
      `${SERVICE}/backends/..`,
      `${SERVICE}/backends/.`,
      `/subscriptions/../resourceGroups/x/providers/Microsoft.ApiManagement/service/s/backends/b`,
      `${BACKEND}/x`,
    ])
      assert.equal(reconnectPath(text), undefined, text)
  })
})

describe('the path of a next page', () => {
  it('is that of this app only', () => {
    assert.equal(nextPath('/operations?a=b', '/operations'), '/operations?a=b')
    assert.equal(nextPath('https://reconnect.example/operations?a=b', '/operations'), '/operations?a=b')
    for (const link of [undefined, '//evil.example/x', '/pauses', 'http://[', 'javascript:alert(1)'])
      assert.equal(nextPath(link, '/operations'), undefined)
  })
})
