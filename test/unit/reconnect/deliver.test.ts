import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { writeAudit } from '../../../src/audit/write-audit.ts'
import type { ArmFailure } from '../../../src/domain/failure.ts'
import type { Forwarded } from '../../../src/reconnect/ports.ts'
import { err } from '../../../src/shared/result.ts'
import { IDS } from '../../support/builders.ts'
import { OPERATION_ID, tellDelivery, TRIGGER, type DeliveryTold } from '../../support/delivery-story.ts'

const HOUR_MS = 3_600_000
const failing = (failure: ArmFailure, more: Partial<Forwarded> = {}): Forwarded => ({
  result: err(failure),
  attempts: 1,
  ambiguous: false,
  ...more,
})
const UNAVAILABLE = failing({ reason: 'arm_unavailable', status: 503, detail: 'd' }, { arm: { status: 503 } })

/** At which level the one event of a delivery is logged. */
function levelOf({ events }: DeliveryTold): string {
  const [event] = events
  assert.ok(event)
  let level = ''
  const at = (name: string) => () => void (level = name)
  writeAudit({ info: at('info'), warn: at('warn'), error: at('error') }, event)
  return level
}
const outcome = ({ events }: DeliveryTold) => events.map((event) => [event.outcome, event.reason])

describe('an accepted alert', () => {
  it('is delivered: find → take its turn → one POST → recorded', async () => {
    const told = await tellDelivery()
    assert.deepEqual([told.thrown, told.steps], [undefined, ['find', 'deliver', 'take', 'forward']])
    assert.deepEqual(told.events, [
      {
        event: 'reconnect.decision',
        operationId: OPERATION_ID,
        correlationId: IDS.correlationId,
        caller: { kind: 'webhook', id: 'w' },
        trigger: TRIGGER,
        backend: told.left.backend,
        mode: 'on',
        outcome: 'forwarded',
        attempts: 1,
        armStatus: 202,
        armRequestId: 'r1',
        tries: 0,
        durationMs: 0,
        due: told.left.due,
      },
    ])
    assert.equal(levelOf(told), 'info')
  })

  it('joins what is coming', async () => {
    const told = await tellDelivery({ meets: 'joined' })
    assert.deepEqual(
      [outcome(told), told.left.state, told.events[0]?.joined],
      [[['joined', undefined]], 'joined', 'other'],
    )
  })

  it('is over: dropped, whoever was faster', async () => {
    for (const found of ['forwarded', 'joined', 'failed', 'abandoned', 'exhausted', 'dry-run'] as const) {
      const told = await tellDelivery({ found })
      assert.deepEqual([told.steps, outcome(told)], [['find'], [['duplicate', undefined]]])
    }
    assert.deepEqual(outcome(await tellDelivery({ meets: 'over' })), [['duplicate', undefined]])
  })

  it('is beyond the loop guard: exhausted, an error', async () => {
    const told = await tellDelivery({ meets: 'exhausted' })
    assert.deepEqual(
      [outcome(told), told.left.state, levelOf(told)],
      [[['exhausted', 'loop_guard']], 'exhausted', 'error'],
    )
  })
})

describe('before anything is sent', () => {
  it('deliverWithin has passed: abandoned, an error, with the last trouble', async () => {
    for (const [lastTrouble, detail] of [
      ['ARM said 503', 'ARM said 503'],
      [undefined, 'it was never tried'],
    ] as const) {
      const told = await tellDelivery({ ageMs: 6 * HOUR_MS, ...(lastTrouble === undefined ? {} : { lastTrouble }) })
      assert.deepEqual(
        [told.steps, outcome(told), told.events[0]?.detail, levelOf(told)],
        [['find', 'end abandoned'], [['abandoned', 'delivery_expired']], detail, 'error'],
      )
      assert.match(told.left.error?.message ?? '', new RegExp(`PT6H.*${detail}`))
    }
    assert.equal((await tellDelivery({ ageMs: 6 * HOUR_MS - 1 })).left.state, 'forwarded')
  })

  it('mode off: waits, whatever the policy says by then', async () => {
    const told = await tellDelivery({ mode: 'off', granted: [] })
    assert.deepEqual(
      [told.steps, told.queued, outcome(told)],
      [['find', 'enqueue'], [{ tries: 1, delayMs: 30_000 }], [['deferred', 'switched_off']]],
    )
    assert.equal((await tellDelivery({ mode: 'off', ageMs: 6 * HOUR_MS })).left.state, 'abandoned')
  })

  it('mode dry-run: ended as such, nothing sent', async () => {
    const told = await tellDelivery({ mode: 'dry-run' })
    assert.deepEqual(
      [told.steps, told.left.state, outcome(told)],
      [['find', 'end dry-run'], 'dry-run', [['dry-run', undefined]]],
    )
  })

  it('the policy of the moment denies it: failed, and not tried again', async () => {
    for (const granted of [[], ['read']] as const) {
      const told = await tellDelivery({ granted })
      assert.deepEqual(
        [told.steps, told.left.state, told.left.error?.code, outcome(told)],
        [['find', 'end failed'], 'failed', 'AuthorizationFailed', [['failed', 'not_granted']]],
      )
    }
  })

  it('ARM’s write budget is spent: comes again when it is not, which counts as no try', async () => {
    const told = await tellDelivery({ paceWaitMs: 8_000, tries: 4 })
    assert.deepEqual([told.steps, told.queued, told.events], [['find', 'enqueue'], [{ tries: 4, delayMs: 16_000 }], []])
    const late = await tellDelivery({ paceWaitMs: 8_000, ageMs: 6 * 3_600_000 - 3_000 })
    assert.deepEqual(
      late.queued,
      [{ tries: 0, delayMs: 3_000 }],
      'and no later than deliverWithin, so that it is reported then',
    )
    assert.equal((await tellDelivery({ paceWaitMs: 1_000 })).left.state, 'forwarded', 'a short wait is sat out')
  })

  it('the operation cannot be read: nothing is sent', async () => {
    const told = await tellDelivery({ found: undefined })
    assert.deepEqual([told.steps, outcome(told)], [['find', 'enqueue'], [['deferred', 'storage_unavailable']]])
  })
})

describe('trouble', () => {
  it('is tried again, later each time, and the operation stays accepted', async () => {
    for (const [tries, delayMs] of [
      [0, 1_000],
      [3, 8_000],
      [20, 60_000],
    ] as const) {
      const told = await tellDelivery({ forwarded: UNAVAILABLE, tries })
      assert.deepEqual(
        [told.left.state, told.left.error?.code, told.queued, outcome(told)],
        ['accepted', 'ServiceUnavailable', [{ tries: tries + 1, delayMs }], [['deferred', 'arm_unavailable']]],
      )
      assert.deepEqual(
        [told.events[0]?.delayMs, told.events[0]?.tries, told.events[0]?.armStatus, levelOf(told)],
        [delayMs, tries, 503, 'warn'],
      )
    }
  })

  it('Retry-After is what ARM asked for', async () => {
    assert.deepEqual((await tellDelivery({ forwarded: { ...UNAVAILABLE, retryAfterMs: 90_000 } })).queued, [
      { tries: 1, delayMs: 90_000 },
    ])
  })

  it('another request in flight, or storage, is tried again', async () => {
    assert.deepEqual(outcome(await tellDelivery({ meets: 'busy' })), [['deferred', 'in_flight_elsewhere']])
    assert.deepEqual(outcome(await tellDelivery({ meets: 'unavailable' })), [['deferred', 'storage_unavailable']])
  })

  it('a refusal of ARM is failed, a warning, and not tried again', async () => {
    const told = await tellDelivery({
      forwarded: failing({
        reason: 'arm_rejected',
        status: 404,
        error: { code: 'ResourceNotFound', message: 'Backend not found.' },
      }),
    })
    assert.deepEqual(
      [told.left.state, told.left.error?.code, told.queued, outcome(told), levelOf(told)],
      ['failed', 'ResourceNotFound', [], [['failed', 'arm_rejected']], 'warn'],
    )
  })

  it('our own identity lacks a role: failed, an error', async () => {
    const told = await tellDelivery({
      forwarded: failing({ reason: 'arm_refused_identity', status: 403, scope: 's', detail: 'object id' }),
    })
    assert.deepEqual(
      [told.left.state, told.left.error?.code, levelOf(told)],
      ['failed', 'UpstreamAuthorizationFailed', 'error'],
    )
    assert.ok(!JSON.stringify(told.left).includes('object id'))
  })

  it('time runs out while it is tried: abandoned', async () => {
    const told = await tellDelivery({ ageMs: 6 * HOUR_MS - 1, forwarded: UNAVAILABLE })
    assert.deepEqual(told.queued, [{ tries: 1, delayMs: 1 }], 'the rest of its time, and then it is found too old')
  })

  it('ARM throttles the subscription: the pace is told; a limit of one service is not the subscription’s', async () => {
    const throttled = (code: string) =>
      failing({ reason: 'arm_throttled', status: 429, error: { code, message: 'm' } }, { retryAfterMs: 17_000 })
    const told = await tellDelivery({ forwarded: throttled('SubscriptionRequestsThrottled') })
    assert.deepEqual(
      told.throttled.map(([, ms]) => ms),
      [17_000],
    )
    assert.deepEqual((await tellDelivery({ forwarded: throttled('ResourceRequestsThrottled') })).throttled, [])
    assert.deepEqual((await tellDelivery({ forwarded: UNAVAILABLE })).throttled, [])
  })
})

describe('nothing is lost', () => {
  it('a message that cannot be kept for later is thrown: the host delivers it again, and no event says that it was deferred', async () => {
    for (const story of [
      { forwarded: UNAVAILABLE },
      { found: undefined },
      { mode: 'off' },
      { paceWaitMs: 60_000 },
    ] as const) {
      const told = await tellDelivery({ ...story, queueFails: true })
      assert.match(String(told.thrown), /could not be kept for later: queue: busy/)
      assert.deepEqual(told.events, [])
    }
  })

  it('an end that could not be written down comes again, and is told when it is', async () => {
    const told = await tellDelivery({ ageMs: 7 * HOUR_MS, recorded: false })
    assert.deepEqual([told.left.state, told.queued, told.events], ['accepted', [{ tries: 0, delayMs: 30_000 }], []])
  })

  it('ARM accepted and it could not be written down: said so, and never sent twice for it', async () => {
    const told = await tellDelivery({ recorded: false })
    assert.deepEqual([told.events[0]?.outcome, told.events[0]?.notRecorded, told.queued], ['forwarded', true, []])
  })
})

describe('the poison queue', () => {
  it('what lies in it is abandoned, an error, with the last trouble', async () => {
    const told = await tellDelivery({ abandons: true, lastTrouble: 'ARM said 503' })
    assert.deepEqual(
      [told.steps, told.left.state, told.left.error?.code, outcome(told), told.events[0]?.detail, levelOf(told)],
      [
        ['find', 'end abandoned'],
        'abandoned',
        'DeliveryFailed',
        [['abandoned', 'delivery_poisoned']],
        'ARM said 503',
        'error',
      ],
    )
  })

  it('unless it has come to its end another way', async () => {
    const told = await tellDelivery({ abandons: true, found: 'forwarded' })
    assert.deepEqual([told.steps, outcome(told)], [['find'], [['duplicate', undefined]]])
  })

  it('stays there while storage is away', async () => {
    assert.match(String((await tellDelivery({ abandons: true, found: undefined })).thrown), /stays in the poison queue/)
    assert.match(String((await tellDelivery({ abandons: true, recorded: false })).thrown), /stays in the poison queue/)
  })
})
