import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { toReconnectReply, type ReplyFacts } from '../../../src/http/reconnect-reply.ts'
import { advance, startOperation } from '../../../src/domain/operation.ts'
import type { OperationId } from '../../../src/domain/operation-id.ts'
import type { Settled } from '../../../src/reconnect/decision.ts'
import type { Noted } from '../../../src/reconnect/ports.ts'
import { err, ok } from '../../../src/shared/result.ts'
import { aCommand, aDuration, aPermit, IDS } from '../../support/builders.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'

const OPERATION_ID = 'MDE5YWM3ZTItb3JkZXJz' as OperationId
const FACTS: ReplyFacts = {
  ids: IDS,
  challenge: { authorizationUri: 'https://login.microsoftonline.com/t' },
  publicUrl: undefined,
}
const COMMON = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }

function settled(change: Partial<Settled> = {}): { readonly ok: true; readonly value: Settled } {
  return ok({ outcome: 'forwarded', command: aCommand(), dueEpochMs: START_EPOCH_MS + 120_000, ...change })
}

function noted(recorded = true): Noted {
  return {
    operation: advance(
      startOperation(aPermit(), OPERATION_ID, START_EPOCH_MS),
      { to: 'dry-run', dueEpochMs: START_EPOCH_MS },
      START_EPOCH_MS,
    ),
    recorded,
  }
}

test("a 202 has no body, ARM's ids beside ours, and leads to the operation", () => {
  const trace = { status: 202, requestId: 'r1', correlationId: 'c1', routingRequestId: 'WESTEUROPE:r1' }
  assert.deepEqual(toReconnectReply({ result: settled(), arm: trace, noted: noted() }, FACTS), {
    status: 202,
    headers: {
      ...COMMON,
      'x-ms-request-id': 'r1',
      'x-ms-routing-request-id': 'WESTEUROPE:r1',
      'x-ms-correlation-request-id': 'c1',
      'x-ms-client-request-id': IDS.clientRequestId,
      'x-reconnect-outcome': 'forwarded',
      'x-reconnect-due': '2026-11-23T00:02:00.000Z',
      'x-reconnect-operation': OPERATION_ID,
      location: `/operations/${OPERATION_ID}`,
      'retry-after': '2',
    },
  })
})

for (const would of ['forward', 'join'] as const) {
  test(`a dry run says that it would ${would}`, () => {
    const { headers } = toReconnectReply({ result: settled({ outcome: 'dry-run', would }), noted: noted() }, FACTS)
    assert.deepEqual(
      [headers['x-reconnect-outcome'], headers['x-reconnect-would'], headers['x-reconnect-due']],
      ['dry-run', would, '2026-11-23T00:02:00.000Z'],
    )
  })
}

for (const outcome of ['dry-run', 'joined'] as const) {
  test(`${outcome} is said, under our own correlation id: ARM gave none`, () => {
    assert.deepEqual(
      toReconnectReply(
        { result: settled({ outcome }), noted: noted() },
        { ...FACTS, ids: { correlationId: IDS.correlationId } },
      ).headers,
      {
        ...COMMON,
        'x-ms-correlation-request-id': IDS.correlationId,
        'x-reconnect-outcome': outcome,
        'x-reconnect-due': '2026-11-23T00:02:00.000Z',
        'x-reconnect-operation': OPERATION_ID,
        location: `/operations/${OPERATION_ID}`,
        'retry-after': '2',
      },
    )
  })
}

describe('the way to the operation', () => {
  test('is absolute from RECONNECT_PUBLIC_URL only', () => {
    const { headers } = toReconnectReply(
      { result: settled(), noted: noted() },
      { ...FACTS, publicUrl: 'https://reconnect.example.com' },
    )
    assert.equal(headers['location'], `https://reconnect.example.com/operations/${OPERATION_ID}`)
  })

  test('is not shown where nothing was recorded: a client that polls there would find a 404', () => {
    const { headers } = toReconnectReply(
      { result: settled(), noted: noted(false) },
      { ...FACTS, publicUrl: 'https://reconnect.example.com' },
    )
    assert.deepEqual(
      [headers['x-reconnect-operation'], headers['location'], headers['retry-after']],
      [OPERATION_ID, undefined, undefined],
    )
  })

  test('is not shown with a failure, which names the operation', () => {
    const failed = toReconnectReply({ result: err({ reason: 'outcome_unknown', detail: 'd' }), noted: noted() }, FACTS)
    assert.deepEqual(
      [
        failed.status,
        failed.headers['x-reconnect-operation'],
        failed.headers['location'],
        failed.headers['retry-after'],
      ],
      [504, OPERATION_ID, undefined, undefined],
    )
  })

  test('of a failure leaves Retry-After to the failure', () => {
    const { status, headers } = toReconnectReply({ result: err({ reason: 'switched_off' }), noted: noted() }, FACTS)
    assert.deepEqual([status, headers['retry-after'], headers['location']], [503, '300', undefined])
  })

  test('is not there before there is an operation', () => {
    const { headers } = toReconnectReply({ result: err({ reason: 'credential_missing' }) }, FACTS)
    assert.deepEqual(
      [headers['x-reconnect-operation'], headers['location'], headers['retry-after']],
      [undefined, undefined, undefined],
    )
  })
})

describe('warnings', () => {
  for (const [after, recorded, warning] of [
    ['PT1M59S', true, 'after-below-minimum'],
    ['PT2M', true, undefined],
    ['PT2M', false, 'not-recorded'],
    ['PT1M59S', false, 'after-below-minimum, not-recorded'],
  ] as const) {
    test(`after ${after}, ${recorded ? 'recorded' : 'not recorded'}: ${warning ?? 'none'}`, () => {
      const { headers } = toReconnectReply(
        { result: settled({ command: aCommand({ after: aDuration(after) }) }), noted: noted(recorded) },
        FACTS,
      )
      assert.equal(headers['x-reconnect-warning'], warning)
    })
  }

  test('a failure too says that it is not recorded', () => {
    const { headers } = toReconnectReply({ result: err({ reason: 'in_flight_elsewhere' }), noted: noted(false) }, FACTS)
    assert.equal(headers['x-reconnect-warning'], 'not-recorded')
  })
})

test("an error carries the id that the audit record carries, ARM's request id, and the caller's", () => {
  const result = err({ reason: 'arm_failed', status: 500, detail: 'd' } as const)
  const { status, headers } = toReconnectReply(
    { result, arm: { status: 500, requestId: 'r1', correlationId: 'not ours' }, noted: noted() },
    FACTS,
  )
  assert.equal(status, 502)
  assert.equal(headers['x-ms-correlation-request-id'], IDS.correlationId)
  assert.equal(headers['x-ms-request-id'], 'r1')
  assert.equal(headers['x-ms-client-request-id'], IDS.clientRequestId)
  assert.equal(headers['x-reconnect-outcome'], undefined)
})
