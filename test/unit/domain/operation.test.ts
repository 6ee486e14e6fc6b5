/** How an operation begins, changes and is shown. Numbers in parentheses are the invariants of docs/coordination.md. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  advance,
  isOvertaken,
  isSameVersion,
  isTooEarly,
  MAX_ERROR_MESSAGE_CHARS,
  mayReplace,
  OPERATION_STATES,
  startOperation,
  toMinimal,
  toShown,
  type SentFacts,
  type StoredOperation,
  type Transition,
} from '../../../src/domain/operation.ts'
import type { OperationId } from '../../../src/domain/operation-id.ts'
import { anAcceptedAlert, anOperation, anOperationId } from '../../support/an-operation.ts'
import { aBackend, aCaller, aCommand, aDuration, TOOL_ID } from '../../support/builders.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'

const LATER_MS = START_EPOCH_MS + 5_000
const LATER = '2026-11-23T00:00:05.000Z'
const ERROR = { code: 'C', message: 'm' }
const SENT: SentFacts = { attempts: 2, ambiguous: true, arm: { status: 503, requestId: 'r', correlationId: 'c' } }
const SCHEDULED = { operationId: 'other' as OperationId, dueEpochMs: LATER_MS }
const advanced = (from: StoredOperation, to: Transition): StoredOperation => advance(from, to, LATER_MS)

describe('an operation begins', () => {
  it('as accepted, with what was asked and who asked', () => {
    const command = aCommand({ after: aDuration('PT5M'), reason: 'deployment' })
    const id = anOperationId()
    assert.deepEqual(startOperation({ command, caller: aCaller({ name: 'Tool' }) }, id, START_EPOCH_MS), {
      id,
      backend: aBackend().resourceId,
      state: 'accepted',
      after: 'PT5M',
      requestedAt: '2026-11-23T00:00:00.000Z',
      updatedAt: '2026-11-23T00:00:00.000Z',
      reason: 'deployment',
      caller: { kind: 'app', id: TOOL_ID, name: 'Tool' },
      trigger: { kind: 'http' },
      attempts: 0,
    })
  })

  it('without members that were not given, and with at most 256 characters of a name', () => {
    const begun = startOperation({ command: aCommand(), caller: aCaller() }, anOperationId(), START_EPOCH_MS)
    for (const name of ['after', 'reason', 'due', 'joined', 'error', 'ambiguous', 'arm'])
      assert.ok(!Object.hasOwn(begun, name), name)
    assert.deepEqual(Object.keys(begun.caller), ['kind', 'id'])
    const named = startOperation(
      { command: aCommand(), caller: aCaller({ name: 'n'.repeat(1_000) }) },
      anOperationId(),
      START_EPOCH_MS,
    )
    assert.equal(named.caller.name?.length, 256)
  })
})

describe('a transition', () => {
  const waiting = anAcceptedAlert({ attempts: 1, error: ERROR, generation: 2, notBefore: LATER })

  it('to joined names the operation that covers it, and when that is due', () => {
    const { state, joined, due, updatedAt } = advanced(anAcceptedAlert(), { to: 'joined', scheduled: SCHEDULED })
    assert.deepEqual([state, joined, due, updatedAt], ['joined', 'other', LATER, LATER])
  })

  it('to dry-run says when it would be due', () =>
    assert.equal(advanced(anAcceptedAlert(), { to: 'dry-run', dueEpochMs: LATER_MS }).due, LATER))

  it('to forwarded has the due time and what ARM said, and no error any more', () => {
    const forwarded = advanced(waiting, { to: 'forwarded', dueEpochMs: LATER_MS, sent: SENT })
    const { state, due, attempts, ambiguous, arm, error } = forwarded
    assert.deepEqual(
      [state, due, attempts, ambiguous, arm, error],
      ['forwarded', LATER, 3, true, { status: 503, requestId: 'r', correlationId: 'c' }, undefined],
    )
  })

  for (const to of ['failed', 'exhausted', 'abandoned'] as const) {
    it(`to ${to} has the error and what it cost`, () => {
      const { state, error, attempts } = advanced(waiting, { to, error: { code: 'D', message: 'n' }, sent: SENT })
      assert.deepEqual([state, error, attempts], [to, { code: 'D', message: 'n' }, 3])
      assert.equal(advanced(waiting, { to, error: ERROR }).attempts, 1)
    })
  }

  it('to sending keeps the last error, names the owner of the lease, and never lowers the generation', () => {
    const sending = advanced(waiting, { to: 'sending', ownerToken: 'o', generation: 1 })
    const { state, error, sendingBy, generation, notBefore } = sending
    assert.deepEqual([state, error, sendingBy, generation, notBefore], ['accepted', ERROR, 'o', 2, undefined])
    assert.equal(advanced(waiting, { to: 'sending', ownerToken: 'o', generation: 3 }).generation, 3)
    assert.equal(advanced(waiting, { to: 'sending', ownerToken: 'o' }).generation, 2)
    assert.ok(!Object.hasOwn(advanced(anAcceptedAlert(), { to: 'sending', ownerToken: 'o' }), 'generation'))
  })

  it('to waiting has the error, the number of the later message, and the time before which copies wait', () => {
    const next = { to: 'waiting', error: { code: 'D', message: 'n' }, sent: SENT, generation: 3 } as const
    const { state, error, attempts, generation, notBefore, sendingBy } = advanced({ ...waiting, sendingBy: 'o' }, next)
    assert.deepEqual(
      [state, error, attempts, generation, notBefore, sendingBy],
      ['accepted', { code: 'D', message: 'n' }, 3, 3, undefined, undefined],
    )
    assert.equal(advanced(waiting, { ...next, notBeforeEpochMs: LATER_MS }).notBefore, LATER)
  })

  it('out of accepted leaves nothing of lease and message behind', () => {
    const sending = { ...waiting, sendingBy: 'o' }
    const ends: readonly Transition[] = [
      { to: 'joined', scheduled: SCHEDULED },
      { to: 'forwarded', dueEpochMs: LATER_MS, sent: SENT },
      { to: 'failed', error: ERROR },
      { to: 'dry-run', dueEpochMs: LATER_MS },
      { to: 'exhausted', error: ERROR },
      { to: 'abandoned', error: ERROR },
    ]
    for (const end of ends)
      for (const name of ['generation', 'sendingBy', 'notBefore'])
        assert.ok(!Object.hasOwn(advanced(sending, end), name), `${end.to} ${name}`)
  })

  it('never forgets that an outcome was unknown', () => {
    const sent = { attempts: 1, ambiguous: false }
    const from = { ...anAcceptedAlert(), ambiguous: true } as const
    assert.equal(advanced(from, { to: 'forwarded', dueEpochMs: LATER_MS, sent }).ambiguous, true)
    const certain = advanced(anAcceptedAlert(), { to: 'forwarded', dueEpochMs: LATER_MS, sent })
    assert.ok(!Object.hasOwn(certain, 'ambiguous') && !Object.hasOwn(certain, 'arm'))
  })

  it('keeps at most 1,024 characters of an error message (contract, section 7)', () => {
    const error = { code: 'C', message: 'x'.repeat(5_000) }
    assert.equal(MAX_ERROR_MESSAGE_CHARS, 1_024)
    assert.equal(advanced(anAcceptedAlert(), { to: 'failed', error }).error?.message.length, 1_024)
    assert.equal(advanced(anAcceptedAlert(), { to: 'waiting', error, generation: 1 }).error?.message.length, 1_024)
  })

  it('keeps of ARM’s answer only what the operation shows', () => {
    const arm = { status: 202, requestId: 'r', routingRequestId: 'WESTEUROPE' }
    const sent = { attempts: 1, ambiguous: false, arm }
    assert.deepEqual(advanced(anAcceptedAlert(), { to: 'forwarded', dueEpochMs: LATER_MS, sent }).arm, {
      status: 202,
      requestId: 'r',
    })
  })
})

describe('what may replace what in storage (3)', () => {
  for (const from of OPERATION_STATES) {
    it(`${from}: ${from === 'accepted' ? 'everything' : from === 'failed' || from === 'abandoned' ? 'forwarded alone' : 'nothing'}`, () => {
      const replacing = OPERATION_STATES.filter((to) => mayReplace(from, to))
      const wanted = { accepted: [...OPERATION_STATES], failed: ['forwarded'], abandoned: ['forwarded'] }
      assert.deepEqual(replacing, wanted[from as keyof typeof wanted] ?? [])
    })
  }
})

describe('a message of the queue', () => {
  it('has nothing left to do when its operation has ended, or a later message stands for it (8)', () => {
    for (const state of OPERATION_STATES)
      assert.equal(isOvertaken(anAcceptedAlert({ state }), 0), state !== 'accepted', state)
    const third = anAcceptedAlert({ generation: 3 })
    assert.deepEqual(
      [2, 3, 4].map((generation) => isOvertaken(third, generation)),
      [true, false, false],
    )
    assert.equal(isOvertaken(anAcceptedAlert(), 0), false)
  })

  it('has something left to do while its operation is being sent (8)', () =>
    assert.equal(isOvertaken(anAcceptedAlert({ sendingBy: 'o' }), 0), false))

  it('is too early before the time that the row names, unless it is a later message than the row knows', () => {
    const row = anAcceptedAlert({ generation: 1, notBefore: LATER })
    assert.equal(isTooEarly(row, 1, LATER_MS - 1), true)
    assert.equal(isTooEarly(row, 1, LATER_MS), false)
    assert.equal(isTooEarly(row, 0, LATER_MS - 1), true)
    assert.equal(isTooEarly(row, 2, LATER_MS - 1), false)
    assert.equal(isTooEarly(anAcceptedAlert(), 0, 0), false)
  })
})

describe('an operation is shown', () => {
  it('without what only storage needs', () => {
    const shown = anAcceptedAlert()
    assert.deepEqual(toShown({ ...shown, generation: 1, sendingBy: 'o', notBefore: LATER }), shown)
  })
})

describe('an operation that storage refuses', () => {
  it('is written without the texts that came from outside', () => {
    const trigger = { kind: 'webhook', webhook: 'w', alertId: 'a'.repeat(256), alertRule: 'r' } as const
    const caller = { kind: 'webhook', id: 'w', name: 'n' }
    const full = anOperation({ trigger, caller, reason: 'why', error: { code: 'C'.repeat(999), message: 'm' } })
    const minimal = toMinimal(full)
    assert.deepEqual(
      [minimal.trigger, minimal.caller, minimal.reason, minimal.error?.code.length],
      [{ kind: 'webhook', webhook: 'w' }, { kind: 'webhook', id: 'w' }, undefined, 128],
    )
    assert.equal(minimal.error?.message, 'The message could not be stored.')
    assert.deepEqual([minimal.id, minimal.state, minimal.backend], [full.id, full.state, full.backend])
  })

  it('has one minimal form, which keeps lease and generation', () => {
    const full = anAcceptedAlert({ generation: 2, sendingBy: 'o', error: ERROR })
    const minimal = toMinimal(full)
    assert.deepEqual([minimal.generation, minimal.sendingBy], [2, 'o'])
    assert.equal(JSON.stringify(toMinimal(minimal)), JSON.stringify(minimal))
    assert.deepEqual(toMinimal(anOperation()).trigger, { kind: 'http' })
  })
})

describe('the same version of an operation', () => {
  it('has the same state, time and generation, also in its minimal form', () => {
    const one = anAcceptedAlert({ generation: 2, reason: 'why' })
    assert.equal(isSameVersion(one, toMinimal(one)), true)
    for (const change of [{ state: 'failed' }, { updatedAt: LATER }, { generation: 3 }] as const)
      assert.equal(isSameVersion(one, { ...one, ...change }), false, Object.keys(change).join())
  })
})
