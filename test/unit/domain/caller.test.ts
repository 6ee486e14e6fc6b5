import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parsePrincipal } from '../../../src/domain/caller.ts'
import { inSomeCase } from './ids.ts'

const GUID = 'abcdefab-2222-3333-4444-555555555555'

describe('parsePrincipal', () => {
  for (const kind of ['app', 'user', 'group']) {
    it(`folds the GUID of ${kind}: so that all spellings are one principal`, () => {
      fc.assert(
        fc.property(inSomeCase(GUID), (guid) => assert.equal(parsePrincipal(`${kind}:${guid}`), `${kind}:${GUID}`)),
      )
    })
    for (const id of ['', 'name', `{${GUID}}`, ` ${GUID}`, `${GUID} `, `${GUID}\n`, GUID.replace('a', '\uff41'), '*']) {
      it(`refuses ${JSON.stringify(`${kind}:${id}`)}`, () => assert.equal(parsePrincipal(`${kind}:${id}`), undefined))
    }
  }

  for (const kind of ['role', 'webhook']) {
    it(`keeps ${kind}: as written, so that two spellings are two principals`, () => {
      assert.equal(parsePrincipal(`${kind}:Reconnect.Operator`), `${kind}:Reconnect.Operator`)
      assert.notEqual(parsePrincipal(`${kind}:Reconnect.Operator`), parsePrincipal(`${kind}:reconnect.operator`))
    })
    for (const id of ['', ' ', 'a b', 'a\n', ' a', 'a ', 'caf\u00e9', '\u212a', '\ud800', 'x'.repeat(121)]) {
      it(`refuses ${JSON.stringify(`${kind}:${id.slice(0, 10)}`)} of length ${id.length}`, () =>
        assert.equal(parsePrincipal(`${kind}:${id}`), undefined))
    }
  }

  it('accepts roles that are names of JavaScript, and roles with colons', () => {
    for (const role of ['role:__proto__', 'role:constructor', 'role:a:b']) assert.equal(parsePrincipal(role), role)
  })

  for (const text of [
    '',
    ':',
    'role',
    'role:',
    'roleX',
    'webhookX',
    'Role:x',
    'ROLE:x',
    ' role:x',
    'r\u00f6le:x',
    'user',
    `users:${GUID}`,
    GUID,
    '*',
    'everyone',
    `App:${GUID}`,
    'tenant:x',
    '__proto__:x',
    'constructor:x',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parsePrincipal(text), undefined))
  }

  it('returns a principal of a known kind or undefined, for any text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc
            .tuple(fc.constantFrom('app', 'user', 'group', 'role', 'webhook', 'Role'), fc.string({ unit: 'binary' }))
            .map(([kind, id]) => `${kind}:${id}`),
        ),
        (text) => {
          const principal = parsePrincipal(text)
          if (principal !== undefined)
            assert.match(principal, /^(?:(?:app|user|group):[0-9a-f-]{36}|(?:role|webhook):[!-~]{1,120})$/)
        },
      ),
    )
  })
})
