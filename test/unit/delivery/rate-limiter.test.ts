/** ARM's limit: 200 writes per subscription, refilled at 10 per second. Alerts take nine tenths of it. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createRateLimiter } from '../../../src/delivery/rate-limiter.ts'
import { PARTS } from '../../support/builders.ts'
import { createFakeClock } from '../../support/fake-clock.ts'

const { subscriptionId } = PARTS
const OTHER = 'ffffffff-0000-1111-2222-333333333333'
const MAX_WAIT_MS = 1_000

function room() {
  const clock = createFakeClock()
  const limiter = createRateLimiter(clock)
  const take = (id = subscriptionId, maxWaitMs = MAX_WAIT_MS): number => Math.round(limiter.take(id, maxWaitMs))
  const spend = (count: number): void => {
    for (let call = 0; call < count; call += 1) take()
  }
  return { clock, limiter, take, spend }
}

describe('the budget', () => {
  it('has 180 calls at once, and then nine per second', () => {
    const { take } = room()
    const waits = Array.from({ length: 189 }, () => take())
    assert.deepEqual(new Set(waits.slice(0, 180)), new Set([0]))
    assert.deepEqual([waits[180], waits[181], waits[188]], [111, 222, 1_000])
  })

  it('is the same for two spellings of a subscription, and another one for another subscription', () => {
    const { take, spend } = room()
    spend(180)
    assert.ok(take(subscriptionId.toUpperCase()) > 0)
    assert.equal(take(OTHER), 0)
  })

  it('never exceeds ARM’s limit in any window, also with calls that wait and others that come meanwhile', async () => {
    const { clock, take } = room()
    const sent: number[] = []
    for (let now = 0; now < 60_000; now += 20) {
      const waitMs = take()
      if (waitMs <= MAX_WAIT_MS) sent.push(now + waitMs)
      await clock.advance(20)
    }
    const times = sent.toSorted((a, b) => a - b)
    for (const [at, from] of times.entries()) {
      const inTenSeconds = times.slice(at).filter((time) => time - from < 10_000).length
      assert.ok(inTenSeconds <= 200 + 10 * 10, `${inTenSeconds} in ten seconds`)
    }
    assert.ok(times.length >= 180 + 9 * 58, `${times.length} calls in a minute`)
  })

  it('is full again after a pause, and never more than full', async () => {
    const { clock, take, spend } = room()
    spend(180)
    await clock.advance(3_600_000)
    spend(180)
    assert.ok(take() > 0)
  })

  it('does not stop where the clock was set back', async () => {
    const clock = createFakeClock()
    let shiftMs = 0
    const limiter = createRateLimiter({ ...clock, now: () => clock.now() + shiftMs })
    for (let call = 0; call < 180; call += 1) limiter.take(subscriptionId, 0)
    shiftMs = -3_600_000
    assert.ok(limiter.take(subscriptionId, 0) <= 1_000)
  })
})

describe('a call that would wait longer than it may', () => {
  it('takes nothing, and is told when to come again', () => {
    const { take, spend } = room()
    spend(180)
    assert.equal(take(subscriptionId, 0), 111)
    assert.equal(take(), 111, 'the first one took nothing')
  })

  it('has a turn of its own: a backlog comes back one by one, as fast as the budget is refilled', async () => {
    const { clock, limiter, take } = room()
    limiter.throttled(subscriptionId, 30_000)
    const turns = Array.from({ length: 900 }, () => take())
    assert.equal(turns[0], 30_000)
    assert.equal(turns.at(-1), 30_000 + 99_889)
    assert.equal(take(OTHER), 0)
    await clock.advance(200_000)
    assert.equal(take(), 0, 'turns in the past are no backlog')
  })
})

describe('a 429 of ARM', () => {
  it('spends the budget for as long as ARM asks', async () => {
    const { clock, limiter, take } = room()
    limiter.throttled(subscriptionId, 30_000)
    assert.equal(take(subscriptionId, 0), 30_000)
    await clock.advance(30_000)
    assert.equal(take(), 0)
  })

  it('that asks for a shorter time does not shorten a longer one', () => {
    const { limiter, take } = room()
    limiter.throttled(subscriptionId, 10_000)
    limiter.throttled(subscriptionId, 0)
    assert.equal(take(subscriptionId, 0), 10_000)
  })

  it('stops a subscription for five minutes at most, whatever it asks for', () => {
    const { limiter, take } = room()
    limiter.throttled(subscriptionId, 86_400_000)
    assert.equal(take(subscriptionId, 0), 300_000)
  })

  it('without a time leaves one call, and then the calls that are refilled', () => {
    const { limiter, take } = room()
    limiter.throttled(subscriptionId, 0)
    assert.equal(take(), 0)
    assert.equal(take(), 111)
  })
})

describe('memory', () => {
  it('has a thousand subscriptions; the one that was used longest ago is forgotten', () => {
    const { take, spend } = room()
    spend(185)
    for (let other = 0; other < 999; other += 1) take(`other-${other}`)
    assert.ok(take() > 0, 'it is kept')
    for (let other = 0; other < 1_000; other += 1) take(`another-${other}`)
    assert.equal(take(), 0, 'it finds a full budget')
  })
})
