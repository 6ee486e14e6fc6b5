import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  decideDelivery,
  MAX_DELAY_MS,
  type DeliverySituation,
  type DeliveryTrouble,
} from '../../../src/delivery/decide-delivery.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'

const HOUR_MS = 3_600_000
const SITUATION: DeliverySituation = {
  acceptedAtEpochMs: START_EPOCH_MS,
  nowEpochMs: START_EPOCH_MS,
  deliverWithinMs: 6 * HOUR_MS,
  tries: 0,
  random: 0,
}
const error = { code: 'C', message: 'm' }

/** One of each: the compiler asks for every new reason. */
const TROUBLES: {
  readonly [R in DeliveryTrouble['reason']]: readonly [DeliveryTrouble & { readonly reason: R }, 'retry' | 'failed']
} = {
  identity_unavailable: [{ reason: 'identity_unavailable', detail: '' }, 'retry'],
  arm_refused_identity: [{ reason: 'arm_refused_identity', status: 403, scope: 's', detail: '' }, 'failed'],
  arm_rejected: [{ reason: 'arm_rejected', status: 404, error }, 'failed'],
  arm_throttled: [{ reason: 'arm_throttled', status: 429, error }, 'retry'],
  arm_unreachable: [{ reason: 'arm_unreachable', detail: '' }, 'retry'],
  arm_answer_invalid: [{ reason: 'arm_answer_invalid', status: 200, detail: '' }, 'retry'],
  arm_unavailable: [{ reason: 'arm_unavailable', status: 503, detail: '' }, 'retry'],
  arm_failed: [{ reason: 'arm_failed', status: 500, detail: '' }, 'retry'],
  arm_connection_lost: [{ reason: 'arm_connection_lost', detail: '' }, 'retry'],
  outcome_unknown: [{ reason: 'outcome_unknown', detail: '' }, 'retry'],
  deadline_exceeded: [{ reason: 'deadline_exceeded', detail: '' }, 'retry'],
  switched_off: [{ reason: 'switched_off' }, 'retry'],
  paused: [{ reason: 'paused', until: '2026-11-23T01:00:00Z' }, 'retry'],
  write_budget_spent: [{ reason: 'write_budget_spent' }, 'retry'],
}
const retried = Object.values(TROUBLES)
  .filter(([, kind]) => kind === 'retry')
  .map(([trouble]) => trouble)
const delayOf = (trouble: DeliveryTrouble, change: Partial<DeliverySituation> = {}): number => {
  const decision = decideDelivery(trouble, { ...SITUATION, ...change })
  assert.ok(decision.kind === 'retry')
  return decision.delayMs
}

describe('a delivery that ARM did not accept', () => {
  for (const [reason, [trouble, kind]] of Object.entries(TROUBLES))
    it(`${reason}: ${kind}`, () => assert.equal(decideDelivery(trouble, SITUATION).kind, kind))

  it('every refusal of ARM is final, but for 408, which is a time-out', () => {
    for (const status of [400, 404, 405, 409, 412, 415, 422])
      assert.equal(decideDelivery({ reason: 'arm_rejected', status, error }, SITUATION).kind, 'failed')
    assert.equal(decideDelivery({ reason: 'arm_rejected', status: 408, error }, SITUATION).kind, 'retry')
  })

  it('deliverWithin has passed: abandoned, for any trouble; a refusal is still a refusal', () => {
    const late = { ...SITUATION, nowEpochMs: START_EPOCH_MS + 6 * HOUR_MS }
    for (const trouble of retried) assert.equal(decideDelivery(trouble, late).kind, 'abandoned')
    assert.equal(decideDelivery(TROUBLES.arm_rejected[0], late).kind, 'failed')
  })
})

describe('the wait', () => {
  const [unavailable] = TROUBLES.arm_unavailable

  it('doubles from two seconds to two minutes, and is spread over half of it', () => {
    for (const [tries, mostMs] of [
      [0, 2_000],
      [1, 4_000],
      [5, 64_000],
      [6, 120_000],
      [400, 120_000],
    ] as const) {
      assert.equal(delayOf(unavailable, { tries }), mostMs / 2)
      assert.ok(delayOf(unavailable, { tries, random: 0.999 }) > mostMs * 0.99)
    }
  })

  it('is never longer than fifteen minutes, whatever Retry-After says (contract, section 5)', () => {
    assert.equal(MAX_DELAY_MS, 900_000)
    for (const trouble of retried)
      for (const retryAfterMs of [undefined, 899_999, 900_000, 10 ** 12])
        assert.ok(
          delayOf(trouble, { tries: 400, random: 0.999, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }) <=
            MAX_DELAY_MS,
        )
  })

  it('is what ARM asked for, never less, and at most a quarter or five seconds more', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1_000, max: MAX_DELAY_MS - 5_000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (retryAfterMs, random) => {
          const delayMs = delayOf(TROUBLES.arm_throttled[0], { retryAfterMs, random, tries: 3 })
          assert.ok(delayMs >= retryAfterMs && delayMs <= retryAfterMs + Math.min(5_000, retryAfterMs / 4))
        },
      ),
    )
  })

  it('ends where deliverWithin ends, and is never less than nothing', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...retried),
        fc.integer({ min: 1, max: 6 * HOUR_MS }),
        fc.integer({ min: 0, max: 500 }),
        fc.option(fc.integer({ min: 1_000, max: 10 ** 12 }), { nil: undefined }),
        (trouble, leftMs, tries, retryAfterMs) => {
          const delayMs = delayOf(trouble, {
            nowEpochMs: START_EPOCH_MS + 6 * HOUR_MS - leftMs,
            tries,
            ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
            random: 0.5,
          })
          assert.ok(delayMs > 0 && delayMs <= leftMs)
        },
      ),
    )
  })

  it('is half a minute to a minute while reconnects are switched off', () => {
    for (const tries of [0, 5, 100])
      for (const random of [0, 0.999]) {
        const delayMs = delayOf(TROUBLES.switched_off[0], { tries, random })
        assert.ok(delayMs >= 30_000 && delayMs <= 60_000)
      }
  })
})
