import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decideRetry, MAX_ATTEMPTS, MIN_ATTEMPT_MS, type RetrySituation } from '../../../src/arm/decide-retry.ts'
import { interpretReconnect, type Interpretation } from '../../../src/arm/interpret-reconnect.ts'
import { parseRetryAfter } from '../../../src/arm/retry-after.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'

const FIRST: RetrySituation = { attempts: 1, ambiguous: false, remainingMs: 30_000, random: 0 }

function answered(status: number, retryAfter?: string): Interpretation {
  return interpretReconnect({ kind: 'answered', status, body: '', header: () => retryAfter }, 'scope', START_EPOCH_MS)
}

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const retryAfter = fc.option(
  fc.oneof(
    fc.integer({ min: -10, max: 40 }).map(String),
    fc.constantFrom('0', '-5', 'soon', '3600', '2592000', '9999999999', '', 'Thu, 01 Jan 1970 00:00:00 GMT'),
  ),
  { nil: undefined },
)
const interpretation = fc.oneof(
  fc.tuple(fc.integer({ min: 100, max: 599 }), retryAfter).map(([status, text]) => answered(status, text)),
  fc
    .record({
      kind: fc.constantFrom('not_sent' as const, 'lost' as const),
      detail: fc.constant('d'),
      timedOut: fc.boolean(),
    })
    .map((answer) => interpretReconnect(answer, 'scope', START_EPOCH_MS)),
)
const situation = fc.record({
  attempts: fc.integer({ min: 1, max: 5 }),
  ambiguous: fc.boolean(),
  remainingMs: fc.integer({ min: 0, max: 220_000 }),
  random,
})

test('a final answer is never asked about again', () => {
  for (const status of [202, 200, 302, 400, 401, 403, 404, 409])
    assert.equal(decideRetry(answered(status), FIRST), undefined)
})

test('a refused token is answered with a new one at once, where one can be had, an attempt fits and no outcome is open', () => {
  const refused = answered(401)
  assert.equal(decideRetry(refused, FIRST), undefined)
  assert.equal(decideRetry(refused, { ...FIRST, canRenewToken: true }), 0)
  assert.equal(decideRetry(refused, { ...FIRST, canRenewToken: true, maxAttempts: 1 }), 0)
  assert.equal(decideRetry(refused, { ...FIRST, canRenewToken: true, attempts: MAX_ATTEMPTS }), undefined)
  assert.equal(decideRetry(refused, { ...FIRST, canRenewToken: true, ambiguous: true }), undefined)
  assert.equal(decideRetry(refused, { ...FIRST, canRenewToken: true, remainingMs: MIN_ATTEMPT_MS - 1 }), undefined)
})

test('a wait is never so short that it makes a hot loop, and never so long that an attempt no longer fits', () => {
  fc.assert(
    fc.property(interpretation, situation, (meaning, given) => {
      const waitMs = decideRetry(meaning, given)
      if (waitMs === undefined) return
      assert.ok(waitMs >= 200, `${waitMs} ms`)
      assert.ok(waitMs + MIN_ATTEMPT_MS <= given.remainingMs)
    }),
  )
})

test('there is no fourth POST, and none after the one repetition that an unknown outcome allows', () => {
  fc.assert(
    fc.property(interpretation, situation, (meaning, given) => {
      if (given.attempts >= MAX_ATTEMPTS || given.ambiguous) assert.equal(decideRetry(meaning, given), undefined)
    }),
  )
})

test('what ARM asked for is never undercut', () => {
  fc.assert(
    fc.property(fc.constantFrom(429, 500, 503), retryAfter, situation, (status, text, given) => {
      const asked = parseRetryAfter(text, START_EPOCH_MS)?.waitMs ?? 0
      const waitMs = decideRetry(answered(status, text), given)
      assert.ok(waitMs === undefined || waitMs >= asked)
    }),
  )
})

test('throttling without a word about how long waits a second at least', () => {
  fc.assert(
    fc.property(fc.constantFrom(undefined, '0', '-5', 'soon', ''), random, (text, spread) => {
      const waitMs = decideRetry(answered(429, text), { ...FIRST, random: spread })
      assert.ok(waitMs !== undefined && waitMs >= 1_000)
    }),
  )
})

test('a wait that does not fit is not begun', () => {
  for (const text of ['30', '3600', '2592000', '9999999999'])
    assert.equal(decideRetry(answered(429, text), FIRST), undefined)
  assert.equal(decideRetry(answered(429, '2'), { ...FIRST, remainingMs: 2_000 + MIN_ATTEMPT_MS - 1 }), undefined)
  assert.equal(decideRetry(answered(429, '2'), { ...FIRST, remainingMs: 2_000 + MIN_ATTEMPT_MS }), 2_000)
})

test('callers that failed together come back apart', () => {
  const waits = [0, 0.25, 0.5, 0.75].map((spread) => decideRetry(answered(503), { ...FIRST, random: spread }))
  assert.equal(new Set(waits).size, 4)
  const told = [0, 0.5].map((spread) => decideRetry(answered(429, '4'), { ...FIRST, random: spread }))
  assert.deepEqual(told, [4_000, 4_500])
})

test('the second wait of our own is longer than the first', () => {
  const [first, second] = [1, 2].map((attempts) =>
    decideRetry(interpretReconnect({ kind: 'not_sent', detail: 'd', timedOut: false }, 's', 0), {
      ...FIRST,
      attempts,
      random: 0.5,
    }),
  )
  assert.deepEqual([first, second], [400, 800])
})

test('any story of answers ends after three POSTs, with at most one after the first unknown outcome', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(interpretation, random), { minLength: 5, maxLength: 5 }),
      fc.integer({ min: 0, max: 30_000 }),
      (answers, budgetMs) => {
        let [remainingMs, posts, postsAfterUnknown, ambiguous] = [budgetMs, 0, 0, false]
        for (const [meaning, spread] of answers) {
          posts += 1
          if (ambiguous) postsAfterUnknown += 1
          const waitMs = decideRetry(meaning, { attempts: posts, ambiguous, remainingMs, random: spread })
          if (waitMs === undefined) break
          if (meaning.repeat === 'once') ambiguous = true
          remainingMs -= waitMs
        }
        assert.ok(posts <= 3 && postsAfterUnknown <= 1 && remainingMs >= 0)
      },
    ),
  )
})
