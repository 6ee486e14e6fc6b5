import assert from 'node:assert/strict'
import type { AuditEvent } from '../../src/audit/event.ts'
import type { AcceptedAlert } from '../../src/domain/accepted-alert.ts'
import type { Action } from '../../src/domain/failure.ts'
import type { Operation, OperationState } from '../../src/domain/operation.ts'
import { createOperationId, partitionKeyOf } from '../../src/ledger/keys.ts'
import { endOperation, startOperation } from '../../src/ledger/operations.ts'
import { createGrantIndex } from '../../src/policy/grant-index.ts'
import { parseScope } from '../../src/domain/scope.ts'
import { describeFailure } from '../../src/http/failure-reply.ts'
import { abandon, deliver, type DeliveryPorts } from '../../src/reconnect/deliver.ts'
import type { Delivered, Forwarded } from '../../src/reconnect/ports.ts'
import { err, ok } from '../../src/shared/result.ts'
import { aBackend, aDeadline, aDuration, aPermit, aPrincipal, IDS, PARTS } from './builders.ts'
import { createFakeClock, START_EPOCH_MS } from './fake-clock.ts'

export const TRIGGER = { kind: 'webhook', webhook: 'w', alertRule: 'R' } as const
const OPERATION: Operation = startOperation(
  aPermit(),
  createOperationId(partitionKeyOf(aBackend().key), START_EPOCH_MS),
  START_EPOCH_MS,
  TRIGGER,
)
export const OPERATION_ID = OPERATION.id

export interface DeliveryStory {
  /** As the row says; undefined: storage is away. */
  readonly found?: OperationState | undefined | 'unreadable'
  readonly lastTrouble?: string
  readonly ageMs?: number
  readonly tries?: number
  readonly mode?: DeliveryPorts['mode']
  readonly granted?: readonly Action[]
  readonly paceWaitMs?: number
  /** What the ledger meets; by default this delivery sends. */
  readonly meets?: Exclude<Delivered['kind'], 'sent'>
  readonly forwarded?: Forwarded
  readonly queueFails?: boolean
  /** Whether ends are written down. */
  readonly recorded?: boolean
  readonly abandons?: boolean
}

export interface DeliveryTold {
  readonly thrown: unknown
  readonly steps: readonly string[]
  readonly events: readonly AuditEvent[]
  readonly queued: readonly { readonly tries: number; readonly delayMs: number }[]
  readonly throttled: readonly (readonly [string, number])[]
  /** The operation as it was left. */
  readonly left: Operation
}

export const ACCEPTED: Forwarded = {
  result: ok({ acceptedAtEpochMs: START_EPOCH_MS }),
  attempts: 1,
  ambiguous: false,
  arm: { status: 202, requestId: 'r1' },
}

export async function tellDelivery(story: DeliveryStory = {}): Promise<DeliveryTold> {
  const clock = createFakeClock(START_EPOCH_MS + (story.ageMs ?? 0))
  const steps: string[] = []
  const events: AuditEvent[] = []
  const queued: { tries: number; delayMs: number }[] = []
  const throttled: (readonly [string, number])[] = []
  const scope = parseScope(aBackend().resourceId)
  assert.ok(scope.ok)
  const granted = story.granted ?? ['reconnect']
  const deadline = aDeadline(clock)
  const state = 'found' in story ? story.found : 'accepted'
  let left: Operation =
    state === undefined || state === 'unreadable'
      ? OPERATION
      : {
          ...OPERATION,
          state,
          ...(story.lastTrouble === undefined ? {} : { error: { code: 'C', message: story.lastTrouble } }),
        }
  const recorded = story.recorded ?? true
  const end = (operation: Operation): Operation => (recorded ? (left = operation) : operation)
  const ports: DeliveryPorts = {
    grants: createGrantIndex(
      granted.length === 0
        ? []
        : [{ index: 0, principal: aPrincipal('webhook:w'), scope: scope.value, actions: granted }],
    ),
    mode: story.mode ?? 'on',
    deliveries: {
      async deliver({ permit, accepted }, given, send, judge) {
        steps.push('deliver')
        assert.deepEqual(
          [permit.caller.id, permit.command.backend.resourceId, accepted.id, given],
          ['w', aBackend().resourceId, OPERATION_ID, deadline],
        )
        const scheduled = { operationId: 'other' as Operation['id'], dueEpochMs: START_EPOCH_MS + 60_000 }
        switch (story.meets) {
          case 'over':
          case 'busy':
            return { kind: story.meets }
          case 'unavailable':
            return { kind: 'unavailable', detail: 'storage is away' }
          case 'joined':
            return {
              kind: 'joined',
              operation: end(endOperation(left, { kind: 'joined', scheduled }, clock.now())),
              recorded: true,
              dueEpochMs: scheduled.dueEpochMs,
            }
          case 'exhausted': {
            const failure = { reason: 'loop_guard', count: 6, window: 'PT1H' } as const
            return {
              kind: 'exhausted',
              failure,
              operation: end(endOperation(left, { kind: 'exhausted', error: describeFailure(failure) }, clock.now())),
              recorded: true,
            }
          }
          default: {
            const forwarded = await send()
            const { result } = forwarded
            const dueEpochMs = clock.now() + 120_000
            if (result.ok)
              return {
                kind: 'sent',
                forwarded,
                dueEpochMs,
                recorded,
                operation: end(endOperation(left, { kind: 'forwarded', dueEpochMs, forwarded }, clock.now())),
              }
            const judged = await judge(result.error, forwarded.retryAfterMs)
            const failed = { kind: 'failed', error: describeFailure(result.error), forwarded } as const
            return {
              kind: 'sent',
              forwarded,
              dueEpochMs,
              recorded,
              operation: end(
                endOperation(
                  left,
                  judged === 'failed' ? failed : { ...failed, kind: 'accepted', delivery: judged.tries },
                  clock.now(),
                ),
              ),
            }
          }
        }
      },
      find: (accepted) => {
        steps.push('find')
        assert.equal(accepted.id, OPERATION_ID)
        return Promise.resolve(state === undefined ? undefined : left)
      },
      end: (operation, ending) => {
        steps.push(`end ${ending.state}`)
        const ended = endOperation(
          operation,
          ending.state === 'dry-run'
            ? { kind: 'dry-run', dueEpochMs: clock.now() + ending.afterMs }
            : { kind: ending.state, error: describeFailure(ending.failure) },
          clock.now(),
        )
        return Promise.resolve({ operation: end(ended), recorded })
      },
    },
    enqueue: (alert, delayMs = 0) => {
      steps.push('enqueue')
      if (story.queueFails === true) return Promise.resolve(err('queue: busy'))
      queued.push({ tries: alert.tries, delayMs })
      return Promise.resolve(ok(undefined))
    },
    async forward(permit, ids, given, maxAttempts) {
      steps.push('forward')
      assert.deepEqual(
        [ids, given, maxAttempts, permit.command.apiVersion],
        [{ correlationId: IDS.correlationId }, deadline, 1, '2024-05-01'],
      )
      return story.forwarded ?? ACCEPTED
    },
    pace: {
      waitMs: () => story.paceWaitMs ?? 0,
      turnMs: () => (story.paceWaitMs ?? 0) * 2,
      take: (subscriptionId) => {
        steps.push('take')
        assert.equal(subscriptionId, PARTS.subscriptionId)
        return Promise.resolve()
      },
      throttled: (...told) => throttled.push(told),
    },
    deliverWithin: aDuration('PT6H'),
    apiVersion: '2024-05-01',
    record: (event) => events.push(event),
    clock,
    random: () => 0,
  }
  const alert: AcceptedAlert = {
    operation: OPERATION,
    trigger: TRIGGER,
    backend: aBackend(),
    acceptedAtEpochMs: START_EPOCH_MS,
    tries: story.tries ?? 0,
    correlationId: IDS.correlationId,
  }
  const thrown = await (story.abandons === true ? abandon(alert, ports) : deliver(alert, deadline, ports)).then(
    () => undefined,
    (error: unknown) => error,
  )
  return { thrown, steps, events, queued, throttled, left }
}
