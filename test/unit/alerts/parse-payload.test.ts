import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parsePayload } from '../../../src/alerts/parse-payload.ts'

const parse = (text: string) => parsePayload(Buffer.from(text))

test('reads what JSON.parse reads, with a byte order mark or without', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 20 }), (value) => {
      const text = JSON.stringify(value)
      for (const given of [text, `\uFEFF${text}`])
        assert.deepEqual(parse(given), { ok: true, value: JSON.parse(text) as unknown })
    }),
  )
})

test('refuses what is no JSON, no UTF-8, or nothing, and repeats none of it', () => {
  for (const bytes of [
    Buffer.from('not json'),
    Buffer.from('{"secret":1'),
    Buffer.from([0xff, 0xfe, 0x7b]),
    Buffer.from('"\xc3"', 'latin1'),
    Buffer.alloc(0),
  ]) {
    const parsed = parsePayload(bytes)
    assert.ok(!parsed.ok && !JSON.stringify(parsed.error).includes('secret'))
  }
})

test('64 deep is read, 65 is not, whatever is nested', () => {
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
  ] as const) {
    assert.equal(parse(`${open.repeat(63)}${open}1${close}${close.repeat(63)}`).ok, true)
    assert.equal(parse(`${open.repeat(65)}1${close.repeat(65)}`).ok, false)
  }
})

test('brackets in texts do not count, also behind escaped quotes and backslashes', () => {
  for (const text of ['['.repeat(1_000), `\\"${'['.repeat(1_000)}`, '\\\\', `\\\\\\"${'{'.repeat(1_000)}`])
    assert.equal(parse(`{"a":"${text}"}`).ok, true, text.slice(0, 20))
  // The text ends where it ends, and what follows counts again.
  assert.equal(parse(`["\\\\",${'['.repeat(70)}${']'.repeat(70)}]`).ok, false)
})

test('a megabyte of brackets is refused before anything is built of it', () => {
  const bytes = Buffer.from('['.repeat(1024 * 1024))
  assert.equal(parsePayload(bytes).ok, false)
})
