import assert from 'node:assert/strict'
import { DEFAULT_AFTER_MS } from '../../src/domain/duration.ts'
import type { Failure } from '../../src/domain/failure.ts'
import type { OperationId } from '../../src/domain/operation.ts'
import type { Trigger } from '../../src/domain/trigger.ts'
import { describeFailure } from '../../src/http/failure-reply.ts'
import { createOperationId, partitionKeyOf } from '../../src/ledger/keys.ts'
import { endOperation, startOperation, type Ending } from '../../src/ledger/operations.ts'
import type { AuthorizedReconnect } from '../../src/policy/authorize.ts'
import type { Forwarded, Ledger, Noted } from '../../src/reconnect/ports.ts'
import type { Clock } from '../../src/shared/clock.ts'
import { aBackend } from './builders.ts'
import { START_EPOCH_MS } from './fake-clock.ts'

const idOf = (filling: number): OperationId =>
  createOperationId(partitionKeyOf(aBackend().key), START_EPOCH_MS, (size) => Buffer.alloc(size, filling))

/** The operation that every story begins. */
export const OPERATION_ID = idOf(1)
/** The one that is on its way already, and due a minute after the story begins. */
export const JOINED = { operationId: idOf(2), dueEpochMs: START_EPOCH_MS + 60_000 }

export interface FakeLedgerOptions {
  readonly clock: Clock
  /** What comes of asking: this request sends, or joins, or waits in vain. */
  readonly passage: 'sent' | 'joined' | 'busy'
  /** Whether storage takes it. */
  readonly recorded: boolean
  /** What was called, in order. */
  readonly called: (step: 'once' | 'note') => void
}

/** A ledger of one story: as strict as the real one, which it shares the operations with. One request passes it once, and is noted or sent, never both. */
export function createFakeLedger({ clock, passage, recorded, called }: FakeLedgerOptions): Ledger {
  let passed = false

  /** As the real one: an operation begins with the request and ends with what became of it. */
  function begin(permit: AuthorizedReconnect, trigger?: Trigger): (ending: Ending) => Noted {
    assert.equal(passed, false, 'one request passes the ledger once')
    passed = true
    const started = startOperation(permit, OPERATION_ID, clock.now(), trigger)
    return (ending) => ({ operation: endOperation(started, ending, clock.now()), recorded })
  }
  const wantedBy = ({ command }: AuthorizedReconnect): number => clock.now() + (command.after?.ms ?? DEFAULT_AFTER_MS)
  const failed = (failure: Failure, forwarded?: Forwarded): Ending => ({
    kind: 'failed',
    error: describeFailure(failure),
    ...(forwarded === undefined ? {} : { forwarded }),
  })

  return {
    async once(permit, _deadline, send) {
      called('once')
      const end = begin(permit)
      if (passage === 'busy') return { kind: 'busy', ...end(failed({ reason: 'in_flight_elsewhere' })) }
      if (passage === 'joined')
        return { kind: 'joined', dueEpochMs: JOINED.dueEpochMs, ...end({ kind: 'joined', scheduled: JOINED }) }
      const forwarded = await send()
      const dueEpochMs = wantedBy(permit)
      const { result } = forwarded
      return {
        kind: 'sent',
        forwarded,
        dueEpochMs,
        ...end(result.ok ? { kind: 'forwarded', dueEpochMs, forwarded } : failed(result.error, forwarded)),
      }
    },
    async note(permit, failure, trigger) {
      called('note')
      return begin(
        permit,
        trigger,
      )(failure === undefined ? { kind: 'dry-run', dueEpochMs: wantedBy(permit) } : failed(failure))
    },
  }
}
