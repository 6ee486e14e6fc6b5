import type { AuditEvent } from '../audit/event.ts'
import type { Mode } from '../config/config.ts'
import type { Caller } from '../domain/caller.ts'
import type { ReconnectCommand } from '../domain/command.ts'
import { DEFAULT_AFTER_MS } from '../domain/duration.ts'
import type { Failure, RequestFailure } from '../domain/failure.ts'
import type { Credentials } from '../identity/credentials.ts'
import { authorize } from '../policy/authorize.ts'
import type { GrantIndex } from '../policy/grant-index.ts'
import type { Clock } from '../shared/clock.ts'
import type { Deadline } from '../shared/deadline.ts'
import { err, ok, type Result } from '../shared/result.ts'
import { toAuditEvent } from './audit-event.ts'
import type { ArmTrace, Authenticate, Forward, RequestIds } from './ports.ts'

/** A knock at the door. What must not be looked at before authentication comes as a function. */
export interface ReconnectRequest {
  readonly ids: RequestIds
  readonly checkFraming: () => Result<void, RequestFailure>
  readonly credentials: Credentials
  readonly readCommand: () => Promise<Result<ReconnectCommand, RequestFailure>>
  readonly deadline: Deadline
}

export interface ReconnectPorts {
  readonly authenticate: Authenticate
  readonly grants: GrantIndex
  readonly mode: Mode
  readonly forward: Forward
  readonly record: (event: AuditEvent) => void
  readonly clock: Clock
}

/** ARM accepted it, or would have been asked. */
export interface Settled {
  readonly outcome: 'forwarded' | 'dry-run'
  readonly command: ReconnectCommand
  readonly dueEpochMs: number
}

/** What became known on the way: the answer's headers and the audit event are made of it. */
export interface Trail {
  caller?: Caller
  command?: ReconnectCommand
  attempts?: number
  ambiguous?: boolean
  arm?: ArmTrace
}

export interface Decision {
  readonly result: Result<Settled, Failure>
  readonly arm: ArmTrace | undefined
}

/** Decides, sends and records one reconnect. Every refusal and outcome ends in exactly one audit event. */
export async function reconnect(request: ReconnectRequest, ports: ReconnectPorts): Promise<Decision> {
  const startedAtEpochMs = ports.clock.now()
  const trail: Trail = {}
  const result = await decide(request, ports, trail).catch((error: unknown) => err({ reason: 'defect', detail: describe(error) } as const))
  ports.record(toAuditEvent({ ids: request.ids, mode: ports.mode, trail, result, durationMs: ports.clock.now() - startedAtEpochMs }))
  return { result, arm: trail.arm }
}

/** check framing → authenticate → read the command → authorize → start (unless off or dry) → forward. */
async function decide(request: ReconnectRequest, ports: ReconnectPorts, trail: Trail): Promise<Result<Settled, Failure>> {
  const framing = request.checkFraming()
  if (!framing.ok) return framing

  const caller = await ports.authenticate(request.credentials, request.deadline)
  if (!caller.ok) return caller
  trail.caller = caller.value

  const command = await request.readCommand()
  if (!command.ok) return command
  trail.command = command.value

  const permit = authorize(caller.value, command.value, ports.grants)
  if (!permit.ok) return permit

  if (ports.mode === 'off') return err({ reason: 'switched_off' })
  const settle = (outcome: Settled['outcome'], atEpochMs: number): Result<Settled, Failure> =>
    ok({ outcome, command: command.value, dueEpochMs: atEpochMs + (command.value.after?.ms ?? DEFAULT_AFTER_MS) })
  if (ports.mode === 'dry-run' || command.value.dryRun) return settle('dry-run', ports.clock.now())

  const forwarded = await ports.forward(permit.value, request.ids, request.deadline)
  trail.attempts = forwarded.attempts
  trail.ambiguous = forwarded.ambiguous
  if (forwarded.arm !== undefined) trail.arm = forwarded.arm
  return forwarded.result.ok ? settle('forwarded', forwarded.result.value.acceptedAtEpochMs) : forwarded.result
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
