import type { AuditEvent } from '../audit/event.ts'
import type { Mode } from '../config/config.ts'
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
import type { Decision, Settled, Trail } from './decision.ts'
import type { Authenticate, Forward, Ledger, RequestIds } from './ports.ts'

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
  readonly ledger: Ledger
  readonly forward: Forward
  readonly record: (event: AuditEvent) => void
  readonly clock: Clock
}

/** Decides, sends and records one reconnect. Every refusal and outcome ends in exactly one audit event. */
export async function reconnect(request: ReconnectRequest, ports: ReconnectPorts): Promise<Decision> {
  const startedAtEpochMs = ports.clock.now()
  const trail: Trail = {}
  const result = await decide(request, ports, trail).catch((error: unknown) =>
    err({ reason: 'defect', detail: describe(error) } as const),
  )
  ports.record(
    toAuditEvent({
      ids: request.ids,
      mode: ports.mode,
      trail,
      result,
      durationMs: ports.clock.now() - startedAtEpochMs,
    }),
  )
  return { result, arm: trail.arm, noted: trail.noted }
}

/** check framing → authenticate → read the command → authorize → join or start → forward. */
async function decide(
  request: ReconnectRequest,
  ports: ReconnectPorts,
  trail: Trail,
): Promise<Result<Settled, Failure>> {
  const framing = request.checkFraming()
  if (!framing.ok) return framing

  const caller = await ports.authenticate(request.credentials, request.deadline)
  if (!caller.ok) return caller
  trail.caller = caller.value

  const read = await request.readCommand()
  if (!read.ok) return read
  const command = read.value
  trail.command = command

  const permit = authorize(caller.value, command, ports.grants)
  if (!permit.ok) return permit

  if (ports.mode === 'off') {
    const failure = { reason: 'switched_off' } as const
    trail.noted = await ports.ledger.note(permit.value, failure)
    return err(failure)
  }
  if (ports.mode === 'dry-run' || command.dryRun) {
    const noted = await ports.ledger.note(permit.value)
    trail.noted = noted
    // As the record has it: another look at a clock would tell another time.
    const { due } = noted.operation
    return ok({
      outcome: 'dry-run',
      command,
      dueEpochMs: due === undefined ? ports.clock.now() + (command.after?.ms ?? DEFAULT_AFTER_MS) : Date.parse(due),
    })
  }

  const passage = await ports.ledger.once(permit.value, request.deadline, () =>
    ports.forward(permit.value, request.ids, request.deadline),
  )
  trail.noted = passage
  switch (passage.kind) {
    case 'busy':
      return err({ reason: 'in_flight_elsewhere' })
    case 'joined':
      return ok({ outcome: 'joined', command, dueEpochMs: passage.dueEpochMs })
    case 'sent': {
      const { result, attempts, ambiguous, arm } = passage.forwarded
      trail.attempts = attempts
      trail.ambiguous = ambiguous
      if (arm !== undefined) trail.arm = arm
      return result.ok ? ok({ outcome: 'forwarded', command, dueEpochMs: passage.dueEpochMs }) : result
    }
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
