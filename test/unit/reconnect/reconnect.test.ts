import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { OperationId } from '../../../src/domain/operation-id.ts'
import { err, ok } from '../../../src/shared/result.ts'
import { aBackend, aCommand, aDuration } from '../../support/builders.ts'
import { createCore, type Core } from '../../support/core.ts'
import { acceptedAt, ARM_TOOK_MS, failing, NO_ANSWER, NOT_FOUND, UNAVAILABLE } from '../../support/fake-arm.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'
import { RECORD_WITHIN_MS, REQUEST, SCHEDULED, tell, WHAT, WHO, type Story } from '../../support/story.ts'

const DUE = '2026-11-23T00:02:00.000Z'
const PERMITTED = ['framing', 'authenticate', 'read', 'grants']
const withScheduled = (): Core => {
  const core = createCore()
  core.putSlot({ scheduled: SCHEDULED })
  return core
}
/** Another instance is in flight for a minute. */
const withBusySlot = (): Core => {
  const core = createCore()
  core.putSlot({
    inFlight: {
      operationId: 'theirs' as OperationId,
      ownerToken: 'theirs',
      leaseUntilEpochMs: START_EPOCH_MS + 60_000,
      earliestDueEpochMs: START_EPOCH_MS + 90_000,
    },
  })
  return core
}
const withoutStorage = (): Core => {
  const core = createCore()
  core.faults.always('fails', 'readSlot', 'commit', 'writeOperations')
  return core
}

describe('a reconnect', () => {
  test('is checked, authenticated, read, authorized, coordinated, forwarded and recorded, in this order', async () => {
    const command = aCommand({ after: aDuration('PT5M'), reason: 'deployment' })
    const { decision, steps, events, core, operationId } = await tell({ command: ok(command) })
    assert.deepEqual(steps, [...PERMITTED, 'prepare', 'acquire', 'forward'])
    assert.deepEqual(decision.result, ok({ outcome: 'forwarded', command, dueEpochMs: START_EPOCH_MS + 300_000 }))
    assert.deepEqual(decision.arm, acceptedAt(0).arm)
    const row = core.row(operationId as OperationId)
    assert.deepEqual(decision.noted, { operation: row, recorded: true })
    assert.deepEqual([row?.state, row?.after, row?.reason, row?.attempts], ['forwarded', 'PT5M', 'deployment', 1])
    assert.deepEqual(events, [
      {
        ...REQUEST,
        ...WHO,
        ...WHAT,
        operationId,
        after: 'PT5M',
        mode: 'on',
        outcome: 'forwarded',
        reason: 'deployment',
        callerReason: 'deployment',
        due: '2026-11-23T00:05:00.000Z',
        attempts: 1,
        armStatus: 202,
        armRequestId: 'r1',
        armCorrelationId: 'c1',
        durationMs: ARM_TOOK_MS,
      },
    ])
  })

  test('without a duration is due two minutes after the POST that ARM accepted began', async () => {
    const { decision, core, operationId } = await tell()
    assert.ok(decision.result.ok)
    assert.equal(decision.result.value.dueEpochMs, START_EPOCH_MS + 120_000)
    assert.deepEqual(core.slot(), { scheduled: { operationId, dueEpochMs: START_EPOCH_MS + 120_000 } })
  })

  test('with force, by a caller that may force, is forwarded although one is scheduled', async () => {
    const { decision, steps } = await tell({
      core: withScheduled(),
      granted: ['reconnect', 'force'],
      command: ok(aCommand({ force: true })),
    })
    assert.ok(decision.result.ok && decision.result.value.outcome === 'forwarded')
    assert.equal(steps.at(-1), 'forward')
  })
})

describe('a dry run decides everything and sends nothing', () => {
  const CASES: readonly [string, Story][] = [
    ['by mode', { mode: 'dry-run' }],
    ['by header', { command: ok(aCommand({ dryRun: true })) }],
    ['by both', { mode: 'dry-run', command: ok(aCommand({ dryRun: true })) }],
  ]
  for (const [name, story] of CASES) {
    test(`${name}, and says that it would forward`, async () => {
      const { decision, steps, events, core, operationId } = await tell(story)
      assert.deepEqual(steps, [...PERMITTED, 'record'])
      const command = story.command?.ok === true ? story.command.value : aCommand()
      const dueEpochMs = START_EPOCH_MS + 120_000
      assert.deepEqual(decision.result, ok({ outcome: 'dry-run', command, dueEpochMs, would: 'forward' }))
      assert.equal(core.row(operationId as OperationId)?.state, 'dry-run')
      assert.deepEqual(core.slot(), {})
      const mode = story.mode ?? 'on'
      assert.deepEqual(events, [{ ...REQUEST, ...WHO, ...WHAT, operationId, mode, outcome: 'dry-run', due: DUE }])
    })
  }

  test('says that it would join, with the due time of the reconnect that it would join', async () => {
    const { decision } = await tell({ mode: 'dry-run', core: withScheduled() })
    assert.ok(decision.result.ok)
    const { outcome, would, dueEpochMs } = decision.result.value
    assert.deepEqual([outcome, would, dueEpochMs], ['dry-run', 'join', SCHEDULED.dueEpochMs])
  })

  test('says of a request in flight what a request would make of its result, without waiting for it', async () => {
    for (const [after, would] of [
      ['PT2M', 'join'],
      ['PT10S', 'forward'],
    ] as const) {
      const command = ok(aCommand({ after: aDuration(after) }))
      const { decision, core } = await tell({ mode: 'dry-run', core: withBusySlot(), command })
      assert.ok(decision.result.ok && decision.result.value.would === would, after)
      assert.equal(core.clock.now(), START_EPOCH_MS)
    }
  })

  test('says that it would forward while storage cannot be read', async () => {
    const { decision } = await tell({ mode: 'dry-run', core: withoutStorage() })
    assert.ok(decision.result.ok && decision.result.value.would === 'forward')
  })

  test('also refuses, and makes no operation for a caller without a grant', async () => {
    const { decision, steps } = await tell({ granted: [], command: ok(aCommand({ dryRun: true })) })
    assert.ok(!decision.result.ok && decision.result.error.reason === 'not_granted')
    assert.deepEqual([decision.noted, steps], [undefined, PERMITTED])
  })

  test('is off while reconnects are switched off', async () => {
    const { decision } = await tell({ mode: 'off', command: ok(aCommand({ dryRun: true })) })
    assert.ok(!decision.result.ok && decision.result.error.reason === 'switched_off')
  })
})

describe('a reconnect that is scheduled already', () => {
  test('is joined: nothing is sent, and the due time is that of the scheduled one', async () => {
    const { decision, steps, events, core, operationId } = await tell({ core: withScheduled() })
    assert.deepEqual(steps, [...PERMITTED, 'prepare', 'acquire', 'record'])
    const dueEpochMs = SCHEDULED.dueEpochMs
    assert.deepEqual(decision.result, ok({ outcome: 'joined', command: aCommand(), dueEpochMs }))
    assert.equal(decision.arm, undefined)
    const row = core.row(operationId as OperationId)
    assert.deepEqual([row?.state, row?.joined], ['joined', SCHEDULED.operationId])
    assert.deepEqual(events, [
      {
        ...REQUEST,
        ...WHO,
        ...WHAT,
        operationId,
        joined: SCHEDULED.operationId,
        mode: 'on',
        outcome: 'joined',
        due: '2026-11-23T00:01:00.000Z',
      },
    ])
  })

  test('is not joined without the permission to reconnect', async () => {
    const { decision, steps } = await tell({ core: withScheduled(), granted: ['read'] })
    assert.ok(!decision.result.ok && decision.result.error.reason === 'not_granted')
    assert.deepEqual(steps, PERMITTED)
  })
})

test('another request in flight until the time is over: a dependency failed, nothing was sent, and it is recorded', async () => {
  const { decision, steps, events, core, operationId } = await tell({ core: withBusySlot(), deadlineMs: 5_000 })
  assert.deepEqual(steps, [...PERMITTED, 'prepare', 'acquire', 'record'])
  assert.deepEqual(decision.result, err({ reason: 'in_flight_elsewhere' }))
  assert.equal(core.row(operationId as OperationId)?.error?.code, 'ServiceUnavailable')
  assert.deepEqual(events, [
    {
      ...REQUEST,
      ...WHO,
      ...WHAT,
      operationId,
      mode: 'on',
      outcome: 'failed',
      reason: 'in_flight_elsewhere',
      fault: 'dependency',
      durationMs: 5_000,
    },
  ])
})

describe('while storage is away', () => {
  for (const [what, story, outcome] of [
    ['a reconnect is still sent', {}, 'forwarded'],
    ['a dry run is still answered', { mode: 'dry-run' }, 'dry-run'],
  ] as const) {
    test(`${what}, and the event says that it is not recorded`, async () => {
      const { decision, events } = await tell({ ...story, core: withoutStorage() })
      assert.ok(decision.result.ok && decision.result.value.outcome === outcome)
      assert.equal(decision.noted?.recorded, false)
      assert.deepEqual([events[0]?.outcome, events[0]?.notRecorded], [outcome, true])
    })
  }

  test('a reconnect of this process is still joined', async () => {
    const core = withoutStorage()
    const first = await tell({ core })
    const second = await tell({ core })
    assert.ok(second.decision.result.ok && second.decision.result.value.outcome === 'joined')
    assert.equal(second.decision.noted?.operation.joined, first.operationId)
  })
})

describe('an outcome that cannot be recorded in time', () => {
  test('does not hold the answer back for longer than the deadline and its reserve', async () => {
    const core = createCore()
    core.faults.next('commit', 'fine', 'hangs')
    const { decision } = await tell({ core, deadlineMs: 1_000 })
    assert.ok(decision.result.ok && decision.noted?.recorded === false)
    assert.equal(core.clock.now() - START_EPOCH_MS, 1_000 + RECORD_WITHIN_MS)
  })

  test('lets the next request of the process go ahead', async () => {
    const core = createCore()
    core.faults.next('commit', 'fine', 'hangs')
    await tell({ core, forwarded: UNAVAILABLE, deadlineMs: 1_000 })
    await core.clock.advance(60_000)
    assert.ok((await tell({ core })).decision.result.ok)
  })

  test('of a join does not hold the answer back either', async () => {
    const core = withScheduled()
    core.faults.next('writeOperations', 'hangs')
    const { decision } = await tell({ core, deadlineMs: 1_000 })
    assert.ok(decision.result.ok && decision.noted?.recorded === false)
    assert.equal(core.clock.now() - START_EPOCH_MS, 1_000 + RECORD_WITHIN_MS)
  })
})

describe('a refusal or failure of ARM', () => {
  test('ends in one event with everything that is known, and the operation has failed', async () => {
    const forwarded = { ...NOT_FOUND, attempts: 2, ambiguous: true }
    const { decision, events, core, operationId } = await tell({ forwarded })
    assert.deepEqual([decision.result, decision.arm], [NOT_FOUND.result, NOT_FOUND.arm])
    const row = core.row(operationId as OperationId)
    assert.deepEqual(
      [row?.state, row?.attempts, row?.ambiguous, row?.error, row?.due],
      ['failed', 2, true, { code: 'ResourceNotFound', message: 'Backend not found.' }, undefined],
    )
    assert.deepEqual(events, [
      {
        ...REQUEST,
        ...WHO,
        ...WHAT,
        operationId,
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

  test('keeps what was scheduled before, and the next request is forwarded', async () => {
    for (const forwarded of [UNAVAILABLE, NO_ANSWER, NOT_FOUND]) {
      const { core } = await tell({ forwarded })
      assert.deepEqual(core.slot(), {})
      const next = await tell({ core })
      assert.ok(next.decision.result.ok && next.decision.result.value.outcome === 'forwarded')
    }
  })

  test('for a role that our identity lacks is a fault of this app', async () => {
    const detail = 'AuthorizationFailed: the words of ARM'
    const forwarded = failing({
      reason: 'arm_refused_identity',
      status: 403,
      scope: aBackend().resourceId,
      detail,
    })
    const { events } = await tell({ forwarded })
    const [event] = events
    assert.deepEqual([events.length, event?.outcome, event?.fault, event?.detail], [1, 'failed', 'us', detail])
  })
})

describe('a port that breaks its promise', () => {
  for (const breaks of [
    'framing',
    'authenticate',
    'read',
    'grants',
    'prepare',
    'acquire',
    'record',
    'forward',
  ] as const) {
    test(`(${breaks}) is a defect of this app, with one event and an answer`, async () => {
      const { decision, events, core } = await tell({ breaks, ...(breaks === 'record' ? { mode: 'dry-run' } : {}) })
      assert.ok(!decision.result.ok && decision.result.error.reason === 'defect')
      assert.equal(events.length, 1)
      assert.deepEqual([events[0]?.outcome, events[0]?.reason, events[0]?.fault], ['failed', 'defect', 'us'])
      assert.match(events[0]?.detail ?? '', new RegExp(`TypeError: ${breaks} is broken`))
      assert.equal(
        decision.noted?.recorded,
        ['prepare', 'acquire', 'record', 'forward'].includes(breaks) ? false : undefined,
      )
      await core.clock.advance(60_000)
      assert.ok((await tell({ core })).decision.result.ok, 'the backend is not locked')
    })
  }
})
