import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toAuditEvent } from '../../../src/audit/to-audit-event.ts'
import type { DecisionFacts } from '../../../src/domain/decision.ts'
import type { RecordedFailure } from '../../../src/domain/failure.ts'
import { advance } from '../../../src/domain/operation.ts'
import type { OperationId } from '../../../src/domain/operation-id.ts'
import { ALERT_TRIGGER, anAcceptedAlert, anOperation } from '../../support/an-operation.ts'
import { aBackend, aCaller, IDS } from '../../support/builders.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'

const DUE = '2026-11-23T00:00:00.000Z'
const factsOf = (change: Partial<DecisionFacts> = {}): DecisionFacts => ({
  correlationId: IDS.correlationId,
  trigger: { kind: 'http' },
  outcome: 'failed',
  durationMs: 1,
  ...change,
})
const detailOf = (failure: RecordedFailure): string | undefined => toAuditEvent(factsOf({ failure })).detail

test('an event has nothing but what is known', () => {
  assert.deepEqual(toAuditEvent(factsOf({ failure: { reason: 'configuration_invalid' }, durationMs: 0 })), {
    event: 'reconnect.decision',
    correlationId: IDS.correlationId,
    trigger: { kind: 'http' },
    outcome: 'failed',
    reason: 'configuration_invalid',
    fault: 'us',
    durationMs: 0,
  })
})

test('an event has every fact that is known', () => {
  const { id, ...caller } = aCaller({ name: 'Deploy tool' })
  const operation = { ...anAcceptedAlert(), due: DUE, after: 'PT5M' }
  const facts: DecisionFacts = {
    ...IDS,
    mode: 'on',
    caller: { ...caller, id },
    trigger: ALERT_TRIGGER,
    backend: aBackend().resourceId,
    callerReason: 'deployment',
    outcome: 'deferred',
    failure: { reason: 'arm_unavailable', status: 503, detail: 'd' },
    operation,
    recorded: false,
    sent: { attempts: 2, ambiguous: true, arm: { status: 503, requestId: 'r', correlationId: 'c' } },
    tries: 3,
    delayMs: 1_000.4,
    durationMs: 1.6,
  }
  assert.deepEqual(toAuditEvent(facts), {
    event: 'reconnect.decision',
    operationId: operation.id,
    notRecorded: true,
    correlationId: IDS.correlationId,
    clientRequestId: IDS.clientRequestId,
    caller: { kind: 'app', id, name: 'Deploy tool' },
    trigger: ALERT_TRIGGER,
    backend: aBackend().resourceId,
    after: 'PT5M',
    mode: 'on',
    outcome: 'deferred',
    reason: 'arm_unavailable',
    callerReason: 'deployment',
    detail: 'd',
    fault: 'dependency',
    attempts: 2,
    ambiguous: true,
    armStatus: 503,
    armRequestId: 'r',
    armCorrelationId: 'c',
    tries: 3,
    delayMs: 1_000,
    durationMs: 2,
    due: DUE,
  })
})

test('of a caller only kind, id and name are written, not what the caller may do', () => {
  assert.deepEqual(toAuditEvent(factsOf({ caller: aCaller() })).caller, { kind: 'app', id: aCaller().id })
})

test('the reason is why it was refused; where nothing failed it is the caller’s own words', () => {
  const callerReason = 'deployment'
  const refused = toAuditEvent(factsOf({ callerReason, failure: { reason: 'switched_off' } }))
  assert.deepEqual([refused.reason, refused.callerReason], ['switched_off', callerReason])
  const sent = toAuditEvent(factsOf({ outcome: 'forwarded', callerReason }))
  assert.deepEqual([sent.reason, sent.callerReason, sent.fault], [callerReason, callerReason, undefined])
})

test('the operation that was joined is that of the row, or the one that an alert shares', () => {
  const scheduled = { operationId: 'other' as OperationId, dueEpochMs: START_EPOCH_MS }
  const joined = advance(anOperation({ state: 'accepted' }), { to: 'joined', scheduled }, START_EPOCH_MS)
  assert.equal(toAuditEvent(factsOf({ outcome: 'joined', operation: joined })).joined, 'other')
  const shared = anAcceptedAlert()
  assert.equal(toAuditEvent(factsOf({ outcome: 'joined', operation: shared, joined: shared.id })).joined, shared.id)
})

test('an operation that is recorded has no word about it', () => {
  for (const recorded of [true, undefined]) {
    const facts = factsOf({ operation: anOperation(), ...(recorded === undefined ? {} : { recorded }) })
    assert.ok(!Object.hasOwn(toAuditEvent(facts), 'notRecorded'))
  }
})

test('ambiguous is said of an attempt and of an operation, and only where it is so', () => {
  const sent = { attempts: 1, ambiguous: false }
  assert.ok(!Object.hasOwn(toAuditEvent(factsOf({ sent })), 'ambiguous'))
  assert.equal(toAuditEvent(factsOf({ sent: { ...sent, ambiguous: true } })).ambiguous, true)
  assert.equal(toAuditEvent(factsOf({ sent, operation: { ...anOperation(), ambiguous: true } })).ambiguous, true)
})

test('due is what was decided, else what the operation says', () => {
  assert.equal(toAuditEvent(factsOf({ dueEpochMs: START_EPOCH_MS })).due, DUE)
  assert.equal(toAuditEvent(factsOf({ operation: { ...anOperation(), due: DUE } })).due, DUE)
})

test('the detail is the fact that an operator would ask for', () => {
  assert.equal(detailOf({ reason: 'not_granted', action: 'force', scope: '/s' }), 'action force')
  assert.equal(detailOf({ reason: 'segment_invalid', segment: 'serviceName' }), 'serviceName')
  assert.equal(
    detailOf({ reason: 'header_invalid', header: 'x-reconnect-force', expectation: 'e' }),
    'x-reconnect-force',
  )
  assert.equal(detailOf({ reason: 'parameter_invalid', parameter: 'top', expectation: 'e' }), 'top')
  assert.equal(detailOf({ reason: 'duration_invalid', fault: 'too_long' }), 'too_long')
  const error = { code: 'T', message: 'slow down' }
  assert.equal(detailOf({ reason: 'arm_throttled', status: 429, error }), 'T: slow down')
  assert.equal(detailOf({ reason: 'arm_refused_identity', status: 403, scope: '/s', detail: 'words' }), 'words')
  assert.equal(detailOf({ reason: 'token_signature' }), undefined)
  assert.equal(detailOf({ reason: 'body_too_large', limitBytes: 1 }), undefined)
  assert.equal(toAuditEvent(factsOf({ outcome: 'unmatched', detail: 'match: team' })).detail, 'match: team')
})
