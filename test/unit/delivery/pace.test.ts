import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPace } from '../../../src/delivery/pace.ts'
import { createFakeClock } from '../../support/fake-clock.ts'
import { PARTS } from '../../support/builders.ts'

const { subscriptionId } = PARTS
const OTHER = 'ffffffff-0000-1111-2222-333333333333'

/** When each of so many deliveries gets its turn, in milliseconds from the start. */
async function turns(
  count: number,
  setUp: (pace: ReturnType<typeof createPace>) => void = () => undefined,
): Promise<readonly number[]> {
  const clock = createFakeClock()
  const pace = createPace(clock)
  setUp(pace)
  const startedAt = clock.now()
  const times: number[] = []
  const all = Promise.all(
    Array.from({ length: count }, () => pace.take(subscriptionId).then(() => times.push(clock.now() - startedAt))),
  )
  for (let steps = 0; times.length < count; steps += 1) {
    assert.ok(steps < 5_000)
    await clock.advance(50)
  }
  await all
  return times
}

test('a thousand deliveries to one subscription keep below ARM’s 200 and 10 per second, in every window', async () => {
  const times = await turns(1_000)
  assert.ok((times.at(-1) ?? 0) >= 80_000, 'ARM itself would take no less')
  assert.ok((times.at(-1) ?? 0) <= 100_000, 'and not much longer')
  for (const [at, from] of times.entries()) {
    const within = times.slice(at).filter((time) => time - from < 10_000).length
    assert.ok(within <= 200 + 10 * 10, `${within} in ten seconds`)
  }
})

test('the first ones do not wait', async () => assert.equal((await turns(100)).at(-1), 0))

test('other subscriptions are not held up, and two spellings are one', async () => {
  const clock = createFakeClock()
  const pace = createPace(clock)
  for (let count = 0; count < 400; count += 1) void pace.take(subscriptionId)
  assert.ok(pace.waitMs(subscriptionId) > 20_000)
  assert.ok(pace.waitMs(subscriptionId.toUpperCase()) > 20_000)
  assert.equal(pace.waitMs(OTHER), 0)
})

test('a 429 empties the bucket until ARM is to be asked again', async () => {
  const clock = createFakeClock()
  const pace = createPace(clock)
  pace.throttled(subscriptionId, 30_000)
  assert.equal(Math.round(pace.waitMs(subscriptionId)), 30_000)
  await clock.advance(30_000)
  assert.equal(pace.waitMs(subscriptionId), 0)
  pace.throttled(subscriptionId, 1_000)
  pace.throttled(subscriptionId, 0)
  assert.equal(Math.round(pace.waitMs(subscriptionId)), 1_000, 'a shorter one does not shorten it')
})

test('a backlog that is put off comes back one by one, as fast as the budget is refilled, and never before ARM is to be asked again', async () => {
  const clock = createFakeClock()
  const pace = createPace(clock)
  pace.throttled(subscriptionId, 30_000)
  const turns = Array.from({ length: 900 }, () => pace.turnMs(subscriptionId))
  assert.equal(Math.round(turns[0] as number), 30_000)
  assert.equal(Math.round(turns.at(-1) as number), 30_000 + 99_889)
  assert.equal(pace.turnMs(OTHER), 0)
  await clock.advance(200_000)
  assert.equal(pace.turnMs(subscriptionId), 0, 'what lies behind us is no backlog')
})
