import { toRfc3339 } from '../shared/rfc3339.ts'
import type { Caller } from './caller.ts'
import type { ReconnectCommand } from './command.ts'
import type { Effect, Firing } from './effect.ts'
import type { OperationId } from './operation-id.ts'
import type { Trigger } from './trigger.ts'

export const OPERATION_STATES = [
  'accepted',
  'forwarded',
  'joined',
  'failed',
  'abandoned',
  'exhausted',
  'dry-run',
] as const
export type OperationState = (typeof OPERATION_STATES)[number]

/** What was asked and how it ended, as `/operations` shows it (contract, section 7). */
export interface Operation {
  readonly id: OperationId
  /** ARM resource id of the backend. */
  readonly backend: string
  readonly state: OperationState
  /** The operation whose reconnect covers this one. */
  readonly joined?: OperationId
  /** ISO 8601 duration, as given. */
  readonly after?: string
  /** When the gateway reconnects, RFC 3339. */
  readonly due?: string
  readonly requestedAt: string
  readonly updatedAt: string
  /** ARM may have accepted more than once, or the outcome of an attempt is unknown. */
  readonly ambiguous?: true
  /** The caller's own words, at most 200 printable ASCII characters. */
  readonly reason?: string
  readonly caller: { readonly kind: string; readonly id: string; readonly name?: string }
  readonly trigger: Trigger
  /** Alerts that joined this operation without an operation of their own. */
  readonly joinedCount?: number
  /** POSTs that may have reached ARM. */
  readonly attempts: number
  readonly arm?: { readonly status: number; readonly requestId?: string; readonly correlationId?: string }
  readonly error?: OperationError
  /** Whether it helped: of every operation that ARM accepted (contract, section 12). */
  readonly effect?: Effect
}

export interface OperationError {
  readonly code: string
  readonly message: string
}

/** An operation as storage keeps it; what is not in {@link Operation} is never shown. */
export interface StoredOperation extends Operation {
  /** While an alert is `accepted`: the number of its latest queue message. Earlier messages are dropped. */
  readonly generation?: number
  /** While a POST may be on its way to ARM: the owner token of the lease under which it is sent. */
  readonly sendingBy?: string
  /** RFC 3339. Whether the next message is stored is not certain: copies of the latest known one wait until then. */
  readonly notBefore?: string
  /** What its first alert tells about earlier reconnects of the backend. */
  readonly firing?: Firing
  /** Alerts that joined it: key, and when each started to fire. At most {@link MAX_KNOWN_ALERTS} of each instance. */
  readonly joinedAlerts?: readonly (readonly [key: string, startedAtEpochMs: number])[]
}

/** What ARM was asked and what it said, as far as the operation keeps it. */
export interface SentFacts {
  readonly attempts: number
  readonly ambiguous: boolean
  readonly arm?: { readonly status: number; readonly requestId?: string; readonly correlationId?: string }
}

/** The reconnect that covers an operation: ARM accepted it, and the gateway reconnects at `dueEpochMs`. */
export interface Scheduled {
  readonly operationId: OperationId
  readonly dueEpochMs: number
}

/** How an operation goes on or ends. */
export type Transition =
  | { readonly to: 'joined'; readonly scheduled: Scheduled }
  | { readonly to: 'forwarded'; readonly dueEpochMs: number; readonly sent: SentFacts; readonly effect?: Effect }
  | { readonly to: 'failed'; readonly error: OperationError; readonly sent?: SentFacts }
  | { readonly to: 'dry-run'; readonly dueEpochMs: number }
  | { readonly to: 'exhausted' | 'abandoned'; readonly error: OperationError; readonly sent?: SentFacts }
  /** The lease is held and a POST may leave from now on. */
  | { readonly to: 'sending'; readonly ownerToken: string; readonly generation?: number }
  /** ARM has not accepted, and a later message of the queue stands for the operation. */
  | {
      readonly to: 'waiting'
      readonly error: OperationError
      readonly sent?: SentFacts
      readonly generation: number
      readonly notBeforeEpochMs?: number
    }

/** Contract, section 7. One long text must not make a row that storage refuses. */
export const MAX_ERROR_MESSAGE_CHARS = 1_024
const MAX_NAME_CHARS = 256

/** An operation as it begins: authorized, and nothing known of what will become of it. */
export function startOperation(
  { command, caller }: { readonly command: ReconnectCommand; readonly caller: Caller },
  id: OperationId,
  nowEpochMs: number,
  trigger: Trigger = { kind: 'http' },
): Operation {
  const now = toRfc3339(nowEpochMs)
  return {
    id,
    backend: command.backend.resourceId,
    state: 'accepted',
    ...(command.after === undefined ? {} : { after: command.after.text }),
    requestedAt: now,
    updatedAt: now,
    ...(command.reason === undefined ? {} : { reason: command.reason }),
    caller: {
      kind: caller.kind,
      id: caller.id,
      ...(caller.name === undefined ? {} : { name: caller.name.slice(0, MAX_NAME_CHARS) }),
    },
    trigger,
    attempts: 0,
  }
}

/** The only way in which an operation changes. What an earlier attempt cost is added up. */
export function advance(from: StoredOperation, transition: Transition, nowEpochMs: number): StoredOperation {
  const { error: _, generation, sendingBy: __, notBefore: ___, ...rest } = from
  const next = { ...rest, updatedAt: toRfc3339(nowEpochMs) }
  switch (transition.to) {
    case 'joined': {
      const { operationId, dueEpochMs } = transition.scheduled
      return { ...next, state: 'joined', joined: operationId, due: toRfc3339(dueEpochMs) }
    }
    case 'dry-run':
      return { ...next, state: 'dry-run', due: toRfc3339(transition.dueEpochMs) }
    case 'forwarded': {
      const { dueEpochMs, sent, effect } = transition
      return {
        ...next,
        state: 'forwarded',
        due: toRfc3339(dueEpochMs),
        ...costs(from, sent),
        ...(effect === undefined ? {} : { effect }),
      }
    }
    case 'failed':
    case 'exhausted':
    case 'abandoned':
      return { ...next, state: transition.to, error: bounded(transition.error), ...costs(from, transition.sent) }
    case 'sending':
      return {
        ...next,
        state: 'accepted',
        ...(from.error === undefined ? {} : { error: from.error }),
        sendingBy: transition.ownerToken,
        ...numbered(Math.max(generation ?? 0, transition.generation ?? 0)),
      }
    case 'waiting':
      return {
        ...next,
        state: 'accepted',
        error: bounded(transition.error),
        ...costs(from, transition.sent),
        ...numbered(transition.generation),
        ...(transition.notBeforeEpochMs === undefined ? {} : { notBefore: toRfc3339(transition.notBeforeEpochMs) }),
      }
  }
}

/**
 * Whether `to` may replace `from` in storage (invariant 3 of docs/coordination.md): a final state stays, except `failed` or `abandoned` when
 * ARM's 202 is in hand.
 */
export function mayReplace(from: OperationState, to: OperationState): boolean {
  if (from === 'accepted') return true
  return to === 'forwarded' && (from === 'failed' || from === 'abandoned')
}

/**
 * Whether a message of this generation has nothing left to do: the operation has ended, or a later message stands for it (invariant 8). That a
 * POST is on its way is never a reason.
 */
export function isOvertaken({ state, generation = 0 }: StoredOperation, messageGeneration: number): boolean {
  return state !== 'accepted' || generation > messageGeneration
}

/** Whether a message of this generation is to come back later without an attempt. */
export function isTooEarly(
  { generation = 0, notBefore }: StoredOperation,
  messageGeneration: number,
  nowEpochMs: number,
): boolean {
  return notBefore !== undefined && messageGeneration <= generation && nowEpochMs < Date.parse(notBefore)
}

/** Whether storage has the version that was to be written, whole or in its minimal form: the answer to a write was lost, and the write was applied. */
export function isSameVersion(stored: StoredOperation, wanted: StoredOperation): boolean {
  return (
    stored.state === wanted.state && stored.updatedAt === wanted.updatedAt && stored.generation === wanted.generation
  )
}

/** As it is shown: without what only storage needs. */
export function toShown(stored: StoredOperation): Operation {
  const { generation: _, sendingBy: __, notBefore: ___, firing: ____, joinedAlerts: _____, ...shown } = stored
  return shown
}

/** What remains when storage refuses the operation: every text in it has a bound of a few hundred characters. */
export function toMinimal(operation: StoredOperation): StoredOperation {
  const { reason: _, error, caller, trigger, ...kept } = operation
  return {
    ...kept,
    caller: { kind: caller.kind, id: caller.id },
    trigger: trigger.kind === 'http' ? trigger : { kind: 'webhook', webhook: trigger.webhook },
    ...(error === undefined
      ? {}
      : { error: { code: error.code.slice(0, 128), message: 'The message could not be stored.' } }),
  }
}

function costs(from: StoredOperation, sent: SentFacts | undefined): Pick<Operation, 'attempts' | 'ambiguous' | 'arm'> {
  if (sent === undefined) return {} as Pick<Operation, 'attempts'>
  const { attempts, ambiguous, arm } = sent
  return {
    attempts: from.attempts + attempts,
    ...(ambiguous || from.ambiguous === true ? { ambiguous: true } : {}),
    ...(arm === undefined ? {} : { arm: pickTrace(arm) }),
  }
}

function pickTrace({ status, requestId, correlationId }: NonNullable<SentFacts['arm']>): NonNullable<Operation['arm']> {
  return {
    status,
    ...(requestId === undefined ? {} : { requestId }),
    ...(correlationId === undefined ? {} : { correlationId }),
  }
}

function bounded({ code, message }: OperationError): OperationError {
  return { code, message: message.slice(0, MAX_ERROR_MESSAGE_CHARS) }
}

function numbered(generation: number): { readonly generation?: number } {
  return generation === 0 ? {} : { generation }
}
