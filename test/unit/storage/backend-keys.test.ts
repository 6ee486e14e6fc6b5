/** Row keys of the list of backends: one range for one scope, and one key for one backend. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseBackendParts, type Backend } from '../../../src/domain/backend-id.ts'
import { scopeKeysCovering } from '../../../src/domain/scope.ts'
import { backendRangeOf, backendRowKeyOf } from '../../../src/storage/keys.ts'
import { aScope } from '../../support/a-pause.ts'
import { aBackend } from '../../support/builders.ts'

const BACKEND_CHARS = `!"$'(),-.0123456789;=@ABCXYZ[]^_\`abcxyz{|}~`
const backends = fc
  .record({
    subscriptionId: fc.constantFrom('0b1f6471-1bf0-4dda-aec3-111122223333', '0B1F6471-1BF0-4DDA-AEC3-111122223334'),
    resourceGroupName: fc
      .string({ unit: fc.constantFrom(...Array.from('aAb_-.(1')), minLength: 1, maxLength: 89 })
      .map((text) => `${text}x`),
    serviceName: fc.string({ unit: fc.constantFrom(...Array.from('aAb-1')), maxLength: 48 }).map((text) => `a${text}1`),
    backendId: fc.string({ unit: fc.constantFrom(...Array.from(BACKEND_CHARS)), minLength: 1, maxLength: 80 }),
  })
  .map((parts) => parseBackendParts(parts))
  .filter((parsed) => parsed.ok)
  .map((parsed) => parsed.value)

const isIn = (backend: Backend, text: string): boolean => {
  const key = backendRowKeyOf(backend)
  const { from, to } = backendRangeOf(aScope(text))
  return from <= key && key < to
}

describe('the row key of a backend', () => {
  it('is in the range of every scope that covers it, and in no other', () => {
    fc.assert(
      fc.property(backends, backends, (one, other) => {
        for (const scope of scopeKeysCovering(one)) {
          assert.ok(isIn(one, scope))
          assert.equal(isIn(other, scope), (scopeKeysCovering(other) as readonly string[]).includes(scope))
        }
      }),
    )
  })

  it('is the same for every spelling of one backend, and differs between two', () => {
    fc.assert(
      fc.property(backends, backends, (one, other) =>
        assert.equal(backendRowKeyOf(one) === backendRowKeyOf(other), one.key === other.key),
      ),
    )
  })

  it('has only characters that table keys and filters take as they are, and a bounded length', () => {
    fc.assert(
      fc.property(backends, (backend) => {
        const key = backendRowKeyOf(backend)
        assert.match(key, /^[0-9a-f-]{36}(?:![0-9a-z._-]{1,64}){3}$/)
        assert.ok(key.length <= 225)
      }),
    )
  })

  it('does not confuse services of which one name begins with the other', () => {
    const scope = aBackend().resourceId.slice(0, aBackend().resourceId.indexOf('/backends/'))
    for (const serviceName of ['apim-prod-2', 'apim-prod2', 'apim-pro', 'apim'])
      assert.equal(isIn(aBackend({ serviceName }), scope), false, serviceName)
  })
})
