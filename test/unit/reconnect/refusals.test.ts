import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Failure } from '../../../src/domain/failure.ts'
import { err, ok } from '../../../src/shared/result.ts'
import { aBackend, aCommand } from '../../support/builders.ts'
import { REQUEST, tell, WHAT, WHO, type Story } from '../../support/story.ts'

describe('a refusal ends the story, calls nothing after it, and leaves one event', () => {
  const CASES: readonly {
    readonly name: string
    readonly story: Story
    readonly steps: readonly string[]
    readonly event: object
    readonly failure: Failure
  }[] = [
    {
      name: 'by its framing: its sender is not authenticated',
      story: { framing: err({ reason: 'body_too_large', limitBytes: 65_536 }) },
      steps: ['framing'],
      failure: { reason: 'body_too_large', limitBytes: 65_536 },
      event: { mode: 'on', outcome: 'refused', reason: 'body_too_large', fault: 'caller' },
    },
    {
      name: 'without a good credential: nothing of it is read',
      story: { caller: err({ reason: 'token_expired', detail: 'exp' }) },
      steps: ['framing', 'authenticate'],
      failure: { reason: 'token_expired', detail: 'exp' },
      event: { mode: 'on', outcome: 'refused', reason: 'token_expired', detail: 'exp', fault: 'caller' },
    },
    {
      name: 'while the keys cannot be had',
      story: { caller: err({ reason: 'keys_unavailable', detail: 'd', retryAfterSeconds: 5 }) },
      steps: ['framing', 'authenticate'],
      failure: { reason: 'keys_unavailable', detail: 'd', retryAfterSeconds: 5 },
      event: { mode: 'on', outcome: 'failed', reason: 'keys_unavailable', detail: 'd', fault: 'dependency' },
    },
    {
      name: 'that cannot be read as a command',
      story: { command: err({ reason: 'segment_invalid', segment: 'backendId' }) },
      steps: ['framing', 'authenticate', 'read'],
      failure: { reason: 'segment_invalid', segment: 'backendId' },
      event: {
        ...WHO,
        mode: 'on',
        outcome: 'refused',
        reason: 'segment_invalid',
        detail: 'backendId',
        fault: 'caller',
      },
    },
    {
      name: 'without a grant',
      story: { granted: [] },
      steps: ['framing', 'authenticate', 'read', 'grants'],
      failure: { reason: 'not_granted', action: 'reconnect', scope: aBackend().resourceId },
      event: {
        ...WHO,
        ...WHAT,
        mode: 'on',
        outcome: 'refused',
        reason: 'not_granted',
        detail: 'action reconnect',
        fault: 'caller',
      },
    },
    {
      name: 'that forces without the grant to force',
      story: { granted: ['reconnect', 'read'], command: ok(aCommand({ force: true })) },
      steps: ['framing', 'authenticate', 'read', 'grants', 'grants'],
      failure: { reason: 'not_granted', action: 'force', scope: aBackend().resourceId },
      event: {
        ...WHO,
        ...WHAT,
        mode: 'on',
        outcome: 'refused',
        reason: 'not_granted',
        detail: 'action force',
        fault: 'caller',
      },
    },
    {
      name: 'that forces with the grant to force alone',
      story: { granted: ['force'], command: ok(aCommand({ force: true })) },
      steps: ['framing', 'authenticate', 'read', 'grants'],
      failure: { reason: 'not_granted', action: 'reconnect', scope: aBackend().resourceId },
      event: {
        ...WHO,
        ...WHAT,
        mode: 'on',
        outcome: 'refused',
        reason: 'not_granted',
        detail: 'action reconnect',
        fault: 'caller',
      },
    },
    {
      name: 'while switched off',
      story: { mode: 'off' },
      steps: ['framing', 'authenticate', 'read', 'grants', 'record'],
      failure: { reason: 'switched_off' },
      event: { ...WHO, ...WHAT, mode: 'off', outcome: 'failed', reason: 'switched_off', fault: 'us' },
    },
    {
      name: 'without a grant while switched off: a stranger is not told that it is off',
      story: { mode: 'off', granted: [] },
      steps: ['framing', 'authenticate', 'read', 'grants'],
      failure: { reason: 'not_granted', action: 'reconnect', scope: aBackend().resourceId },
      event: {
        ...WHO,
        ...WHAT,
        mode: 'off',
        outcome: 'refused',
        reason: 'not_granted',
        detail: 'action reconnect',
        fault: 'caller',
      },
    },
  ]
  for (const { name, story, steps, event, failure } of CASES) {
    test(name, async () => {
      const told = await tell(story)
      const { result, arm, noted } = told.decision
      assert.deepEqual({ result, arm }, { result: err(failure), arm: undefined })
      // An operation is written for every authorized request, and for no other.
      assert.equal(noted?.operation.state, steps.includes('record') ? 'failed' : undefined)
      assert.equal(told.operationId, noted?.operation.id)
      assert.deepEqual(told.steps, steps)
      const { operationId } = told
      assert.deepEqual(told.events, [{ ...REQUEST, ...event, ...(operationId === undefined ? {} : { operationId }) }])
    })
  }
})
