import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { foldAscii, isGuid, isSegment, type SegmentName } from '../../../src/domain/segments.ts'

const GUID = '11111111-2222-3333-4444-555555555555'
const VALID: Readonly<Record<SegmentName, readonly string[]>> = {
  subscriptionId: [GUID, 'ABCDEFAB-cdef-ABCD-efab-0123456789aF'],
  resourceGroupName: ['r', 'rg-apim', '(rg)_1.x', '.rg', '-'.repeat(90), 'a'.repeat(90)],
  serviceName: ['a', 'Z9', 'apim-prod', 'a'.repeat(50), 'a--b'],
  backendId: ['o', 'orders', 'x'.repeat(80), '...', '.a', '@[]^_`{|}~', '!"$\'(),-.;='],
}
const NAMES = Object.keys(VALID) as SegmentName[]

/** Texts that a path, a decoder, a case fold or a line reader could misread. */
const HOSTILE = [
  '',
  '.',
  '..',
  '%2e',
  '%2e%2e',
  '%2E%2e',
  '.%2e',
  '%252e%252e',
  '..%2f',
  '%2f',
  '%5c',
  '../x',
  '..\\x',
  'a/b',
  'a\\b',
  'a%2fb',
  'a?b',
  'a#b',
  ' ',
  'a ',
  ' a',
  'a\n',
  '\na',
  'a\r\n',
  'a\t',
  'a\0',
  'a\u0000b',
  'a\u007f',
  'a\u00a0',
  'a\u2028',
  'a\ufeff',
  'a\u200b',
  'a\u00ad',
  '\u212a',
  'bac\u212aend',
  '\u017fervice',
  'a\u017f',
  '\u0131d',
  'a\u0130',
  '\uff0e\uff0e',
  '\u2024\u2024',
  '\uff0f',
  'caf\u00e9',
  'a\u0301',
  '\ud800',
  'a\udfff',
  '\u{1f600}',
  'a*',
  'a#',
  'a&',
  'a+',
  'a:',
  'a<',
  'a>',
  'a?',
  'a%',
]

describe('segments', () => {
  for (const name of NAMES) {
    for (const text of VALID[name])
      it(`accepts ${JSON.stringify(text.slice(0, 40))} as ${name}`, () => assert.equal(isSegment(name, text), true))
    for (const text of HOSTILE)
      it(`refuses ${JSON.stringify(text)} as ${name}`, () => assert.equal(isSegment(name, text), false))
  }

  it('refuses one character more than the documented length', () => {
    assert.equal(isSegment('resourceGroupName', 'a'.repeat(91)), false)
    assert.equal(isSegment('serviceName', 'a'.repeat(51)), false)
    assert.equal(isSegment('backendId', 'a'.repeat(81)), false)
  })

  it('refuses a resource group that ends in one or more dots', () => {
    for (const text of ['rg.', 'rg..', '...', `${'a'.repeat(89)}.`])
      assert.equal(isSegment('resourceGroupName', text), false)
  })

  it('refuses a service that starts with a digit or hyphen or ends in a hyphen', () => {
    for (const text of ['-svc', '9svc', 'svc-', '-', `${'a'.repeat(49)}-`, 'a_b', 'a.b'])
      assert.equal(isSegment('serviceName', text), false)
  })

  it('refuses a GUID in braces, without hyphens, too long, too short or with a letter after f', () => {
    for (const text of [
      `{${GUID}}`,
      GUID.replaceAll('-', ''),
      `${GUID}5`,
      GUID.slice(1),
      GUID.replace('1', 'g'),
      `${GUID}\n`,
      ` ${GUID}`,
    ]) {
      assert.equal(isGuid(text), false)
    }
  })

  it('accepts only texts that remain the same single path segment in a URL', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...NAMES),
        fc.oneof(
          fc.string({ unit: 'binary', maxLength: 100 }),
          fc.constantFrom(...HOSTILE),
          fc.string({ unit: 'grapheme-ascii', maxLength: 100 }),
        ),
        (name, text) => {
          if (!isSegment(name, text)) return
          assert.match(text, /^[!-~]+$/)
          const { pathname } = new URL(`https://arm.test/before/${encodeURIComponent(text)}/after`)
          const parts = pathname.split('/')
          assert.equal(parts.length, 4)
          assert.equal(decodeURIComponent(parts[2] as string), text)
          assert.equal(new URL(`https://arm.test/before/${text}/after`).pathname.split('/').length, 4)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('refuses a text with one hostile character at any place', () => {
    const hostile = fc.constantFrom(
      ...' */#&+:<>?%\\\n\r\t\0\u007f\u0080\u00e9\u0131\u017f\u212a\uff0e\ud800'.split(''),
    )
    fc.assert(
      fc.property(
        fc.constantFrom<SegmentName>('resourceGroupName', 'serviceName', 'backendId'),
        fc.stringMatching(/^[a-z]{1,20}$/),
        fc.nat(20),
        hostile,
        (name, text, at, char) => {
          assert.equal(isSegment(name, text), true)
          assert.equal(isSegment(name, `${text.slice(0, at)}${char}${text.slice(at)}`), false)
        },
      ),
    )
  })
})

describe('foldAscii', () => {
  it('changes A to Z only', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const folded = foldAscii(text)
        assert.equal(folded.length, text.length)
        for (let at = 0; at < text.length; at++) {
          const code = text.charCodeAt(at)
          assert.equal(folded.charCodeAt(at), code >= 65 && code <= 90 ? code + 32 : code)
        }
      }),
    )
  })

  it('keeps characters that JavaScript would fold to ASCII letters', () => {
    assert.equal(foldAscii('\u212a\u0130\u017f\u0131'), '\u212a\u0130\u017f\u0131')
    assert.notEqual(foldAscii('\u212a'), 'k')
  })
})
