import assert from 'node:assert/strict'
import type { AuditEvent } from '../../src/audit/event.ts'
import type { Caller } from '../../src/domain/caller.ts'
import type { ReconnectCommand } from '../../src/domain/command.ts'
import type { Action, AuthenticationFailure, RequestFailure } from '../../src/domain/failure.ts'
import type { Forwarded } from '../../src/reconnect/ports.ts'
import type { Decision } from '../../src/reconnect/decision.ts'
import { reconnect, type ReconnectPorts } from '../../src/reconnect/reconnect.ts'
import { ok, type Result } from '../../src/shared/result.ts'
import { aBackend, aCaller, aCommand, aDeadline, IDS, someGrants, TOOL_ID } from './builders.ts'
import { createFakeClock, START_EPOCH_MS } from './fake-clock.ts'
import { createFakeLedger, OPERATION_ID, type FakeLedgerOptions } from './fake-ledger.ts'

/** How long the fake ARM takes. */
export const ARM_TOOK_MS = 250
export const ACCEPTED: Forwarded = {
  result: ok({ acceptedAtEpochMs: START_EPOCH_MS + ARM_TOOK_MS }),
  attempts: 1,
  ambiguous: false,
  arm: { status: 202, requestId: 'r1', correlationId: 'c1' },
}

export interface Story {
  readonly framing?: Result<void, RequestFailure>
  readonly caller?: Result<Caller, AuthenticationFailure>
  readonly command?: Result<ReconnectCommand, RequestFailure>
  readonly granted?: readonly Action[]
  readonly mode?: ReconnectPorts['mode']
  readonly forwarded?: Forwarded
  /** What the ledger makes of it; by default this request is the one that sends. */
  readonly passage?: FakeLedgerOptions['passage']
  /** Storage takes it, unless this is false. */
  readonly recorded?: boolean
  /** The step that throws. */
  readonly breaks?: 'framing' | 'authenticate' | 'read' | 'grants' | 'once' | 'note' | 'forward'
}

export interface Told {
  readonly decision: Decision
  /** What was called, in order. */
  readonly steps: readonly string[]
  readonly events: readonly AuditEvent[]
}

export async function tell(story: Story = {}): Promise<Told> {
  const clock = createFakeClock()
  const steps: string[] = []
  const events: AuditEvent[] = []
  const deadline = aDeadline(clock)
  const step = (name: NonNullable<Story['breaks']>): void => {
    steps.push(name)
    if (story.breaks === name) throw new TypeError(`${name} is broken`)
  }
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
    ledger: createFakeLedger({
      clock,
      passage: story.passage ?? 'sent',
      recorded: story.recorded ?? true,
      called: step,
    }),
    async forward(permit, ids, given) {
      step('forward')
      assert.deepEqual([ids, given], [IDS, deadline])
      assert.equal(permit.command.backend.resourceId, aBackend().resourceId)
      await clock.advance(ARM_TOOK_MS)
      return story.forwarded ?? ACCEPTED
    },
    record: (event) => events.push(event),
    clock,
  }
  const request = {
    ids: IDS,
    deadline,
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
  return { decision: await reconnect(request, ports), steps, events }
}

/** What every event of these stories says. */
export const KNOCK = {
  event: 'reconnect.decision',
  correlationId: IDS.correlationId,
  clientRequestId: IDS.clientRequestId,
  trigger: { kind: 'http' },
  durationMs: 0,
}
export const WHO = { caller: { kind: 'app', id: TOOL_ID } }
export const WHAT = { backend: aBackend().resourceId }
/** What the events of those say that came as far as the ledger. */
export const WHICH = { operationId: OPERATION_ID }
