/** The body of POST /pauses (contract, section 11). */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseNewPause } from '../../../src/http/new-pause.ts'
import { SERVICE, SUBSCRIPTION } from '../../support/a-pause.ts'
import { aBackend } from '../../support/builders.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'

const at = (ms: number): string => new Date(START_EPOCH_MS + ms).toISOString()
const GOOD = { scope: SERVICE, until: at(3_600_000), reason: 'maintenance' }
const parse = (body: unknown) =>
  parseNewPause(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), START_EPOCH_MS)

describe('taken', () => {
  for (const [what, change] of [
    ['a service', {}],
    ['a subscription', { scope: SUBSCRIPTION }],
    ['a backend in another case', { scope: aBackend().resourceId.toUpperCase() }],
    ['one webhook', { webhook: 'azure-monitor' }],
    ['24 hours to the millisecond', { until: at(86_400_000) }],
    ['the next millisecond', { until: at(1) }],
    ['a time with an offset', { until: '2026-11-23T03:00:00+02:00' }],
    ['a time without fractions', { until: '2026-11-23T01:00:00Z' }],
    ['a reason in any script', { reason: 'Größe 停止 🛑' }],
    ['a reason of 200 characters', { reason: 'x'.repeat(200) }],
  ] as const) {
    it(what, () => {
      const body = { ...GOOD, ...change }
      const parsed = parse(body)
      assert.ok(parsed.ok, JSON.stringify(parsed))
      const { scope, untilEpochMs, ...rest } = parsed.value
      assert.deepEqual({ ...rest, scope: scope.resourceId }, body)
      assert.equal(untilEpochMs, Date.parse(body.until))
    })
  }
})

describe('refused', () => {
  const { scope: _, ...withoutScope } = GOOD
  const { until: __, ...withoutUntil } = GOOD
  const { reason: ___, ...withoutReason } = GOOD
  for (const [what, body, expectation] of [
    ['no JSON', '{', /JSON object/],
    ['null', 'null', /JSON object/],
    ['an array', '[]', /JSON object/],
    ['no scope', withoutScope, /scope/],
    ['a scope that is no text', { ...GOOD, scope: 1 }, /scope/],
    ['everything there is', { ...GOOD, scope: '/' }, /scope/],
    ['a scope that ends inside a segment', { ...GOOD, scope: `${SUBSCRIPTION}/resourceGroups` }, /scope/],
    ['a scope below a backend', { ...GOOD, scope: `${aBackend().resourceId}/x` }, /scope/],
    ['no until', withoutUntil, /until/],
    ['an until that has passed', { ...GOOD, until: at(0) }, /future/],
    ['an until more than 24 hours ahead', { ...GOOD, until: at(86_400_001) }, /24 hours/],
    ['an until without a zone', { ...GOOD, until: '2026-11-23T01:00:00' }, /RFC 3339/],
    ['an until as a number', { ...GOOD, until: START_EPOCH_MS + 1_000 }, /RFC 3339/],
    ['a duration', { ...GOOD, until: 'PT1H' }, /RFC 3339/],
    ['no reason', withoutReason, /reason/],
    ['an empty reason', { ...GOOD, reason: '' }, /reason/],
    ['a blank reason', { ...GOOD, reason: '  ' }, /reason/],
    ['a reason of 201 characters', { ...GOOD, reason: 'x'.repeat(201) }, /reason/],
    ['a reason that breaks a log line', { ...GOOD, reason: 'a\nb' }, /reason/],
    ['a reason that turns the reading direction', { ...GOOD, reason: 'a\u202Eb' }, /reason/],
    ['half a character', { ...GOOD, reason: '\uD83D' }, /reason/],
    ['a webhook that is no text', { ...GOOD, webhook: null }, /webhook/],
    ['a webhook that no policy can have', { ...GOOD, webhook: '../x' }, /webhook/],
    ['a misspelled webhook', { ...GOOD, webhok: 'grafana' }, /no other members/],
    ['an id of its own', { ...GOOD, id: 'x' }, /no other members/],
    ['a scope that is inherited', '{"__proto__":{"scope":"/subscriptions/x"}}', /no other members/],
  ] as const) {
    it(what, () => {
      const parsed = parse(body)
      assert.ok(!parsed.ok && parsed.error.reason === 'body_malformed', JSON.stringify(parsed))
      assert.match(parsed.error.expectation, expectation)
    })
  }

  it('no body', () => {
    assert.equal(parseNewPause(undefined, START_EPOCH_MS).ok, false)
  })
})
