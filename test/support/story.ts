import assert from 'node:assert/strict'
import type { AuditEvent } from '../../src/audit/event.ts'
import { toAuditEvent } from '../../src/audit/to-audit-event.ts'
import type { Caller } from '../../src/domain/caller.ts'
import type { ReconnectCommand } from '../../src/domain/command.ts'
import type { Action, AuthenticationFailure, RequestFailure } from '../../src/domain/failure.ts'
import type { OperationId } from '../../src/domain/operation-id.ts'
import { describeFailure } from '../../src/http/failure-reply.ts'
import type { Decision } from '../../src/reconnect/decision.ts'
import type { Forwarded } from '../../src/reconnect/ports.ts'
import { reconnect, type ReconnectPorts } from '../../src/reconnect/reconnect.ts'
import { ok, type Result } from '../../src/shared/result.ts'
import { createOperationId } from '../../src/storage/keys.ts'
import { aBackend, aCaller, aCommand, aDeadline, IDS, someGrants, TOOL_ID } from './builders.ts'
import { createCore, type Core } from './core.ts'
import { createFakeArm, type FakeArm } from './fake-arm.ts'
import { START_EPOCH_MS } from './fake-clock.ts'

export interface Story {
  /** By default an instance on empty rows. */
  readonly core?: Core
  readonly arm?: FakeArm
  readonly framing?: Result<void, RequestFailure>
  readonly caller?: Result<Caller, AuthenticationFailure>
  readonly command?: Result<ReconnectCommand, RequestFailure>
  readonly granted?: readonly Action[]
  readonly mode?: ReconnectPorts['mode']
  /** What ARM makes of it; by default it accepts. */
  readonly forwarded?: Forwarded
  readonly deadlineMs?: number
  /** The step that throws. */
  readonly breaks?: 'framing' | 'authenticate' | 'read' | 'grants' | 'prepare' | 'acquire' | 'record' | 'forward'
}

export interface Told {
  readonly decision: Decision
  /** What was called, in order. */
  readonly steps: readonly string[]
  readonly events: readonly AuditEvent[]
  readonly core: Core
  readonly arm: FakeArm
  /** Of the one operation that the request made; undefined where it made none. */
  readonly operationId: OperationId | undefined
}

/** Kept back of the deadline for recording the outcome. */
export const RECORD_WITHIN_MS = 500

/** One request over the real coordinator and operation log, on simulated time. */
export async function tell(story: Story = {}): Promise<Told> {
  const { core = createCore() } = story
  const { clock } = core
  const { arm = createFakeArm(clock) } = story
  const steps: string[] = []
  const events: AuditEvent[] = []
  const deadline = aDeadline(clock, story.deadlineMs)
  let operationId: OperationId | undefined
  const step = (name: NonNullable<Story['breaks']>): void => {
    steps.push(name)
    if (story.breaks === name) throw new TypeError(`${name} is broken`)
  }
  if (story.forwarded !== undefined) arm.next(story.forwarded)
  const grants = someGrants(story.granted)
  const ports: ReconnectPorts = {
    async authenticate(credentials, given) {
      step('authenticate')
      assert.deepEqual([credentials, given], [{ authorization: 'Bearer t', clientPrincipal: undefined }, deadline])
      return story.caller ?? ok(aCaller())
    },
    grants: {
      ...grants,
      find(...args) {
        step('grants')
        return grants.find(...args)
      },
    },
    mode: story.mode ?? 'on',
    coordinator: {
      ...core.coordinator,
      async acquireForRequest(...args) {
        step('acquire')
        return core.coordinator.acquireForRequest(...args)
      },
    },
    auditEffect: () => undefined,
    operations: {
      ...core.operations,
      async record(operation) {
        step('record')
        return core.operations.record(operation)
      },
    },
    recordJoin(operation) {
      step('record')
      return core.recordJoin(operation)
    },
    createOperationId(...args) {
      assert.equal(operationId, undefined, 'a request makes one operation')
      return (operationId = createOperationId(...args))
    },
    prepareForward(_, given) {
      step('prepare')
      assert.equal(given, deadline)
    },
    async forward(permit, ids, given, maxAttempts) {
      step('forward')
      assert.deepEqual([ids, given, maxAttempts], [IDS, deadline, undefined])
      return arm.forward(permit, ids, given)
    },
    describe: describeFailure,
    audit: (facts) => void events.push(toAuditEvent(facts)),
    clock,
  }
  const request = {
    ids: IDS,
    deadline,
    recordWithinMs: RECORD_WITHIN_MS,
    credentials: { authorization: 'Bearer t', clientPrincipal: undefined },
    checkFraming() {
      step('framing')
      return story.framing ?? ok(undefined)
    },
    async readCommand() {
      step('read')
      return story.command ?? ok(aCommand())
    },
  }
  const decision = await clock.finish(reconnect(request, ports))
  return { decision, steps, events, core, arm, operationId }
}

/** What every event of these stories says. */
export const REQUEST = {
  event: 'reconnect.decision',
  correlationId: IDS.correlationId,
  clientRequestId: IDS.clientRequestId,
  trigger: { kind: 'http' },
  durationMs: 0,
}
export const WHO = { caller: { kind: 'app', id: TOOL_ID } }
export const WHAT = { backend: aBackend().resourceId }

/** A reconnect by another request, due a minute after the stories begin. */
export const SCHEDULED = { operationId: 'earlier' as OperationId, dueEpochMs: START_EPOCH_MS + 60_000 }
