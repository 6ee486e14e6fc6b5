import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { EFFECT_VERDICTS } from '../../../src/domain/effect.ts'
import { OPERATION_STATES } from '../../../src/domain/operation.ts'
import { DEFAULT_TOP, MAX_TOP, parseOperationQuery } from '../../../src/http/operation-query.ts'
import { toNextLink } from '../../../src/http/query-parameters.ts'
import { aBackend } from '../../support/builders.ts'

const SERVICE = aBackend().resourceId.slice(0, aBackend().resourceId.indexOf('/backends/'))
const parse = (text: string) => parseOperationQuery(new URLSearchParams(text))
const refused = (text: string): string => {
  const parsed = parse(text)
  assert.ok(!parsed.ok && parsed.error.reason === 'parameter_invalid', `${text} passes`)
  return parsed.error.parameter
}
const accepted = (text: string) => {
  const parsed = parse(text)
  assert.ok(parsed.ok, `${text} is refused`)
  return parsed.value
}

test('nothing asked is everything, fifty at a time', () => assert.deepEqual(accepted(''), { top: DEFAULT_TOP }))

test('an unknown parameter is refused by its name, and the known ones are named', () => {
  for (const name of ['colour', 'backends', '$filter', '$top', 'api-version', 'constructor', '__proto__x', 'code']) {
    const parsed = parse(`${name}=x`)
    assert.ok(!parsed.ok && parsed.error.reason === 'parameter_invalid', name)
    assert.match(parsed.error.expectation, /Known are backend, service, state, alert, rule, effect, from, to, top, \$/)
    assert.equal(parsed.error.parameter, name.startsWith('_') ? '?' : name)
  }
  assert.equal(refused('__proto__=x'), '?')
  assert.equal(refused(`${'x'.repeat(500)}=x`), '?')
  assert.equal(refused('%3Cscript%3E=x'), '?')
})

test('names match without regard to case, as in ARM; the same name twice is refused in any case', () => {
  assert.deepEqual(accepted('TOP=5&State=failed'), { top: 5, state: 'failed' })
  assert.deepEqual(accepted('$SkipToken=abc').skipToken, 'abc')
  assert.equal(refused('top=5&TOP=5'), 'top')
})

test('every parameter is read', () => {
  const query = new URLSearchParams({
    backend: aBackend().resourceId.toUpperCase(),
    state: 'failed',
    alert: '/subscriptions/x/providers/Microsoft.AlertsManagement/alerts/1',
    rule: 'backend orders is down',
    effect: 'not-recovered',
    from: '2026-11-01T00:00:00Z',
    to: '2026-11-02T01:00:00.5+01:00',
    top: '200',
  })
  const value = accepted(query.toString())
  assert.equal(value.backend?.key, aBackend().key)
  assert.equal(value.state, 'failed')
  assert.equal(value.alertId, '/subscriptions/x/providers/Microsoft.AlertsManagement/alerts/1')
  assert.equal(value.alertRule, 'backend orders is down')
  assert.equal(value.effect, 'not-recovered')
  assert.equal(value.fromEpochMs, Date.UTC(2026, 10, 1))
  assert.equal(value.toEpochMs, Date.UTC(2026, 10, 2, 0, 0, 0, 500))
  assert.equal(value.top, MAX_TOP)
  assert.equal(
    accepted(new URLSearchParams({ service: SERVICE.toUpperCase() }).toString()).serviceKey,
    SERVICE.toLowerCase(),
  )
  for (const effect of EFFECT_VERDICTS) assert.equal(accepted(`effect=${effect}`).effect, effect)
  for (const state of OPERATION_STATES) assert.equal(accepted(`state=${state}`).state, state)
})

test('each is refused by its name when it is given twice, empty, or nonsense', () => {
  const valid: Record<string, string> = {
    backend: aBackend().resourceId,
    service: SERVICE,
    state: 'failed',
    effect: 'recovered',
    from: '2026-11-01T00:00:00Z',
    to: '2026-11-01T00:00:00Z',
    top: '5',
    $skiptoken: 'abc',
  }
  for (const [name, text] of Object.entries(valid)) {
    const once = new URLSearchParams([[name, text]]).toString()
    accepted(once)
    assert.equal(refused(`${once}&${once}`), name)
    const nearly = name === '$skiptoken' ? [] : [`${text}%`, `${text} `, `${text}\n`]
    for (const bad of ['', ' ', "' or '1' eq '1", '\0', '../..', ...nearly])
      assert.equal(refused(new URLSearchParams([[name, bad]]).toString()), name, JSON.stringify(bad))
  }
})

test('what nearly is one is none', () => {
  for (const text of ['0', '201', '1000', '-1', '1.5', '0x10', '1e2', '+5'])
    refused(new URLSearchParams({ top: text }).toString())
  for (const text of ['Failed', 'accepted,failed', 'toString']) refused(new URLSearchParams({ state: text }).toString())
  for (const text of [
    '2026-11-01',
    '2026-11-01T00:00:00',
    'yesterday',
    '1795392000000',
    '2026-13-01T00:00:00Z',
    '2026-11-01T25:00:00Z',
    '2026-11-01T00:00:00+99:00',
    '2026-11-01T00:00:00Z\n',
  ]) {
    refused(new URLSearchParams({ from: text }).toString())
    refused(new URLSearchParams({ to: text }).toString())
  }
  for (const text of [SERVICE, `${SERVICE}/backends/..`, `${aBackend().resourceId}/x`, `${SERVICE}/backends/a%2Fb`])
    refused(new URLSearchParams({ backend: text }).toString())
  for (const text of [
    aBackend().resourceId,
    SERVICE.slice(0, SERVICE.lastIndexOf('/')),
    `/subscriptions/${aBackend().subscriptionId}`,
  ])
    refused(new URLSearchParams({ service: text }).toString())
})

test('an id of an alert and the name of its rule are any text that is stored of one', () => {
  for (const name of ['alert', 'rule']) {
    for (const text of ["o'clock", 'ü', ' ', 'x'.repeat(256)])
      accepted(new URLSearchParams({ [name]: text }).toString())
    for (const text of ['', 'x'.repeat(257)])
      assert.equal(refused(new URLSearchParams({ [name]: text }).toString()), name)
  }
})

test('a time is in the years 0000 to 9999 of UTC, whatever its offset makes of it', () => {
  for (const name of ['from', 'to']) {
    for (const text of ['9999-12-31T23:59:59-00:01', '0000-01-01T00:00:00+00:01', '9999-12-31T01:00:00-23:59'])
      assert.equal(refused(new URLSearchParams({ [name]: text }).toString()), name, text)
    for (const text of ['9999-12-31T23:59:59.999Z', '0000-01-01T00:00:00Z', '9999-12-31T23:59:59+00:01'])
      accepted(new URLSearchParams({ [name]: text }).toString())
  }
})

test('a token is text that storage never sees: letters, digits, hyphen and underscore, of a bounded length', () => {
  for (const text of ['', ' ', "x' or RowKey ge '", 'a/b', 'a+b', 'a=', 'x'.repeat(513), 'a\n', '\u00e9'])
    assert.equal(refused(new URLSearchParams({ $skiptoken: text }).toString()), '$skiptoken', JSON.stringify(text))
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.stringMatching(/^[\w-]{1,600}$/)), (text) => {
      const parsed = parseOperationQuery(new URLSearchParams([['$skiptoken', text]]))
      if (parsed.ok) assert.match(parsed.value.skipToken ?? '', /^[A-Za-z0-9_-]{1,512}$/)
    }),
  )
})

test('a next link asks the same question from there on', () => {
  const query = new URLSearchParams({ backend: aBackend().resourceId, top: '5', $skiptoken: 'old' })
  const link = toNextLink(query, 'new', 'https://reconnect.example')
  assert.ok(link.startsWith('https://reconnect.example/operations?'))
  assert.deepEqual(accepted(new URL(link).search), { top: 5, backend: aBackend(), skipToken: 'new' })
  const spelledOtherwise = new URLSearchParams({ TOP: '5', $SKIPTOKEN: 'old' })
  const other = toNextLink(spelledOtherwise, 'new', 'https://reconnect.example')
  assert.deepEqual(accepted(new URL(other).search), { top: 5, skipToken: 'new' })
  assert.ok(toNextLink(new URLSearchParams(), 'new', undefined).startsWith('/operations?'))
})
