import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ArmFailure } from '../../../src/domain/failure.ts'
import { mayHaveActed } from '../../../src/reconnect/may-have-acted.ts'
import { acceptedAt, failing } from '../../support/fake-arm.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'

const error = { code: 'C', message: 'm' }
/** One of each, with whether ARM may have acted: the compiler asks for every new reason. */
const FAILURES: { readonly [R in ArmFailure['reason']]: readonly [ArmFailure & { readonly reason: R }, boolean] } = {
  identity_unavailable: [{ reason: 'identity_unavailable', detail: '' }, false],
  arm_refused_identity: [{ reason: 'arm_refused_identity', status: 403, scope: '', detail: '' }, false],
  arm_rejected: [{ reason: 'arm_rejected', status: 404, error }, false],
  arm_throttled: [{ reason: 'arm_throttled', status: 429, error }, false],
  arm_unreachable: [{ reason: 'arm_unreachable', detail: '' }, false],
  arm_answer_invalid: [{ reason: 'arm_answer_invalid', status: 200, detail: '' }, true],
  arm_unavailable: [{ reason: 'arm_unavailable', status: 503, detail: '' }, false],
  arm_failed: [{ reason: 'arm_failed', status: 500, detail: '' }, true],
  arm_connection_lost: [{ reason: 'arm_connection_lost', detail: '' }, true],
  outcome_unknown: [{ reason: 'outcome_unknown', detail: '' }, true],
  deadline_exceeded: [{ reason: 'deadline_exceeded', detail: '' }, false],
}

for (const [reason, [failure, expected]] of Object.entries(FAILURES))
  test(`${reason}: ARM ${expected ? 'may have accepted' : 'did nothing'}`, () =>
    assert.equal(mayHaveActed(failing(failure)), expected))

test('a send that ARM accepted is counted as such, and not as one that may have been', () =>
  assert.equal(mayHaveActed(acceptedAt(START_EPOCH_MS)), false))
