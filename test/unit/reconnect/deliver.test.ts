/** What becomes of an accepted alert. Numbers in parentheses are the invariants of docs/coordination.md. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { writeAudit } from '../../../src/audit/write-audit.ts'
import type { QueuedAlert } from '../../../src/domain/queued-alert.ts'
import type { OperationId } from '../../../src/domain/operation-id.ts'
import { MessageComesBack } from '../../../src/reconnect/message-comes-back.ts'
import { ALERT_TRIGGER, anAcceptedAlert, anOperation } from '../../support/an-operation.ts'
import { aBackend, aDuration, IDS } from '../../support/builders.ts'
import { createCore } from '../../support/core.ts'
import { API_VERSION, createDeliveryRoom, type DeliveryRoom, type Told } from '../../support/delivery-story.ts'
import {
  acceptedAt,
  ARM_TOOK_MS,
  failing,
  NO_ANSWER,
  NOT_FOUND,
  UNAVAILABLE,
  type FakePost,
} from '../../support/fake-arm.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'

const HOUR_MS = 3_600_000
const SIX_HOURS_MS = 6 * HOUR_MS
const DAY_MS = 24 * HOUR_MS
const rfc3339 = (epochMs: number): string => new Date(epochMs).toISOString()

/** The log level of the one event of a delivery. */
function levelOf({ events }: Told): string {
  const [event, ...more] = events
  assert.ok(event && more.length === 0, 'a delivery has one event')
  let level = ''
  const at = (name: string) => () => void (level = name)
  writeAudit({ info: at('info'), warn: at('warn'), error: at('error') }, event)
  return level
}
const outcomes = ({ events }: Told): string[] =>
  events.map(({ outcome, reason }) => [outcome, reason].filter((part) => part !== undefined).join(' '))
/** The event says so, and the message comes back. */
function assertComesBack(told: Told, reason: string): void {
  assert.ok(told.thrown instanceof MessageComesBack, String(told.thrown))
  assert.deepEqual([outcomes(told), told.events[0]?.delayMs], [[`deferred ${reason}`], 30_000])
}
const stateOf = ({ row }: DeliveryRoom, { operation }: QueuedAlert) => row(operation.id)?.state

describe('an accepted alert', () => {
  it('is authorized again, sent once under a lease, and recorded', async () => {
    const there = createDeliveryRoom()
    const alert = there.accept()
    const told = await there.deliver(alert)
    assert.equal(told.thrown, undefined)
    assert.deepEqual(there.arm.posts, [
      {
        backend: aBackend().resourceId,
        apiVersion: API_VERSION,
        ids: { correlationId: IDS.correlationId },
        maxAttempts: 1,
        atEpochMs: START_EPOCH_MS,
      } satisfies FakePost,
    ])
    const due = rfc3339(START_EPOCH_MS + 120_000)
    assert.deepEqual(told.events, [
      {
        event: 'reconnect.decision',
        operationId: alert.operation.id,
        correlationId: IDS.correlationId,
        caller: { kind: 'webhook', id: 'w' },
        trigger: ALERT_TRIGGER,
        backend: aBackend().resourceId,
        mode: 'on',
        outcome: 'forwarded',
        attempts: 1,
        armStatus: 202,
        armRequestId: 'r1',
        armCorrelationId: 'c1',
        tries: 0,
        durationMs: ARM_TOOK_MS,
        due,
      },
    ])
    assert.equal(levelOf(told), 'info')
    const { state, attempts, arm } = there.row(alert.operation.id) ?? {}
    assert.deepEqual([state, attempts, arm], ['forwarded', 1, { status: 202, requestId: 'r1', correlationId: 'c1' }])
    assert.deepEqual(there.queued, [])
  })

  it('is due from the start of the POST that ARM accepted, with its own after (10)', async () => {
    const there = createDeliveryRoom()
    const alert = there.accept({ after: aDuration('PT5M') })
    await there.deliver(alert)
    assert.equal(there.row(alert.operation.id)?.due, rfc3339(START_EPOCH_MS + 300_000))
    assert.equal(there.slot().scheduled?.dueEpochMs, START_EPOCH_MS + 300_000)
  })

  it('that has no row is sent and recorded: its message has everything', async () => {
    const there = createDeliveryRoom()
    const alert = there.accept()
    there.rows.operations.clear()
    await there.deliver(alert)
    assert.equal(stateOf(there, alert), 'forwarded')
  })

  it('joins what comes after it', async () => {
    const there = createDeliveryRoom()
    const alert = there.accept()
    there.putSlot({ scheduled: { operationId: 'other' as OperationId, dueEpochMs: START_EPOCH_MS + 60_000 } })
    const told = await there.deliver(alert)
    assert.deepEqual([outcomes(told), told.events[0]?.joined, there.arm.posts.length], [['joined'], 'other', 0])
    assert.deepEqual([stateOf(there, alert), there.row(alert.operation.id)?.joined], ['joined', 'other'])
  })

  it('beyond the loop guard is exhausted, an error', async () => {
    const there = createDeliveryRoom({ limitCount: 1 })
    await there.deliver(there.accept())
    await there.clock.advance(120_000)
    const second = there.accept()
    const told = await there.deliver(second)
    assert.deepEqual(
      [outcomes(told), levelOf(told), stateOf(there, second)],
      [['exhausted loop_guard'], 'error', 'exhausted'],
    )
    assert.equal(there.arm.posts.length, 1)
  })
})

describe('a message that is seen again', () => {
  it('after its operation has ended is a duplicate, in any state', async () => {
    for (const state of ['forwarded', 'joined', 'failed', 'abandoned', 'exhausted', 'dry-run'] as const) {
      const there = createDeliveryRoom()
      const told = await there.deliver(there.accept({ operation: anAcceptedAlert({ state }) }))
      assert.deepEqual([told.thrown, outcomes(told), there.arm.posts.length], [undefined, ['duplicate'], 0])
    }
  })

  it('long after it was sent is a duplicate, in any instance', async () => {
    const there = createDeliveryRoom()
    const alert = there.accept()
    await there.deliver(alert)
    await there.clock.advance(600_000)
    assert.deepEqual(outcomes(await there.beside().deliver(alert)), ['duplicate'])
  })

  it('after a later message was stored is a duplicate: copies do not multiply (8)', async () => {
    const there = createDeliveryRoom()
    const alert = there.accept()
    there.arm.next(UNAVAILABLE)
    await there.deliver(alert)
    assert.deepEqual(outcomes(await there.deliver(alert)), ['duplicate'])
    assert.equal(there.queued.length, 1)
    assert.deepEqual(outcomes(await there.deliver(there.queued[0]?.alert as QueuedAlert)), ['forwarded'])
  })

  it('while it is being sent comes back: that is never a reason to delete it (8)', async () => {
    const there = createDeliveryRoom()
    const alert = there.accept()
    const copy = there.beside()
    there.putSlot({
      inFlight: {
        operationId: alert.operation.id,
        ownerToken: 'the first copy',
        leaseUntilEpochMs: START_EPOCH_MS + 45_000,
        earliestDueEpochMs: START_EPOCH_MS + 120_000,
      },
    })
    assertComesBack(await copy.deliver(alert), 'in_flight_elsewhere')
    assert.deepEqual(copy.queued, [], 'and stores no new message (7)')
  })

  it('in two instances at the same moment sends once', async () => {
    const there = createDeliveryRoom({ core: createCore({ latencyMs: 20 }) })
    const copy = there.beside()
    const alert = there.accept()
    const both = await Promise.all([there.deliver(alert), copy.deliver(alert)])
    assert.equal(there.arm.posts.length, 1)
    assert.deepEqual(both.flatMap(outcomes).toSorted(), ['duplicate', 'forwarded'])
  })
})

describe('before anything is sent', () => {
  it('a webhook without the grant of the moment: failed, and not tried again', async () => {
    for (const granted of [[], ['read']] as const) {
      const there = createDeliveryRoom({ granted })
      const alert = there.accept()
      const told = await there.deliver(alert)
      assert.deepEqual(
        [outcomes(told), there.row(alert.operation.id)?.error?.code, there.arm.posts.length],
        [['failed not_granted'], 'AuthorizationFailed', 0],
      )
    }
  })

  it('a webhook that the policy no longer has: failed, although a grant names it', async () => {
    const there = createDeliveryRoom({ webhooks: ['another'] })
    assert.deepEqual(outcomes(await there.deliver(there.accept())), ['failed not_granted'])
    assert.equal(there.arm.posts.length, 0)
  })

  it('deliverWithin has passed: abandoned, an error, with the last trouble', async () => {
    for (const [error, detail] of [
      [{ code: 'C', message: 'ARM said 503' }, 'ARM said 503'],
      [undefined, 'it was never tried'],
    ] as const) {
      const there = createDeliveryRoom()
      const alert = there.accept({ operation: anAcceptedAlert(error === undefined ? {} : { error }) })
      await there.clock.advance(SIX_HOURS_MS)
      const told = await there.deliver(alert)
      assert.deepEqual(
        [outcomes(told), told.events[0]?.detail, levelOf(told), stateOf(there, alert), there.arm.posts.length],
        [['abandoned delivery_expired'], detail, 'error', 'abandoned', 0],
      )
      assert.match(there.row(alert.operation.id)?.error?.message ?? '', new RegExp(`PT6H.*${detail}`))
      assert.equal(there.slot().inFlight, undefined)
    }
  })

  it('a millisecond before deliverWithin has passed: sent', async () => {
    const there = createDeliveryRoom()
    const alert = there.accept()
    await there.clock.advance(SIX_HOURS_MS - 1)
    assert.deepEqual(outcomes(await there.deliver(alert)), ['forwarded'])
  })

  it('mode off: waits, which is no attempt; after deliverWithin it is abandoned', async () => {
    const there = createDeliveryRoom({ mode: 'off' })
    const alert = there.accept()
    const told = await there.deliver(alert)
    assert.deepEqual(outcomes(told), ['deferred switched_off'])
    const [next] = there.queued
    assert.deepEqual([next?.delayMs, next?.alert.tries, next?.alert.generation], [30_000, 0, 1])
    await there.clock.advance(SIX_HOURS_MS)
    assert.deepEqual(outcomes(await there.deliver(next?.alert as QueuedAlert)), ['abandoned delivery_expired'])
    assert.equal(there.arm.posts.length, 0)
  })

  it('mode dry-run: ends as such, and nothing is sent', async () => {
    const there = createDeliveryRoom({ mode: 'dry-run' })
    const alert = there.accept({ after: aDuration('PT5M') })
    assert.deepEqual(outcomes(await there.deliver(alert)), ['dry-run'])
    assert.deepEqual([stateOf(there, alert), there.arm.posts.length], ['dry-run', 0])
    assert.equal(there.row(alert.operation.id)?.due, rfc3339(START_EPOCH_MS + 300_000))
    assert.deepEqual(there.slot(), {})
  })

  it('ARM’s write budget is spent: comes again when it is refilled, which is no attempt', async () => {
    const there = createDeliveryRoom()
    there.rateLimiter.throttled(aBackend().subscriptionId, 8_000)
    const told = await there.deliver(there.accept({ tries: 4 }))
    const [next] = there.queued
    assert.deepEqual(
      [outcomes(told), Math.round(next?.delayMs ?? 0), next?.alert.tries],
      [['deferred write_budget_spent'], 8_000, 4],
    )
    assert.equal(there.arm.posts.length, 0)
  })

  it('a wait of a second for the write budget is sat out under the lease', async () => {
    const there = createDeliveryRoom()
    there.rateLimiter.throttled(aBackend().subscriptionId, 1_000)
    assert.deepEqual(outcomes(await there.deliver(there.accept())), ['forwarded'])
    assert.equal(there.arm.posts[0]?.atEpochMs, START_EPOCH_MS + 1_000)
  })

  it('storage is away: nothing is sent, and the same message comes back (7)', async () => {
    const there = createDeliveryRoom()
    there.faults.always('fails', 'readSlot')
    assertComesBack(await there.deliver(there.accept()), 'storage_unavailable')
    assert.deepEqual([there.arm.posts.length, there.queued.length], [0, 0])
  })
})

describe('an attempt that ARM did not accept', () => {
  it('is repeated later, each time after a longer wait; the operation stays accepted, with the reason', async () => {
    for (const [tries, delayMs] of [
      [0, 1_000],
      [3, 8_000],
      [20, 60_000],
    ] as const) {
      const there = createDeliveryRoom()
      const alert = there.accept({ tries, generation: tries })
      there.arm.next(UNAVAILABLE)
      const told = await there.deliver(alert)
      const [next] = there.queued
      assert.deepEqual(
        [outcomes(told), levelOf(told), told.events[0]?.delayMs, told.events[0]?.tries, told.events[0]?.armStatus],
        [['deferred arm_unavailable'], 'warn', delayMs, tries, 503],
      )
      assert.deepEqual([next?.delayMs, next?.alert.tries, next?.alert.generation], [delayMs, tries + 1, tries + 1])
      const { state, error, attempts, generation, sendingBy } = there.row(alert.operation.id) ?? {}
      assert.deepEqual(
        [state, error?.code, attempts, generation, sendingBy],
        ['accepted', 'ServiceUnavailable', 1, tries + 1, undefined],
      )
      assert.equal(there.slot().inFlight, undefined, 'the lease is released')
    }
  })

  it('stores the next message before it releases the lease (5)', async () => {
    const there = createDeliveryRoom()
    const alert = there.accept()
    there.arm.next(UNAVAILABLE)
    let inFlight: unknown
    there.onEnqueue(() => void (inFlight = there.slot().inFlight?.operationId))
    await there.deliver(alert)
    assert.equal(inFlight, alert.operation.id)
    assert.equal(there.slot().inFlight, undefined)
  })

  it('waits as long as ARM asks, and no longer than deliverWithin lasts', async () => {
    const asked = createDeliveryRoom()
    asked.arm.next({ ...UNAVAILABLE, retryAfterMs: 90_000 })
    await asked.deliver(asked.accept())
    assert.equal(asked.queued[0]?.delayMs, 90_000)
    const late = createDeliveryRoom()
    const alert = late.accept()
    await late.clock.advance(SIX_HOURS_MS - 1_000)
    late.arm.next({ ...UNAVAILABLE, retryAfterMs: 90_000 })
    await late.deliver(alert)
    assert.equal(late.queued[0]?.delayMs, 1_000 - ARM_TOOK_MS)
  })

  it('whose end comes after deliverWithin is abandoned, with what ARM said', async () => {
    const there = createDeliveryRoom()
    const alert = there.accept()
    await there.clock.advance(SIX_HOURS_MS - 1)
    there.arm.next(UNAVAILABLE)
    const told = await there.deliver(alert)
    assert.deepEqual(
      [outcomes(told), told.events[0]?.armStatus, stateOf(there, alert), there.queued],
      [['abandoned delivery_expired'], 503, 'abandoned', []],
    )
    assert.equal(there.row(alert.operation.id)?.attempts, 1)
  })

  it('and that ARM refused is failed, a warning, and not repeated', async () => {
    const there = createDeliveryRoom()
    const alert = there.accept()
    there.arm.next(NOT_FOUND)
    const told = await there.deliver(alert)
    assert.deepEqual(
      [outcomes(told), levelOf(told), stateOf(there, alert), there.row(alert.operation.id)?.error?.code, there.queued],
      [['failed arm_rejected'], 'warn', 'failed', 'ResourceNotFound', []],
    )
  })

  it('for a role that our identity lacks is failed, an error, without ARM’s words in the operation', async () => {
    const there = createDeliveryRoom()
    const alert = there.accept()
    there.arm.next(failing({ reason: 'arm_refused_identity', status: 403, scope: 's', detail: 'object id' }))
    const told = await there.deliver(alert)
    assert.deepEqual(
      [levelOf(told), there.row(alert.operation.id)?.error?.code],
      ['error', 'UpstreamAuthorizationFailed'],
    )
    assert.ok(!JSON.stringify(there.row(alert.operation.id)).includes('object id'))
  })

  it('counts for the loop guard where ARM may have acted, and not where it did not', async () => {
    for (const [answer, sends] of [
      [NO_ANSWER, [START_EPOCH_MS + ARM_TOOK_MS]],
      [UNAVAILABLE, undefined],
      [NOT_FOUND, undefined],
    ] as const) {
      const there = createDeliveryRoom()
      there.arm.next(answer)
      await there.deliver(there.accept())
      assert.deepEqual(there.slot().alertSends, sends)
    }
  })

  it('because the subscription is throttled spends its budget; a limit of one service does not', async () => {
    for (const [code, waits] of [
      ['SubscriptionRequestsThrottled', true],
      ['ResourceRequestsThrottled', false],
    ] as const) {
      const there = createDeliveryRoom()
      const error = { code, message: 'm' }
      there.arm.next(failing({ reason: 'arm_throttled', status: 429, error }, { retryAfterMs: 17_000 }))
      await there.deliver(there.accept())
      assert.equal(there.rateLimiter.take(aBackend().subscriptionId, 0) > 0, waits, code)
      assert.equal(there.queued[0]?.delayMs, 17_000)
    }
  })

  it('keeps what was scheduled before (11)', async () => {
    const there = createDeliveryRoom()
    const scheduled = { operationId: 'earlier' as OperationId, dueEpochMs: START_EPOCH_MS - 1 }
    there.putSlot({ scheduled })
    there.arm.next(UNAVAILABLE)
    await there.deliver(there.accept())
    assert.deepEqual(there.slot(), { scheduled })
  })
})

describe('nothing is lost', () => {
  it('when the next message cannot be stored: the message comes back, and its copies wait until a late one has arrived (7)', async () => {
    const there = createDeliveryRoom()
    const alert = there.accept({ tries: 3, generation: 3 })
    there.arm.next(UNAVAILABLE)
    there.failQueue()
    const told = await there.deliver(alert)
    assert.ok(told.thrown instanceof MessageComesBack)
    assert.deepEqual(outcomes(told), ['deferred arm_unavailable'])
    const { generation, notBefore } = there.row(alert.operation.id) ?? {}
    assert.deepEqual([generation, notBefore], [3, rfc3339(START_EPOCH_MS + ARM_TOOK_MS + 60_000)])
    assert.equal(there.slot().inFlight, undefined)
    there.failQueue(false)
    assertComesBack(await there.deliver(alert), 'in_flight_elsewhere')
    await there.clock.advance(60_000)
    assert.deepEqual(outcomes(await there.deliver(alert)), ['forwarded'])
  })

  it('when an end cannot be recorded: the message comes back, and nothing is called an end (6)', async () => {
    const there = createDeliveryRoom()
    const alert = there.accept()
    there.arm.next(NOT_FOUND)
    there.faults.next('commit', 'fine', ...Array.from({ length: 12 }, () => 'fails' as const))
    assertComesBack(await there.deliver(alert), 'storage_unavailable')
    assert.equal(stateOf(there, alert), 'accepted')
  })

  it('when an end without a lease cannot be recorded: the message comes back (6)', async () => {
    const there = createDeliveryRoom({ granted: [] })
    const alert = there.accept()
    there.faults.always('fails', 'commit')
    assertComesBack(await there.deliver(alert), 'storage_unavailable')
  })

  it('when the lease was lost meanwhile: no end is written, and the message comes back (4)', async () => {
    const there = createDeliveryRoom()
    const alert = there.accept()
    const theirs = {
      inFlight: {
        operationId: alert.operation.id,
        ownerToken: 'theirs',
        leaseUntilEpochMs: START_EPOCH_MS + 90_000,
        earliestDueEpochMs: START_EPOCH_MS + 120_000,
      },
    }
    there.arm.next(() => {
      there.putSlot(theirs)
      return NOT_FOUND
    })
    assertComesBack(await there.deliver(alert), 'in_flight_elsewhere')
    assert.deepEqual([stateOf(there, alert), there.slot()], ['accepted', theirs])
  })

  it('when another delivery has ended the operation meanwhile: its end stays (3)', async () => {
    const there = createDeliveryRoom()
    const alert = there.accept()
    there.arm.next(() => {
      there.putRow({ ...alert.operation, state: 'joined' })
      return acceptedAt(START_EPOCH_MS)
    })
    await there.deliver(alert)
    assert.equal(stateOf(there, alert), 'joined')
    assert.equal(there.slot().scheduled?.operationId, alert.operation.id)
  })

  it('a defect has its event, the message comes back, and the next request of the process goes ahead', async () => {
    const there = createDeliveryRoom()
    there.arm.next(() => {
      throw new TypeError('a defect')
    })
    const told = await there.deliver(there.accept())
    assert.ok(told.thrown instanceof MessageComesBack && told.thrown.cause instanceof TypeError)
    assert.deepEqual([outcomes(told), levelOf(told)], [['failed defect'], 'error'])
    await there.clock.advance(60_000)
    assert.deepEqual(outcomes(await there.deliver(there.accept())), ['forwarded'])
  })

  it('a message that keeps coming back is reported a day after deliverWithin, and deleted (7)', async () => {
    const there = createDeliveryRoom()
    const alert = there.accept()
    there.faults.always('fails', 'readSlot')
    await there.clock.advance(SIX_HOURS_MS + DAY_MS - 1_000)
    const early = await there.deliver(alert)
    assert.ok(early.thrown instanceof MessageComesBack)
    await there.clock.advance(6_000)
    const told = await there.deliver(alert)
    assert.deepEqual(
      [told.thrown, outcomes(told), told.events[0]?.notRecorded, levelOf(told)],
      [undefined, ['abandoned delivery_expired'], true, 'error'],
    )
  })
})

describe('ARM accepted, and that cannot be recorded', () => {
  const unrecorded = async () => {
    const there = createDeliveryRoom()
    const alert = there.accept()
    there.faults.next('commit', 'fine', ...Array.from({ length: 12 }, () => 'fails' as const))
    const told = await there.deliver(alert)
    return { ...there, alert, told }
  }

  it('a message carries it, so that nothing is sent again (6)', async () => {
    const there = await unrecorded()
    assert.deepEqual(
      [there.told.thrown, outcomes(there.told), there.told.events[0]?.notRecorded],
      [undefined, ['forwarded'], true],
    )
    const [carrier] = there.queued
    assert.ok(carrier)
    assert.equal(carrier.delayMs, 5_000)
    assert.deepEqual(carrier.alert.sent, {
      ownerToken: there.slot().inFlight?.ownerToken,
      dueEpochMs: START_EPOCH_MS + 120_000,
      attempts: 1,
      ambiguous: false,
      arm: { status: 202, requestId: 'r1', correlationId: 'c1' },
    })
    const told = await there.deliver(carrier.alert)
    assert.deepEqual(
      [outcomes(told), stateOf(there, there.alert), there.arm.posts.length],
      [['forwarded'], 'forwarded', 1],
    )
    assert.deepEqual(there.slot().scheduled, {
      operationId: there.alert.operation.id,
      dueEpochMs: START_EPOCH_MS + 120_000,
    })
    assert.equal(there.slot().alertSends?.length, 1, 'it counts for the loop guard')
  })

  it('the message that carries it is recorded from the poison queue too, and never abandoned', async () => {
    const there = await unrecorded()
    const told = await there.abandon(there.queued[0]?.alert as QueuedAlert)
    assert.deepEqual([outcomes(told), stateOf(there, there.alert)], [['forwarded'], 'forwarded'])
  })

  it('the message that carries it needs no grant: ARM has accepted already', async () => {
    const there = await unrecorded()
    const without = there.beside({ granted: [] })
    assert.deepEqual(outcomes(await without.deliver(there.queued[0]?.alert as QueuedAlert)), ['forwarded'])
  })

  it('a second copy of it is a duplicate', async () => {
    const there = await unrecorded()
    const carrier = there.queued[0]?.alert as QueuedAlert
    await there.deliver(carrier)
    assert.deepEqual(outcomes(await there.deliver(carrier)), ['duplicate'])
  })

  it('it comes back while storage is away', async () => {
    const there = await unrecorded()
    there.faults.always('fails', 'readSlot')
    assertComesBack(await there.deliver(there.queued[0]?.alert as QueuedAlert), 'storage_unavailable')
  })

  it('without a message either, the alert comes back: sent twice rather than lost', async () => {
    const there = createDeliveryRoom()
    const alert = there.accept()
    there.faults.next('commit', 'fine', ...Array.from({ length: 12 }, () => 'fails' as const))
    there.failQueue()
    const told = await there.deliver(alert)
    assert.ok(told.thrown instanceof MessageComesBack)
    assert.deepEqual(outcomes(told), ['forwarded'])
  })

  it('a write that takes longer than eight seconds is not waited for', async () => {
    const there = createDeliveryRoom()
    const alert = there.accept()
    there.faults.next('commit', 'fine', 'hangs')
    const told = await there.deliver(alert)
    assert.deepEqual([told.events[0]?.durationMs, there.queued.length], [ARM_TOOK_MS + 8_000, 1])
  })

  it('because storage refuses every form of the row and the lease was lost, a message carries it too (6)', async () => {
    const there = createDeliveryRoom()
    const alert = there.accept()
    there.arm.next(() => {
      there.putSlot({ alertSends: [1] })
      there.faults.always('refuses', 'commit')
      return acceptedAt(START_EPOCH_MS)
    })
    const told = await there.deliver(alert)
    assert.deepEqual([told.events[0]?.notRecorded, there.queued.length], [true, 1])
  })
})

describe('the poison queue', () => {
  it('a message in it is abandoned, an error, with the last trouble', async () => {
    const there = createDeliveryRoom()
    const error = { code: 'C', message: 'ARM said 503' }
    const alert = there.accept({ operation: anAcceptedAlert({ error }) })
    const told = await there.abandon(alert)
    assert.deepEqual(
      [told.thrown, outcomes(told), levelOf(told), told.events[0]?.detail],
      [undefined, ['abandoned delivery_poisoned'], 'error', 'ARM said 503'],
    )
    assert.deepEqual(
      [stateOf(there, alert), there.row(alert.operation.id)?.error?.code],
      ['abandoned', 'DeliveryFailed'],
    )
    assert.deepEqual([there.arm.posts.length, there.slot()], [0, {}])
  })

  it('without a known trouble it says so', async () => {
    const there = createDeliveryRoom()
    const told = await there.abandon(there.accept())
    assert.equal(told.events[0]?.detail, 'no earlier attempt left a reason')
  })

  it('an operation that has ended in another way, or has a later message, keeps that', async () => {
    for (const change of [{ state: 'forwarded' }, { generation: 1 }] as const) {
      const there = createDeliveryRoom()
      const alert = there.accept({ operation: anAcceptedAlert(change) })
      assert.deepEqual(outcomes(await there.abandon(alert)), ['duplicate'])
      assert.equal(stateOf(there, alert), change.state ?? 'accepted')
    }
  })

  it('an alert that a scheduled reconnect covers joins it', async () => {
    const there = createDeliveryRoom()
    const alert = there.accept()
    there.putSlot({ scheduled: { operationId: 'other' as OperationId, dueEpochMs: START_EPOCH_MS + 60_000 } })
    assert.deepEqual(outcomes(await there.abandon(alert)), ['joined'])
  })

  it('beyond the loop guard it is abandoned as well', async () => {
    const there = createDeliveryRoom({ limitCount: 1 })
    there.putSlot({ alertSends: [START_EPOCH_MS] })
    const alert = there.accept()
    assert.deepEqual(outcomes(await there.abandon(alert)), ['abandoned delivery_poisoned'])
    assert.equal(stateOf(there, alert), 'abandoned')
  })

  it('without a grant the operation has failed', async () => {
    const there = createDeliveryRoom({ granted: [] })
    assert.deepEqual(outcomes(await there.abandon(there.accept())), ['failed not_granted'])
  })

  it('the message stays while storage is away, or another delivery is in flight', async () => {
    const away = createDeliveryRoom()
    away.faults.always('fails', 'readSlot')
    assertComesBack(await away.abandon(away.accept()), 'storage_unavailable')
    const busy = createDeliveryRoom()
    const alert = busy.accept()
    busy.putSlot({
      inFlight: {
        operationId: anOperation().id,
        ownerToken: 'theirs',
        leaseUntilEpochMs: START_EPOCH_MS + 90_000,
        earliestDueEpochMs: START_EPOCH_MS,
      },
    })
    assertComesBack(await busy.abandon(alert), 'in_flight_elsewhere')
  })
})
