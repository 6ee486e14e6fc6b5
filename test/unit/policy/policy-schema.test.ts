import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { policyJsonSchema } from '../../../src/cli/policy-json-schema.ts'
import { parsePolicy } from '../../../src/policy/policy-document.ts'
import { BACKEND_ID, GROUP_ID, inSomeCase, SERVICE_ID, someParts, SUBSCRIPTION } from '../domain/ids.ts'
import { SAMPLE, sampleWith } from './a-policy.ts'
import { STRUCTURAL_FAULTS } from './structural-faults.ts'

const published = JSON.parse(readFileSync(new URL('../../../policy.schema.json', import.meta.url), 'utf8')) as object
/** For editors (vscode-json-languageservice); a validator has nothing to do with them. */
const EDITOR_KEYWORDS = ['errorMessage', 'enumDescriptions']
const accepts = new Ajv2020({ strict: true, allowUnionTypes: true }).addVocabulary(EDITOR_KEYWORDS).compile(published)
const parses = (document: unknown): boolean => parsePolicy(JSON.stringify(document)).ok
/** As an editor sees it: members that JSON cannot express are absent. */
const asJson = (document: unknown): unknown => JSON.parse(JSON.stringify(document))

describe('policy.schema.json', () => {
  it('is up to date (node src/cli/write-policy-schema.ts)', () => {
    assert.deepEqual(published, asJson(policyJsonSchema()))
  })

  it('names its dialect and describes every member of a grant', () => {
    const schema = published as {
      $schema: string
      properties: { grants: { items: { properties: Record<string, { description?: string }> } } }
    }
    assert.equal(schema.$schema, 'https://json-schema.org/draft/2020-12/schema')
    for (const [name, { description }] of Object.entries(schema.properties.grants.items.properties))
      assert.ok(description, name)
  })

  it('accepts the sample of the contract, the published example and an empty document', () => {
    const example: unknown = JSON.parse(readFileSync(new URL('../../../examples/policy.json', import.meta.url), 'utf8'))
    for (const document of [SAMPLE, example, {}]) assert.equal(accepts(document), true, JSON.stringify(accepts.errors))
  })

  for (const { what, path, value } of STRUCTURAL_FAULTS) {
    it(`refuses ${what}: ${JSON.stringify(value) ?? 'nothing'}`, () =>
      assert.equal(accepts(asJson(sampleWith(path, value))), false))
  }

  it('accepts and refuses the same scopes as the parser', () => {
    const whole = someParts.chain((parts) =>
      fc
        .tuple(
          inSomeCase(
            `/subscriptions/${parts.subscriptionId}/resourceGroups/${parts.resourceGroupName}/providers/Microsoft.ApiManagement/service/${parts.serviceName}/backends/${parts.backendId}`,
          ),
          fc.nat(400),
          fc.constantFrom('', '', '', '/', '.', '..', '%2e', '\n', ' ', 'x', '\u212a', '\u017f', '\u0131', '\ud800'),
        )
        .map(([id, cut, end]) => `${id.slice(0, cut)}${end}`),
    )
    const known = fc.constantFrom(
      BACKEND_ID,
      SERVICE_ID,
      GROUP_ID,
      `/subscriptions/${SUBSCRIPTION}`,
      BACKEND_ID.replace('orders', '..'),
      BACKEND_ID.replace('orders', '...'),
      BACKEND_ID.replace('orders', 'x'.repeat(81)),
    )
    fc.assert(
      fc.property(fc.oneof(whole, known, fc.string({ unit: 'binary' })), (scope) => {
        const document = { grants: [{ principal: 'role:a', scope }] }
        assert.equal(accepts(document), parses(document))
      }),
      { numRuns: 1000 },
    )
  })

  it('accepts and refuses the same principals as the parser', () => {
    const principal = fc.tuple(
      fc.constantFrom('app', 'user', 'group', 'role', 'webhook', 'Role', ''),
      fc.constantFrom(':', ':', ''),
      fc.oneof(fc.uuid(), fc.string(), fc.string({ unit: 'binary' }), fc.stringMatching(/^[a-z0-9-]{1,64}$/)),
    )
    fc.assert(
      fc.property(principal, (parts) => {
        const name = parts[0] === 'webhook' && /^[a-z0-9-]{1,63}$/.test(parts[2]) ? parts[2] : 'w'
        const webhooks = { [name]: { format: 'generic', authentication: { type: 'bearer', secret: 'S' } } }
        const document = { grants: [{ principal: parts.join(''), scope: GROUP_ID }], webhooks }
        assert.equal(accepts(document), parses(document))
      }),
      { numRuns: 1000 },
    )
  })

  it('accepts every duration that the parser accepts', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^P([0-9]{1,2}[YMWD])?(T([0-9]{1,2}H)?([0-9]{1,2}M)?([0-9]{1,2}([.,][0-9])?S)?)?$/),
        (deliverWithin) => {
          if (parses({ deliverWithin })) assert.equal(accepts({ deliverWithin }), true)
        },
      ),
    )
  })
})
