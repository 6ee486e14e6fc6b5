import type { Caller } from '../domain/caller.ts'
import type { ReconnectCommand } from '../domain/command.ts'
import type { DecisionFacts, Outcome } from '../domain/decision.ts'
import { unknownEffect, type Decided } from '../domain/effect.ts'
import { DEFAULT_AFTER_MS } from '../domain/duration.ts'
import { faultOf, type Failure, type RequestFailure } from '../domain/failure.ts'
import type { Mode } from '../domain/mode.ts'
import { advance, startOperation, type Operation } from '../domain/operation.ts'
import type { OperationId } from '../domain/operation-id.ts'
import type { Credentials } from '../identity/credentials.ts'
import { authorize, type AuthorizedReconnect } from '../policy/authorize.ts'
import type { Deadline } from '../shared/deadline.ts'
import { describeError } from '../shared/describe-error.ts'
import { err, ok, type Result } from '../shared/result.ts'
import { TIMED_OUT, within } from '../shared/within.ts'
import type { Decision } from './decision.ts'
import { mayHaveActed } from './may-have-acted.ts'
import type {
  Authenticate,
  Coordinator,
  Forward,
  Lease,
  PrepareForward,
  RecordJoin,
  RequestIds,
  StoryPorts,
} from './ports.ts'

/** A request as plain facts. What must not be looked at before authentication comes as a function. */
export interface ReconnectRequest {
  readonly ids: RequestIds
  readonly checkFraming: () => Result<void, RequestFailure>
  readonly credentials: Credentials
  readonly readCommand: () => Promise<Result<ReconnectCommand, RequestFailure>>
  readonly deadline: Deadline
  /** Kept back of the deadline for writing down the outcome, in milliseconds. */
  readonly recordWithinMs: number
}

export interface ReconnectPorts extends StoryPorts {
  readonly authenticate: Authenticate
  readonly coordinator: Coordinator
  readonly recordJoin: RecordJoin
  readonly createOperationId: (backendKey: string, epochMs: number) => OperationId
  readonly forward: Forward
  readonly prepareForward: PrepareForward
}

/** Decides, sends and records one reconnect. Every refusal and outcome ends in exactly one audit event. */
export async function reconnect(request: ReconnectRequest, ports: ReconnectPorts): Promise<Decision> {
  const startedAtEpochMs = ports.clock.now()
  const admitted = await admit(request, ports).catch((error: unknown) => refuse(defect(error)))
  const decision = admitted.permit === undefined ? admitted : await carryOut(admitted, request, ports)
  ports.audit({
    ...toFacts(request.ids, ports.mode, decision),
    durationMs: ports.clock.now() - startedAtEpochMs,
  })
  return decision
}

type Admitted = { readonly permit: AuthorizedReconnect; readonly caller: Caller; readonly command: ReconnectCommand }
type Refused = Decision & { readonly permit?: undefined }

/** check framing → authenticate → read the command → authorize (contract, section 2). */
async function admit(request: ReconnectRequest, ports: ReconnectPorts): Promise<Admitted | Refused> {
  const framing = request.checkFraming()
  if (!framing.ok) return refuse(framing.error)

  const caller = await ports.authenticate(request.credentials, request.deadline)
  if (!caller.ok) return refuse(caller.error)

  const command = await request.readCommand()
  if (!command.ok) return refuse(command.error, { caller: caller.value })

  const known = { caller: caller.value, command: command.value }
  const permit = authorize(caller.value, command.value, ports.grants)
  return permit.ok ? { ...known, permit: permit.value } : refuse(permit.error, known)
}

/** mode → join or start → forward → record. A defect is reported with what was known by then. */
async function carryOut(
  { permit, ...known }: Admitted,
  request: ReconnectRequest,
  ports: ReconnectPorts,
): Promise<Decision> {
  const { operations, createOperationId, clock, mode } = ports
  const now = clock.now()
  const operation = startOperation(permit, createOperationId(permit.command.backend.key, now), now)
  const record = async (ended: Operation): Promise<Decision['noted']> => ({
    operation: ended,
    recorded: (await within(operations.record(ended), remainingMs(request), clock)) === true,
  })
  try {
    if (mode === 'off') {
      const failure: Failure = { reason: 'switched_off' }
      const ended = advance(operation, { to: 'failed', error: ports.describe(failure) }, now)
      return { ...known, ...noted(await record(ended)), result: err(failure) }
    }
    if (mode === 'dry-run' || permit.command.dryRun) {
      const seen = await ports.coordinator.look(permit, now, request.deadline)
      const dueEpochMs = seen.kind === 'join' ? seen.dueEpochMs : now + afterMsOf(permit)
      const would = seen.kind === 'join' ? 'join' : 'forward'
      const ended = advance(operation, { to: 'dry-run', dueEpochMs }, clock.now())
      const settled = { outcome: 'dry-run', command: permit.command, dueEpochMs, would } as const
      return { ...known, ...noted(await record(ended)), result: ok(settled) }
    }

    ports.prepareForward(permit, request.deadline)
    const turn = await ports.coordinator.acquireForRequest(permit, operation, request.deadline)
    tellEffects(turn.decided, permit, ports)
    switch (turn.kind) {
      case 'busy': {
        const failure: Failure = { reason: 'in_flight_elsewhere' }
        const ended = advance(operation, { to: 'failed', error: ports.describe(failure) }, clock.now())
        return { ...known, ...noted(await record(ended)), result: err(failure) }
      }
      case 'joined': {
        const { scheduled } = turn
        const ended = advance(operation, { to: 'joined', scheduled }, clock.now())
        const settled = { outcome: 'joined', command: permit.command, dueEpochMs: scheduled.dueEpochMs } as const
        const recorded = await within(ports.recordJoin(ended), remainingMs(request), clock)
        const written = recorded === TIMED_OUT ? { operation: ended, recorded: false } : recorded
        return { ...known, noted: written, result: ok(settled) }
      }
      case 'lease':
        return { ...known, ...(await sendUnder(turn.lease, permit, request, ports)) }
    }
  } catch (error) {
    return { ...known, noted: { operation, recorded: false }, result: err(defect(error)) }
  }
}

/** forward → complete or release. Whatever happens, the next request of this process may go ahead afterwards. */
async function sendUnder(
  lease: Lease,
  permit: AuthorizedReconnect,
  request: ReconnectRequest,
  ports: ReconnectPorts,
): Promise<Decision> {
  const { forward, describe, clock } = ports
  try {
    const forwarded = await forward(permit, request.ids, request.deadline)
    const { result, arm } = forwarded
    const dueEpochMs = result.ok ? result.value.sentAtEpochMs + afterMsOf(permit) : 0
    const effect = unknownEffect(dueEpochMs, clock.now())
    const operation = result.ok
      ? advance(lease.operation, { to: 'forwarded', dueEpochMs, sent: forwarded, effect }, clock.now())
      : advance(lease.operation, { to: 'failed', error: describe(result.error), sent: forwarded }, clock.now())
    const written = result.ok
      ? lease.complete(operation, dueEpochMs)
      : lease.release(operation, { mayHaveActed: mayHaveActed(forwarded) })
    // A write that is not done in time may still be applied; the caller does not wait for it.
    const end = await within(written, remainingMs(request), clock)
    tellEffects(lease.decided(), permit, ports)
    return {
      noted: { operation, recorded: end !== TIMED_OUT && end === 'recorded' },
      forwarded,
      ...(arm === undefined ? {} : { arm }),
      result: result.ok ? ok({ outcome: 'forwarded', command: permit.command, dueEpochMs }) : result,
    }
  } finally {
    lease.leave()
  }
}

/** Verdicts on reconnects for alerts that this request has superseded, or found overdue. */
function tellEffects(
  decided: readonly Decided[] | undefined,
  { command }: AuthorizedReconnect,
  { auditEffect }: ReconnectPorts,
): void {
  for (const one of decided ?? []) auditEffect({ backend: command.backend.resourceId, decided: one })
}

function refuse(failure: Failure, known: Pick<Decision, 'caller' | 'command'> = {}): Refused {
  return { ...known, result: err(failure) }
}

function noted(value: Decision['noted']): Pick<Decision, 'noted'> {
  return value === undefined ? {} : { noted: value }
}

function afterMsOf({ command }: AuthorizedReconnect): number {
  return command.after?.ms ?? DEFAULT_AFTER_MS
}

function remainingMs({ deadline, recordWithinMs }: ReconnectRequest): number {
  return deadline.remainingMs() + recordWithinMs
}

function defect(error: unknown): Failure {
  return { reason: 'defect', detail: describeError(error) }
}

function toFacts(ids: RequestIds, mode: Mode, decision: Decision): Omit<DecisionFacts, 'durationMs'> {
  const { result, caller, command, noted: written, forwarded } = decision
  return {
    ...ids,
    mode,
    trigger: { kind: 'http' },
    ...(caller === undefined ? {} : { caller }),
    ...(command === undefined ? {} : { backend: command.backend.resourceId }),
    ...(command?.after === undefined ? {} : { after: command.after.text }),
    ...(command?.reason === undefined ? {} : { callerReason: command.reason }),
    ...(written === undefined ? {} : written),
    ...(forwarded === undefined ? {} : { sent: forwarded }),
    ...(result.ok
      ? // When it is due stands in the operation.
        { outcome: result.value.outcome }
      : { outcome: outcomeOf(result.error), failure: result.error }),
  }
}

/** The caller's fault is `refused`, everything else `failed`. */
export function outcomeOf(failure: Failure): Outcome {
  return faultOf(failure) === 'caller' ? 'refused' : 'failed'
}
