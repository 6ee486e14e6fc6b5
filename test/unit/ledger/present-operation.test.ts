import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OPERATION_STATES } from '../../../src/domain/operation.ts'
import { presentOperation } from '../../../src/ledger/present-operation.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'
import { anOperation } from './an-operation.ts'

test('what has ended is shown as it is, however old', () => {
  for (const state of OPERATION_STATES.filter((each) => each !== 'accepted')) {
    const operation = anOperation({ state })
    assert.deepEqual(presentOperation(operation, START_EPOCH_MS + 1e10), operation)
  }
})

test('what has not ended is accepted for five minutes, and then failed with an unknown outcome', () => {
  const operation = anOperation({ state: 'accepted' })
  assert.deepEqual(presentOperation(operation, START_EPOCH_MS + 299_999), operation)
  const lost = presentOperation(operation, START_EPOCH_MS + 300_000)
  assert.deepEqual(
    [lost.state, lost.ambiguous, lost.error?.code, lost.id],
    ['failed', true, 'OutcomeUnknown', operation.id],
  )
})

test('what deliveries tell each other is not shown', () => {
  const operation = anOperation({ state: 'accepted', trigger: { kind: 'webhook', webhook: 'w' } })
  assert.deepEqual(presentOperation({ ...operation, delivery: 3 }, START_EPOCH_MS), operation)
})

test('an alert that has not ended is accepted for as long as any alert is delivered, and then abandoned', () => {
  const operation = anOperation({ state: 'accepted', trigger: { kind: 'webhook', webhook: 'w' } })
  assert.deepEqual(presentOperation(operation, START_EPOCH_MS + 7 * 86_400_000), operation)
  const lost = presentOperation(operation, START_EPOCH_MS + 8 * 86_400_000)
  assert.deepEqual([lost.state, lost.ambiguous, lost.error?.code], ['abandoned', true, 'OutcomeUnknown'])
})
