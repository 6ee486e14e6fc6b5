import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OPERATION_STATES } from '../../../src/domain/operation.ts'
import { presentOperation } from '../../../src/operations/present-operation.ts'
import { anAcceptedAlert, anOperation } from '../../support/an-operation.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

test('an operation that has ended is shown as it is, however old', () => {
  for (const state of OPERATION_STATES.filter((each) => each !== 'accepted')) {
    const operation = anOperation({ state })
    assert.deepEqual(presentOperation(operation, START_EPOCH_MS + 1e10), operation)
  }
})

test('a request that has not ended is accepted for five minutes, and then failed with an unknown outcome', () => {
  const operation = anOperation({ state: 'accepted' })
  assert.deepEqual(presentOperation(operation, START_EPOCH_MS + 299_999), operation)
  const { state, ambiguous, error, id } = presentOperation(operation, START_EPOCH_MS + 300_000)
  assert.deepEqual([state, ambiguous, error?.code, id], ['failed', true, 'OutcomeUnknown', operation.id])
})

test('an alert that has not ended is accepted for longer than any alert is delivered, and then abandoned', () => {
  const alert = anAcceptedAlert()
  const longestMs = 8 * DAY_MS + HOUR_MS
  assert.deepEqual(presentOperation(alert, START_EPOCH_MS + longestMs - 1), alert)
  const { state, ambiguous, error } = presentOperation(alert, START_EPOCH_MS + longestMs)
  assert.deepEqual([state, ambiguous, error?.code], ['abandoned', true, 'OutcomeUnknown'])
})

test('the time counts from the last change', () => {
  const updatedAt = new Date(START_EPOCH_MS + HOUR_MS).toISOString()
  assert.equal(
    presentOperation(anOperation({ state: 'accepted', updatedAt }), START_EPOCH_MS + HOUR_MS).state,
    'accepted',
  )
})

test('what only storage needs is not shown', () => {
  const alert = anAcceptedAlert()
  const stored = { ...alert, generation: 3, sendingBy: 'o', notBefore: alert.requestedAt }
  assert.deepEqual(presentOperation(stored, START_EPOCH_MS), alert)
})
