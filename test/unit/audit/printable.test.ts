import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { printable } from '../../../src/audit/redact.ts'

test('leaves what can be read as it is, in any script', () => {
  const text = 'AuthorizationFailed: läuft nicht – не работает 动 😀 "quoted" \\ </script>'
  assert.equal(printable(text), text)
})

describe('spells out what could forge a line, hide in it or turn it round', () => {
  const CASES: readonly [string, string, string][] = [
    ['line feed and carriage return', 'a\r\nb', 'a\\u000d\\u000ab'],
    ['NUL and tab', '\0\t', '\\u0000\\u0009'],
    ['the escape of a terminal', '\u001b[31m', '\\u001b[31m'],
    ['DEL and the C1 controls', '\u007f\u009b', '\\u007f\\u009b'],
    ['next line, line and paragraph separators', '\u0085\u2028\u2029', '\\u0085\\u2028\\u2029'],
    ['overrides and isolates of the reading direction', '\u202a\u202e\u2066\u2069', '\\u202a\\u202e\\u2066\\u2069'],
    ['marks of the reading direction', '\u200e\u200f\u061c', '\\u200e\\u200f\\u061c'],
    ['what has no width', 'a\u200bb\ufeff\u00ad', 'a\\u200bb\\ufeff\\u00ad'],
    ['tags beyond the basic plane', '\u{e0041}', '\\udb40\\udc41'],
    ['half a character, either half', '\ud83d \ude00', '\\ud83d \\ude00'],
  ]
  for (const [name, text, expected] of CASES) test(name, () => assert.equal(printable(text), expected))
})

test('cuts what is long, and says that it did', () => {
  assert.equal(printable('x'.repeat(512)), 'x'.repeat(512))
  assert.equal(printable('x'.repeat(513)), `${'x'.repeat(512)}…`)
  assert.equal(printable('x'.repeat(10_000_000), 4), 'xxxx…')
})

test('a character cut in half is spelled out', () => {
  assert.equal(printable('abc😀', 4), 'abc\\ud83d…')
})

test('gives one line of printable text of bounded length for any text, and the same again for that line', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 600 }),
    fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 600 }).map((units) => String.fromCharCode(...units)),
  )
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 600 }), (input, maxLength) => {
      const output = printable(input, maxLength)
      assert.doesNotMatch(output, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
      assert.ok(output.isWellFormed())
      assert.ok(output.length <= maxLength * 6 + 1)
      assert.equal(printable(output, output.length), output)
    }),
  )
})
