import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseBackendParts, parseBackendResourceId } from '../../../src/domain/backend-id.ts'
import { BACKEND_ID, inSomeCase, SERVICE_ID, someParts, SUBSCRIPTION } from './ids.ts'

describe('parseBackendResourceId', () => {
  it('returns the parts of which the id consists', () => {
    fc.assert(
      fc.property(someParts, (parts) => {
        const made = parseBackendParts(parts)
        assert.ok(made.ok)
        const read = parseBackendResourceId(made.value.resourceId)
        assert.deepEqual(read, made)
        const { resourceId: _id, key: _key, ...rest } = made.value
        assert.deepEqual(rest, parts)
      }),
    )
  })

  it('gives all spellings of a backend the same key, and keeps the spelling of the parts', () => {
    fc.assert(
      fc.property(
        someParts.chain((parts) => {
          const made = parseBackendParts(parts)
          assert.ok(made.ok)
          return fc.tuple(fc.constant(made.value), inSomeCase(made.value.resourceId))
        }),
        ([backend, spelled]) => {
          const read = parseBackendResourceId(spelled)
          assert.ok(read.ok)
          assert.equal(read.value.key, backend.key)
          assert.ok(spelled.endsWith(`/${read.value.backendId}`))
        },
      ),
    )
  })

  it('gives different backends different keys', () => {
    fc.assert(
      fc.property(someParts, someParts, (one, other) => {
        const a = parseBackendParts(one)
        const b = parseBackendParts(other)
        assert.ok(a.ok && b.ok)
        const same = (['subscriptionId', 'resourceGroupName', 'serviceName', 'backendId'] as const).every(
          (part) => one[part].toLowerCase() === other[part].toLowerCase(),
        )
        assert.equal(a.value.key === b.value.key, same)
      }),
    )
  })

  const refused: Readonly<Record<string, string>> = {
    nothing: '',
    'a service': SERVICE_ID,
    'a trailing slash': `${BACKEND_ID}/`,
    'a trailing newline': `${BACKEND_ID}\n`,
    'a trailing space': `${BACKEND_ID} `,
    'a leading space': ` ${BACKEND_ID}`,
    'no leading slash': BACKEND_ID.slice(1),
    'a double slash': BACKEND_ID.replace('/backends', '//backends'),
    'a host before it': `https://management.azure.com${BACKEND_ID}`,
    'something below it': `${BACKEND_ID}/reconnect`,
    'a query': `${BACKEND_ID}?api-version=2024-05-01`,
    'a fragment': `${BACKEND_ID}#x`,
    'a dot segment as backend': `${SERVICE_ID}/backends/..`,
    'an encoded dot segment as backend': `${SERVICE_ID}/backends/%2e%2e`,
    'an encoded slash': `${SERVICE_ID}/backends/a%2fb`,
    'a dot segment as service': BACKEND_ID.replace('apim-prod', '..'),
    'a dot segment as resource group': BACKEND_ID.replace('rg-apim', '..'),
    'a resource group that ends in a dot': BACKEND_ID.replace('rg-apim', 'rg-apim.'),
    'a way through a dot segment': `${SERVICE_ID}/backends/x/../orders`,
    'a workspace backend': `${SERVICE_ID}/workspaces/w/backends/orders`,
    'another provider': BACKEND_ID.replace('Microsoft.ApiManagement', 'Microsoft.Web'),
    'a dot in the provider that is any character': BACKEND_ID.replace(
      'Microsoft.ApiManagement',
      'MicrosoftxApiManagement',
    ),
    'a Kelvin sign in a fixed word': BACKEND_ID.replace('/backends/', '/bac\u212aends/'),
    'a long s in a fixed word': BACKEND_ID.replace('/service/', '/\u017fervice/'),
    'a dotless i in a fixed word': BACKEND_ID.replace('Microsoft', 'M\u0131crosoft'),
    'a Kelvin sign in the backend': `${SERVICE_ID}/backends/\u212a`,
    'a lone surrogate': `${BACKEND_ID}\ud800`,
    'a backend of 81 characters': `${SERVICE_ID}/backends/${'x'.repeat(81)}`,
    'a subscription that is no GUID': BACKEND_ID.replace(SUBSCRIPTION, 'prod'),
    backslashes: BACKEND_ID.replaceAll('/', '\\'),
  }
  for (const [what, text] of Object.entries(refused)) {
    it(`refuses ${what}`, () => assert.equal(parseBackendResourceId(text).ok, false))
  }

  it('names the first segment that is wrong', () => {
    assert.deepEqual(parseBackendResourceId(`${SERVICE_ID}/backends/..`), {
      ok: false,
      error: { segment: 'backendId' },
    })
    assert.deepEqual(parseBackendResourceId(BACKEND_ID.replace('rg-apim', '..').replace('orders', '..')), {
      ok: false,
      error: { segment: 'resourceGroupName' },
    })
    assert.deepEqual(parseBackendParts({}), { ok: false, error: { segment: 'subscriptionId' } })
  })

  it('refuses any text, or returns a resource id that consists of the four parts only', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'subscriptions',
        SUBSCRIPTION,
        'resourceGroups',
        'rg',
        'providers',
        'Microsoft.ApiManagement',
        'service',
        'svc',
        'backends',
        'b',
        '..',
        '',
        '%2e%2e',
      ),
      fc.string({ unit: 'binary' }),
    )
    fc.assert(
      fc.property(fc.array(piece, { minLength: 8, maxLength: 12 }), (pieces) => {
        const text = `/${pieces.join('/')}`
        const read = parseBackendResourceId(text)
        if (read.ok) assert.equal(read.value.resourceId.toLowerCase(), text.toLowerCase())
      }),
    )
  })
})
