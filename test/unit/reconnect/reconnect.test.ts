import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { err, ok } from '../../../src/shared/result.ts'
import { aBackend, aCommand, aDuration } from '../../support/builders.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'
import { JOINED, OPERATION_ID } from '../../support/fake-ledger.ts'
import { ACCEPTED, ARM_TOOK_MS, KNOCK, tell, WHAT, WHICH, WHO, type Story } from '../../support/story.ts'

describe('the whole story', () => {
  test('checks, authenticates, reads, authorizes, asks the ledger, forwards and records, in this order', async () => {
    const { decision, steps, events } = await tell({ command: ok(aCommand({ after: aDuration('PT5M') })) })
    assert.deepEqual(steps, ['framing', 'authenticate', 'read', 'grants', 'once', 'forward'])
    assert.ok(decision.result.ok)
    assert.equal(decision.result.value.outcome, 'forwarded')
    assert.equal(decision.result.value.dueEpochMs, START_EPOCH_MS + ARM_TOOK_MS + 300_000)
    assert.deepEqual(decision.arm, ACCEPTED.arm)
    assert.deepEqual(
      [decision.noted?.operation.id, decision.noted?.operation.state, decision.noted?.recorded],
      [OPERATION_ID, 'forwarded', true],
    )
    assert.deepEqual(events, [
      {
        ...KNOCK,
        ...WHICH,
        ...WHO,
        ...WHAT,
        after: 'PT5M',
        mode: 'on',
        outcome: 'forwarded',
        due: '2026-11-23T00:05:00.250Z',
        attempts: 1,
        armStatus: 202,
        armRequestId: 'r1',
        armCorrelationId: 'c1',
        durationMs: ARM_TOOK_MS,
      },
    ])
  })

  test('without a duration it is due when the gateway would reconnect by itself: two minutes after ARM accepted', async () => {
    const { decision } = await tell()
    assert.ok(decision.result.ok)
    assert.equal(decision.result.value.dueEpochMs, START_EPOCH_MS + ARM_TOOK_MS + 120_000)
  })
})

test('whoever may reconnect and force is forwarded with force', async () => {
  const { decision, steps } = await tell({ granted: ['reconnect', 'force'], command: ok(aCommand({ force: true })) })
  assert.ok(decision.result.ok)
  assert.equal(steps.at(-1), 'forward')
})

describe('a dry run decides everything and sends nothing', () => {
  const CASES: readonly [string, Story][] = [
    ['by mode', { mode: 'dry-run' }],
    ['by header', { command: ok(aCommand({ dryRun: true })) }],
    ['by both', { mode: 'dry-run', command: ok(aCommand({ dryRun: true })) }],
  ]
  for (const [name, story] of CASES) {
    test(name, async () => {
      const { decision, steps, events } = await tell(story)
      assert.deepEqual(steps, ['framing', 'authenticate', 'read', 'grants', 'note'])
      assert.ok(decision.result.ok)
      assert.equal(decision.result.value.outcome, 'dry-run')
      assert.equal(decision.arm, undefined)
      assert.equal(decision.noted?.operation.state, 'dry-run')
      assert.deepEqual(events, [
        {
          ...KNOCK,
          ...WHICH,
          ...WHO,
          ...WHAT,
          mode: story.mode ?? 'on',
          outcome: 'dry-run',
          due: '2026-11-23T00:02:00.000Z',
        },
      ])
    })
  }

  test('also refuses: a dry run is no way to find out more, and no operation', async () => {
    const { decision, steps } = await tell({ granted: [], command: ok(aCommand({ dryRun: true })) })
    assert.ok(!decision.result.ok && decision.result.error.reason === 'not_granted')
    assert.deepEqual([decision.noted, steps.includes('note')], [undefined, false])
  })

  test('is off while switched off', async () => {
    const { decision } = await tell({ mode: 'off', command: ok(aCommand({ dryRun: true })) })
    assert.ok(!decision.result.ok && decision.result.error.reason === 'switched_off')
  })
})

describe('a reconnect that is on its way already', () => {
  test('is joined: nothing is sent, and what is due is what was scheduled', async () => {
    const { decision, steps, events } = await tell({ passage: 'joined' })
    assert.deepEqual(steps, ['framing', 'authenticate', 'read', 'grants', 'once'])
    assert.deepEqual(decision.result, ok({ outcome: 'joined', command: aCommand(), dueEpochMs: JOINED.dueEpochMs }))
    assert.equal(decision.arm, undefined)
    assert.deepEqual(events, [
      {
        ...KNOCK,
        ...WHICH,
        joined: JOINED.operationId,
        ...WHO,
        ...WHAT,
        mode: 'on',
        outcome: 'joined',
        due: '2026-11-23T00:01:00.000Z',
      },
    ])
  })

  test('and whose outcome does not come in time is waited for in vain: a dependency failed, nothing was sent', async () => {
    const { decision, steps, events } = await tell({ passage: 'busy' })
    assert.deepEqual(steps, ['framing', 'authenticate', 'read', 'grants', 'once'])
    assert.deepEqual(decision.result, err({ reason: 'in_flight_elsewhere' }))
    assert.equal(decision.noted?.operation.state, 'failed')
    assert.deepEqual(events, [
      {
        ...KNOCK,
        ...WHICH,
        ...WHO,
        ...WHAT,
        mode: 'on',
        outcome: 'failed',
        reason: 'in_flight_elsewhere',
        fault: 'dependency',
      },
    ])
  })

  test('cannot be joined without the permission to reconnect: nobody rides on another’s', async () => {
    const { decision, steps } = await tell({ passage: 'joined', granted: ['read'] })
    assert.ok(!decision.result.ok && decision.result.error.reason === 'not_granted')
    assert.ok(!steps.includes('once'))
  })
})

describe('what could not be written down', () => {
  const CASES: readonly [string, Story, string][] = [
    ['is sent all the same', {}, 'forwarded'],
    ['is joined all the same', { passage: 'joined' }, 'joined'],
    ['is tried all the same', { mode: 'dry-run' }, 'dry-run'],
  ]
  for (const [name, story, outcome] of CASES) {
    test(`${name}, and the event says that it was not`, async () => {
      const { decision, events } = await tell({ ...story, recorded: false })
      assert.ok(decision.result.ok)
      assert.equal(decision.noted?.recorded, false)
      assert.deepEqual(
        [events[0]?.outcome, events[0]?.notRecorded, events[0]?.operationId],
        [outcome, true, OPERATION_ID],
      )
    })
  }
})

describe("ARM's refusals and failures", () => {
  test('end in one event with everything that is known', async () => {
    const failure = {
      reason: 'arm_rejected',
      status: 404,
      error: { code: 'ResourceNotFound', message: 'Backend not found.' },
    } as const
    const { decision, events } = await tell({
      forwarded: { result: err(failure), attempts: 2, ambiguous: true, arm: { status: 404, requestId: 'r1' } },
    })
    assert.deepEqual([decision.result, decision.arm], [err(failure), { status: 404, requestId: 'r1' }])
    const { state, attempts, ambiguous, error, due } = decision.noted?.operation ?? {}
    assert.deepEqual(
      { state, attempts, ambiguous, error, due },
      { state: 'failed', attempts: 2, ambiguous: true, error: failure.error, due: undefined },
    )
    assert.deepEqual(events, [
      {
        ...KNOCK,
        ...WHICH,
        ...WHO,
        ...WHAT,
        mode: 'on',
        outcome: 'refused',
        reason: 'arm_rejected',
        detail: 'ResourceNotFound: Backend not found.',
        fault: 'caller',
        attempts: 2,
        ambiguous: true,
        armStatus: 404,
        armRequestId: 'r1',
        durationMs: ARM_TOOK_MS,
      },
    ])
  })

  test('of our own identity are a fault of ours', async () => {
    const failure = {
      reason: 'arm_refused_identity',
      status: 403,
      scope: aBackend().resourceId,
      detail: 'AuthorizationFailed: the words of ARM',
    } as const
    const { events } = await tell({ forwarded: { result: err(failure), attempts: 1, ambiguous: false } })
    const [event] = events
    assert.deepEqual(
      [events.length, event?.outcome, event?.fault, event?.detail],
      [1, 'failed', 'us', 'AuthorizationFailed: the words of ARM'],
    )
  })
})

describe('a port that breaks its promise', () => {
  for (const breaks of ['framing', 'authenticate', 'read', 'grants', 'once', 'note', 'forward'] as const) {
    test(`(${breaks}) is a defect of ours, with one event and an answer`, async () => {
      const { decision, events } = await tell({ breaks, ...(breaks === 'note' ? { mode: 'dry-run' } : {}) })
      assert.ok(!decision.result.ok && decision.result.error.reason === 'defect')
      assert.equal(events.length, 1)
      assert.deepEqual([events[0]?.outcome, events[0]?.reason, events[0]?.fault], ['failed', 'defect', 'us'])
      assert.match(events[0]?.detail ?? '', new RegExp(`TypeError: ${breaks} is broken`))
    })
  }
})
