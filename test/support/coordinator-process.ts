/**
 * An instance of the coordinator in a process of its own, with the real store and the real clock, that posts to a loopback ARM. Started by
 * coordinator-processes.ts with `fork`. Every message `Go` is one request, and is answered with its outcome.
 */
import { createCoordinator, createSlotBreaker } from '../../src/coordination/coordinator.ts'
import { LEASE_MARGIN_MS } from '../../src/coordination/lease.ts'
import { advance, startOperation } from '../../src/domain/operation.ts'
import { createOperationLog } from '../../src/operations/operation-log.ts'
import { systemClock } from '../../src/shared/clock.ts'
import { consoleLog } from '../../src/shared/log.ts'
import { createDeadline } from '../../src/shared/deadline.ts'
import { createOperationId } from '../../src/storage/keys.ts'
import { createTableStore } from '../../src/storage/table-store.ts'
import { openTables } from '../../src/storage/tables.ts'
import { A_LIMIT, aBackend, aPermit } from './builders.ts'

export interface Setup {
  readonly connectionString: string
  readonly arm: string
  readonly leaseMs: number
}

export interface Go {
  readonly backendId: string
  readonly deadlineMs: number
  /** Where this process stops for ever: under its lease before the POST, or with ARM's answer before it is recorded. */
  readonly stopAt?: 'leased' | 'answered'
}

/** `stopped` where it was told to, else how the request ended. */
export type Said =
  | { readonly kind: 'ready' | 'stopped' | 'busy' }
  | { readonly kind: 'failed'; readonly error: string }
  | { readonly kind: 'joined'; readonly joined: string; readonly recorded: boolean }
  | { readonly kind: 'sent'; readonly id: string; readonly recorded: boolean }

const AFTER_MS = 120_000
const setup = JSON.parse(process.argv[2] ?? '') as Setup
const forever = new Promise<never>(() => undefined)
const say = (said: Said): void => void process.send?.(said)

const clock = systemClock
const breaker = createSlotBreaker(clock)
const copy = (): void => undefined
const store = createTableStore({
  log: consoleLog,
  open: async () =>
    openTables({ kind: 'connection-string', connectionString: setup.connectionString, allowHttp: true }, '', () => {
      throw new Error('no identity is asked for')
    }),
  clock,
})
const deadlineMs = setup.leaseMs - LEASE_MARGIN_MS
const coordinator = createCoordinator({
  store,
  breaker,
  clock,
  deadlineMs,
  limit: A_LIMIT,
  notHelpingLimit: 3,
  copy,
  copyLater: copy,
  copyAgain: () => undefined,
})
const operations = createOperationLog({ store, breaker, clock, copy })

async function stopFor(stopAt: Go['stopAt'], here: Go['stopAt']): Promise<void> {
  if (stopAt !== here) return
  say({ kind: 'stopped' })
  await forever
}

async function go({ backendId, deadlineMs: withinMs, stopAt }: Go): Promise<Said> {
  const permit = aPermit({ backend: aBackend({ backendId }) })
  const operation = startOperation(permit, createOperationId(permit.command.backend.key, clock.now()), clock.now())
  const turn = await coordinator.acquireForRequest(permit, operation, createDeadline(clock, withinMs))
  switch (turn.kind) {
    case 'busy':
      return { kind: 'busy' }
    case 'joined': {
      const { scheduled } = turn
      const recorded = await operations.record(advance(operation, { to: 'joined', scheduled }, clock.now()))
      return { kind: 'joined', joined: scheduled.operationId, recorded }
    }
    case 'lease': {
      const { lease } = turn
      await stopFor(stopAt, 'leased')
      const dueEpochMs = clock.now() + AFTER_MS
      const { status } = await fetch(setup.arm, { method: 'POST', body: backendId })
      await stopFor(stopAt, 'answered')
      const sent = { attempts: 1, ambiguous: false, arm: { status } }
      const ended = advance(lease.operation, { to: 'forwarded', dueEpochMs, sent }, clock.now())
      return { kind: 'sent', id: ended.id, recorded: (await lease.complete(ended, dueEpochMs)) === 'recorded' }
    }
  }
}

process.on('message', (message: Go) => {
  go(message).then(say, (error: unknown) => say({ kind: 'failed', error: String(error) }))
})
process.on('disconnect', () => process.exit(0))
say({ kind: 'ready' })
