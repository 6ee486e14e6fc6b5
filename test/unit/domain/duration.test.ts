import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { MAX_AFTER_MS, parseAfter, parseIsoDuration } from '../../../src/domain/duration.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

describe('parseAfter', () => {
  const taken: Readonly<Record<string, number>> = {
    PT3S: 3 * SECOND,
    PT2M: 2 * MINUTE,
    PT1H30M: 90 * MINUTE,
    'PT0.5S': 500,
    'PT0,5S': 500,
    'PT1.5H': 90 * MINUTE,
    'P0.5D': 12 * HOUR,
    P1D: MAX_AFTER_MS,
    PT24H: MAX_AFTER_MS,
    PT86400S: MAX_AFTER_MS,
    P0Y0M0DT0H0M1S: SECOND,
    PT0001M: MINUTE,
  }
  for (const [text, ms] of Object.entries(taken)) {
    it(`parses ${text}, and keeps the text as it was given`, () =>
      assert.deepEqual(parseAfter(text), { ok: true, value: { text, ms } }))
  }

  for (const text of ['PT0S', 'P0D', 'P0W', 'PT0.0S', 'P0Y']) {
    it(`refuses ${text} as not positive`, () =>
      assert.deepEqual(parseAfter(text), { ok: false, error: 'not_positive' }))
  }

  for (const text of ['PT24H1S', 'P1DT0.001S', 'P1W', 'P1M', 'P1Y', 'PT86401S', `PT${'9'.repeat(60)}S`]) {
    it(`refuses ${text} as longer than a day`, () =>
      assert.deepEqual(parseAfter(text), { ok: false, error: 'too_long' }))
  }

  const malformed = [
    '',
    'P',
    'PT',
    'P1',
    'PT1',
    '1M',
    'T1M',
    'P1H',
    'PT1D',
    'P1DT',
    'pt2m',
    'PT2m',
    '-PT5M',
    '+PT5M',
    'PT-5M',
    'PT+5M',
    ' PT2M',
    'PT2M ',
    'PT2M\n',
    'PT2M\0',
    'PT 2M',
    'PT2M30',
    'PT30S2M',
    'P1M1Y',
    'PT1.5H30M',
    'PT.5S',
    'PT5.S',
    'PT1e3S',
    'PT0x10S',
    'PT\u0665M',
    'PT\uff12M',
    'P\u0131D',
    'PT5\u017f',
    'PT2M/PT3M',
    '00:02:00',
    'PTInfinityS',
    'PTNaNS',
    `PT${'0'.repeat(64)}1S`,
    '\ud800',
  ]
  for (const text of malformed) {
    it(`refuses ${JSON.stringify(text.slice(0, 20))} as no ISO 8601 duration`, () =>
      assert.deepEqual(parseAfter(text), { ok: false, error: 'not_iso8601' }))
  }

  // ISO 8601: only the smallest unit may have a fraction.
  it('refuses a fraction in any unit but the last', () => {
    for (const text of ['P0.5DT1H', 'PT0.5H1M', 'PT0.5M1S', 'P0.1W1D', 'P0.1W0DT1H'])
      assert.deepEqual(parseAfter(text), { ok: false, error: 'not_iso8601' }, text)
  })

  it('refuses values that are not a text', () => {
    for (const value of [undefined, null, 120, true, ['PT2M'], { text: 'PT2M', ms: 1 }])
      assert.deepEqual(parseAfter(value), { ok: false, error: 'not_iso8601' })
  })

  it('adds hours, minutes and seconds', () => {
    fc.assert(
      fc.property(fc.nat(23), fc.nat(59), fc.integer({ min: 1, max: 59 }), (hours, minutes, seconds) => {
        const text = `PT${hours}H${minutes}M${seconds}S`
        assert.deepEqual(parseAfter(text), {
          ok: true,
          value: { text, ms: hours * HOUR + minutes * MINUTE + seconds * SECOND },
        })
      }),
    )
  })

  it('returns only positive, finite times of at most a day, for any text', () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^P[0-9.,YMWD]{0,12}T?[0-9.,HMS]{0,12}$/))
    fc.assert(
      fc.property(text, (text) => {
        const after = parseAfter(text)
        if (!after.ok) return
        assert.equal(after.value.text, text)
        assert.ok(after.value.ms > 0 && after.value.ms <= MAX_AFTER_MS)
      }),
      { numRuns: 5000 },
    )
  })
})

describe('parseIsoDuration', () => {
  it('accepts zero and any length', () => {
    assert.deepEqual(parseIsoDuration('PT0S'), { ok: true, value: { text: 'PT0S', ms: 0 } })
    assert.deepEqual(parseIsoDuration('P2W'), { ok: true, value: { text: 'P2W', ms: 14 * 24 * HOUR } })
  })

  it('refuses a long text without matching it', () => {
    const started = performance.now()
    parseIsoDuration(`P${'1'.repeat(1_000_000)}`)
    assert.ok(performance.now() - started < 100)
  })
})
