import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { escapeNonAscii, escapeUnsafe, excerpt, quoteText } from '../../../src/shared/escape-text.ts'

const PRINTABLE_ASCII = /^[ -~]*$/
const anyText = fc.string({ unit: 'binary', maxLength: 100 })

test('escapeNonAscii leaves printable ASCII as it is', () => {
  const text = String.raw` !"#$%&'()*+,-./09:;<=>?@AZ[\]^_az{|}~`
  assert.equal(escapeNonAscii(text), text)
})

test('escapeNonAscii writes each UTF-16 code unit as \\u and four digits', () => {
  assert.equal(escapeNonAscii('\0\n\x7fé\u2028😀\ud800'), String.raw`\u0000\u000a\u007f\u00e9\u2028\ud83d\ude00\ud800`)
})

test('escapeNonAscii keeps the value of a JSON text', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const escaped = escapeNonAscii(JSON.stringify(text))
      assert.match(escaped, PRINTABLE_ASCII)
      assert.equal(JSON.parse(escaped), text)
    }),
  )
})

test('escapeUnsafe keeps letters of other scripts and whole emoji', () => {
  assert.equal(escapeUnsafe('Zürich 東京 😀'), 'Zürich 東京 😀')
})

test('escapeUnsafe escapes line breaks, terminal sequences, reversed direction and lone surrogates', () => {
  assert.equal(
    escapeUnsafe('a\r\nb\x1b[31m\u202e\u200b\u2028\ud800.\u{e0041}'),
    String.raw`a\u000d\u000ab\u001b[31m\u202e\u200b\u2028\ud800.\udb40\udc41`,
  )
})

test('excerpt marks only what it has shortened', () => {
  assert.equal(excerpt('abc', 3), 'abc')
  assert.equal(excerpt('abcd', 3), 'abc...')
  assert.equal(excerpt('é'.repeat(4), 1), String.raw`\u00e9...`)
})

test('excerpt cuts between the halves of a pair without leaving a lone surrogate', () => {
  assert.equal(excerpt('a😀', 2), String.raw`a\ud83d...`)
})

test('quoteText cannot be ended early by the text', () => {
  assert.equal(quoteText('a"b\\', 80), String.raw`"a\"b\\"`)
  assert.equal(quoteText('abcd', 3), '"abc"...')
  fc.assert(
    fc.property(anyText, (text) => {
      assert.match(quoteText(text, 200), PRINTABLE_ASCII)
      assert.equal(JSON.parse(quoteText(text, 200)), text)
    }),
  )
})
