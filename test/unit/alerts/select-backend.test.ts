import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Alert } from '../../../src/alerts/alert.ts'
import { selectBackend, templateAttributes } from '../../../src/alerts/select-backend.ts'
import { parseBackendResourceId } from '../../../src/domain/backend-id.ts'
import type { Webhook } from '../../../src/policy/policy-document.ts'
import { SERVICE } from '../../fixtures/alerts/index.ts'

const TEMPLATE = `${SERVICE.replace('apim-prod', '{service}')}/backends/{backend}`
const anAlert = (attributes: Record<string, string> = {}, change: Partial<Alert> = {}): Alert => ({
  condition: 'firing',
  attributes: new Map(Object.entries(attributes)),
  ...change,
})
const aWebhook = (change: object = {}): Webhook => ({
  name: 'w',
  format: 'alertmanager',
  authentication: { type: 'bearer', secret: 'S' },
  backend: TEMPLATE,
  ...change,
})
const select = (attributes: Record<string, string>, change: object = {}) =>
  selectBackend(anAlert(attributes), aWebhook(change))

describe('the template', () => {
  it('is filled with attributes and gives one backend', () => {
    const selection = select({ service: 'apim-prod', backend: 'orders' })
    assert.equal(selection.kind === 'selected' && selection.backend.resourceId, `${SERVICE}/backends/orders`)
  })

  it('is {resourceId}/backends/{BackendId} by default, for senders that have both attributes', () => {
    for (const format of ['azure-monitor', 'event-grid']) {
      const selection = select(
        { resourceId: SERVICE.toLowerCase(), BackendId: 'orders' },
        { format, backend: undefined },
      )
      assert.equal(selection.kind === 'selected' && selection.backend.serviceName, 'apim-prod')
    }
  })

  it('accepts a whole resource id from an attribute at its start only', () => {
    assert.equal(select({ id: `${SERVICE}/backends/orders` }, { backend: '{id}' }).kind, 'selected')
    assert.equal(select({ id: `${SERVICE}/backends/orders`, b: 'x' }, { backend: '{id}/backends/{b}' }).kind, 'invalid')
  })

  it('gives no target, and names the attribute, when the alert lacks it', () => {
    for (const attributes of [{}, { service: 'apim-prod' }] as Record<string, string>[]) {
      const selection = select(attributes)
      assert.ok(selection.kind === 'unmatched' && selection.reason === 'attribute_missing')
      assert.match(selection.detail, /'(?:service|backend)'/)
    }
  })

  it('is filled once: a value is read neither as a template nor as a replacement pattern', () => {
    assert.equal(select({ service: '{backend}', backend: 'orders' }).kind, 'invalid')
    for (const backend of ['$&', '$1', "$'", '$`', '$$']) {
      const selection = select({ service: 'apim-prod', backend })
      // The grammar decides about the value as it is.
      assert.equal(
        selection.kind === 'selected' ? selection.backend.backendId : selection.kind,
        parseBackendResourceId(`${SERVICE}/backends/${backend}`).ok ? backend : 'invalid',
      )
    }
  })

  it('takes one segment from an attribute, which can neither add, remove nor leave a segment', () => {
    for (const backend of [
      'a/b',
      '../orders',
      '..',
      '.',
      '/orders',
      'orders/',
      'a%2fb',
      'a\\b',
      'a b',
      'a?b',
      'a#b',
      '',
      'x'.repeat(81),
      'ordérs',
      'a\u0000',
    ]) {
      const { kind } = select({ service: 'apim-prod', backend })
      assert.equal(kind, 'invalid', backend)
    }
    assert.equal(select({ service: 'apim-prod/backends/x/..', backend: 'orders' }).kind, 'invalid')
  })

  it('takes one segment also where two would give a backend', () => {
    const backend = `${SERVICE}/{tail}`
    assert.equal(select({ tail: 'backends/orders' }, { backend }).kind, 'invalid')
    assert.equal(select({ tail: 'orders' }, { backend: `${SERVICE}/backends/{tail}` }).kind, 'selected')
  })

  it('for any values, selects nothing outside the place that the template fixes', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc.string({ maxLength: 30 }),
      fc.constantFrom('..', 'a/b', '{service}', 'orders'),
    )
    fc.assert(
      fc.property(text, text, (service, backend) => {
        const selection = select({ service, backend })
        if (selection.kind === 'selected')
          assert.deepEqual([selection.backend.serviceName, selection.backend.backendId], [service, backend])
        else if (selection.kind !== 'resolved')
          assert.match(selection.detail, /^[ -~]{1,300}$/, 'printable and bounded')
      }),
      { numRuns: 1_000 },
    )
  })

  it('lists its attributes', () => assert.deepEqual(templateAttributes(TEMPLATE), ['service', 'backend']))
})

describe('match', () => {
  const matched = (match: object, attributes: Record<string, string>): string =>
    select({ service: 'apim-prod', backend: 'orders', ...attributes }, { match }).kind

  it('takes a value, one value of a list, or a prefix', () => {
    assert.equal(matched({ rule: 'a' }, { rule: 'a' }), 'selected')
    assert.equal(matched({ rule: ['x', 'a'] }, { rule: 'a' }), 'selected')
    assert.equal(matched({ rule: 'apim-*' }, { rule: 'apim-backend' }), 'selected')
    assert.equal(matched({ rule: '*' }, { rule: 'anything' }), 'selected')
  })

  it('needs every entry to match, and an absent attribute matches nothing', () => {
    assert.equal(matched({ rule: 'a', severity: 'critical' }, { rule: 'a' }), 'unmatched')
    assert.equal(matched({ rule: '*' }, {}), 'unmatched')
  })

  it('takes a star as a wildcard at the end only, and compares letter case', () => {
    assert.equal(matched({ rule: '*-apim' }, { rule: 'x-apim' }), 'unmatched')
    assert.equal(matched({ rule: 'a*c' }, { rule: 'abc' }), 'unmatched')
    assert.equal(matched({ rule: 'Apim*' }, { rule: 'apim-x' }), 'unmatched')
    assert.equal(matched({ rule: 'apim' }, { rule: 'apim-x' }), 'unmatched')
  })

  it('is checked before the template, and never makes a resolved alert unmatched', () => {
    assert.equal(
      selectBackend(anAlert({}, { condition: 'resolved' }), aWebhook({ match: { rule: 'a' } })).kind,
      'resolved',
    )
    const selection = select({}, { match: { rule: 'a' } })
    assert.ok(selection.kind === 'unmatched' && selection.reason === 'match')
    assert.match(selection.detail, /'rule' is absent/)
  })
})

describe('generic', () => {
  it('names its backend by the resource id', () => {
    const webhook = aWebhook({ format: 'generic', backend: undefined })
    assert.equal(selectBackend(anAlert({}, { backend: `${SERVICE}/backends/orders` }), webhook).kind, 'selected')
    for (const backend of [
      '',
      'orders',
      SERVICE,
      `${SERVICE}/backends/..`,
      `${SERVICE}/backends/a/b`,
      `https://management.azure.com${SERVICE}/backends/orders`,
    ])
      assert.equal(selectBackend(anAlert({}, { backend }), webhook).kind, 'invalid', backend)
  })
})
