import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MIN_WAIT_MS, parseRetryAfter } from '../../../src/arm/retry-after.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'

const now = START_EPOCH_MS

test('reads whole seconds', () => {
  assert.deepEqual(parseRetryAfter('7', now), { text: '7', waitMs: 7_000 })
})

test('reads an HTTP date', () => {
  assert.deepEqual(parseRetryAfter('Mon, 23 Nov 2026 00:00:09 GMT', now), {
    text: 'Mon, 23 Nov 2026 00:00:09 GMT',
    waitMs: 9_000,
  })
})

test('does not bound a long wait: whether it fits is not its question', () => {
  assert.equal(parseRetryAfter('2592000', now)?.waitMs, 2_592_000_000)
})

for (const header of ['0', '00', 'Sun, 22 Nov 2026 23:59:00 GMT', 'Mon, 23 Nov 2026 00:00:00 GMT']) {
  test(`waits the minimum for ${header}`, () => {
    assert.equal(parseRetryAfter(header, now)?.waitMs, MIN_WAIT_MS)
  })
}

const NONSENSE = [
  undefined,
  '',
  ' ',
  '-5',
  '+5',
  '1.5',
  '1e3',
  '0x10',
  'soon',
  '5, 7',
  '5 s',
  '99999999999',
  '٣',
  '2026-11-23T00:00:09Z',
  '9 Nov 2026',
  'Mon, 23 Nov 2026 00:00:09',
  'Mon, 23 Nov 2026 99:99:99 GMT',
]
for (const header of NONSENSE) {
  test(`takes ${JSON.stringify(header) ?? 'no header'} for no Retry-After`, () => {
    assert.equal(parseRetryAfter(header, now), undefined)
  })
}

test('whatever the header says, the wait is undefined or a finite number of at least the minimum, and the text is fit for a header', () => {
  const header = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.integer().map(String),
    fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
  )
  fc.assert(
    fc.property(header, (text) => {
      const parsed = parseRetryAfter(text, now)
      if (parsed === undefined) return
      assert.ok(Number.isFinite(parsed.waitMs) && parsed.waitMs >= MIN_WAIT_MS)
      assert.match(parsed.text, /^[ -~]{1,29}$/)
    }),
  )
})
