import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Failure } from '../../../src/domain/failure.ts'
import { toAuditEvent } from '../../../src/reconnect/audit-event.ts'
import type { Trail } from '../../../src/reconnect/decision.ts'
import { err, ok } from '../../../src/shared/result.ts'
import { endOperation, startOperation } from '../../../src/ledger/operations.ts'
import { aBackend, aCaller, aCommand, aPermit, IDS } from '../../support/builders.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'
import { JOINED, OPERATION_ID } from '../../support/fake-ledger.ts'

function detailOf(failure: Failure): string | undefined {
  return toAuditEvent({ ids: IDS, mode: 'on', trail: {}, result: err(failure), durationMs: 1 }).detail
}

test('before anything is known there is only the knock and the reason', () => {
  const event = toAuditEvent({
    ids: { correlationId: IDS.correlationId },
    trail: {},
    result: err({ reason: 'configuration_invalid' }),
    durationMs: 0,
  })
  assert.deepEqual(event, {
    event: 'reconnect.decision',
    correlationId: IDS.correlationId,
    trigger: { kind: 'http' },
    outcome: 'failed',
    reason: 'configuration_invalid',
    fault: 'us',
    durationMs: 0,
  })
})

test('of a caller only kind, id and name are written, not what they may do', () => {
  const event = toAuditEvent({
    ids: IDS,
    mode: 'on',
    trail: { caller: aCaller({ name: 'Deploy tool' }) },
    result: err({ reason: 'switched_off' }),
    durationMs: 1,
  })
  assert.deepEqual(event.caller, { kind: 'app', id: aCaller().id, name: 'Deploy tool' })
})

test('the backend is spelled as the caller spelled it', () => {
  const command = aCommand({ backend: aBackend({ backendId: 'Orders' }) })
  const event = toAuditEvent({
    ids: IDS,
    mode: 'on',
    trail: { command },
    result: ok({ outcome: 'dry-run', command, dueEpochMs: START_EPOCH_MS }),
    durationMs: 1,
  })
  assert.match(event.backend ?? '', /\/backends\/Orders$/)
})

test('ambiguous is said when it is so, and only then', () => {
  const result = err({ reason: 'arm_failed', status: 500, detail: 'd' } as const)
  assert.equal(
    toAuditEvent({ ids: IDS, mode: 'on', trail: { ambiguous: true }, result, durationMs: 1 }).ambiguous,
    true,
  )
  assert.equal(
    Object.hasOwn(
      toAuditEvent({ ids: IDS, mode: 'on', trail: { ambiguous: false }, result, durationMs: 1 }),
      'ambiguous',
    ),
    false,
  )
})

test('operation, joined and notRecorded are said where there is an operation, and only then', () => {
  const command = aCommand()
  const started = startOperation(aPermit(), OPERATION_ID, START_EPOCH_MS)
  const joined = endOperation(started, { kind: 'joined', scheduled: JOINED }, START_EPOCH_MS)
  const said = (trail: Trail): object => {
    const event = toAuditEvent({
      ids: IDS,
      mode: 'on',
      trail,
      result: ok({ outcome: 'joined', command, dueEpochMs: START_EPOCH_MS }),
      durationMs: 1,
    })
    return Object.fromEntries(
      Object.entries(event).filter(([name]) => ['operationId', 'joined', 'notRecorded'].includes(name)),
    )
  }
  assert.deepEqual(said({ noted: { operation: joined, recorded: true } }), {
    operationId: OPERATION_ID,
    joined: JOINED.operationId,
  })
  assert.deepEqual(said({ noted: { operation: joined, recorded: false } }), {
    operationId: OPERATION_ID,
    joined: JOINED.operationId,
    notRecorded: true,
  })
  assert.deepEqual(said({ noted: { operation: started, recorded: true } }), { operationId: OPERATION_ID })
  assert.deepEqual(said({}), {})
})

test('the duration is whole milliseconds', () => {
  assert.equal(
    toAuditEvent({ ids: IDS, mode: 'on', trail: {}, result: err({ reason: 'switched_off' }), durationMs: 1.6 })
      .durationMs,
    2,
  )
})

test('the detail is the fact that an operator would ask for', () => {
  assert.equal(detailOf({ reason: 'not_granted', action: 'force', scope: '/s' }), 'action force')
  assert.equal(detailOf({ reason: 'segment_invalid', segment: 'serviceName' }), 'serviceName')
  assert.equal(
    detailOf({ reason: 'header_invalid', header: 'x-reconnect-force', expectation: 'e' }),
    'x-reconnect-force',
  )
  assert.equal(detailOf({ reason: 'duration_invalid', fault: 'too_long' }), 'too_long')
  assert.equal(
    detailOf({ reason: 'arm_throttled', status: 429, error: { code: 'T', message: 'slow down' } }),
    'T: slow down',
  )
  assert.equal(
    detailOf({ reason: 'arm_refused_identity', status: 403, scope: '/s', detail: "ARM's words" }),
    "ARM's words",
  )
  assert.equal(detailOf({ reason: 'token_signature' }), undefined)
  assert.equal(detailOf({ reason: 'body_too_large', limitBytes: 1 }), undefined)
})
