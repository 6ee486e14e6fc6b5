/**
 * An instance of the ledger in a process of its own: the real store, the real clocks, and a `send` that posts to a loopback ARM. Started by
 * ledger-processes.ts with `fork`; every message `go` is one request, and is answered with what became of it.
 */
import { createLedger } from '../../src/ledger/ledger.ts'
import { createRecords } from '../../src/ledger/records.ts'
import { createReservations } from '../../src/ledger/reservations.ts'
import { createOperationId, partitionKeyOf } from '../../src/ledger/keys.ts'
import { endOperation, startOperation } from '../../src/ledger/operations.ts'
import { createStorageClock } from '../../src/ledger/storage-clock.ts'
import { createTableStore } from '../../src/ledger/table-store.ts'
import { openTables } from '../../src/ledger/tables.ts'
import type { Forwarded } from '../../src/reconnect/ports.ts'
import { systemClock } from '../../src/shared/clock.ts'
import { createDeadline } from '../../src/shared/deadline.ts'
import { err, ok } from '../../src/shared/result.ts'
import { A_LIMIT, aBackend, aPermit } from './builders.ts'

export interface Setup {
  readonly connectionString: string
  readonly arm: string
  /** Present: the reservations alone, with a lease of this length. */
  readonly leaseMs?: number
}

export interface Go {
  readonly backendId: string
  readonly deadlineMs: number
  /** Where this process stops for good, and says so: it holds whatever it holds until it is killed. */
  readonly stopAt?: 'reserved' | 'answered'
}

/** What a process says: `stopped` where it was told to, else how its request ended. */
export type Said = {
  readonly kind: string
  readonly recorded?: boolean
  readonly id?: string
  readonly joined?: string | undefined
}

const setup = JSON.parse(process.argv[2] ?? '') as Setup
const forever = new Promise<never>(() => undefined)
const say = (said: Said): void => void process.send?.(said)
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined }

const storageClock = createStorageClock(systemClock)
const store = createTableStore({
  open: async () =>
    openTables({ kind: 'connection-string', connectionString: setup.connectionString, allowHttp: true }, () => {
      throw new Error('no identity here')
    }),
  clock: systemClock,
  storageClock,
})

async function send(go: Go): Promise<Forwarded> {
  if (go.stopAt === 'reserved') {
    say({ kind: 'stopped' })
    await forever
  }
  const { status } = await fetch(setup.arm, { method: 'POST', body: go.backendId })
  if (go.stopAt === 'answered') {
    say({ kind: 'stopped' })
    await forever
  }
  const result =
    status === 202
      ? ok({ acceptedAtEpochMs: systemClock.now() })
      : err({ reason: 'arm_unreachable', detail: '' } as const)
  return { result, attempts: 1, ambiguous: false, arm: { status } }
}

const ledger = createLedger({
  store,
  records: createRecords(store, systemClock, quiet, () => undefined),
  storageClock,
  clock: systemClock,
  deadlineMs: 5_000,
  describe: ({ reason }) => ({ code: reason, message: reason }),
  limit: A_LIMIT,
})

async function pass(go: Go): Promise<Said> {
  const permit = aPermit({ backend: aBackend({ backendId: go.backendId }) })
  const passage = await ledger.once(permit, createDeadline(systemClock, go.deadlineMs), () => send(go))
  const kind = passage.kind === 'sent' && !passage.forwarded.result.ok ? 'refused' : passage.kind
  return { kind, recorded: passage.recorded, id: passage.operation.id, joined: passage.operation.joined }
}

/** As the ledger does it, with a lease that a test can wait for. */
async function reserve(go: Go, leaseMs: number): Promise<Said> {
  const reservations = createReservations({
    store,
    clock: systemClock,
    leaseMs,
    createNonce: () => crypto.randomUUID(),
    random: Math.random,
  })
  const permit = aPermit({ backend: aBackend({ backendId: go.backendId }) })
  const partitionKey = partitionKeyOf(permit.command.backend.key)
  const operation = startOperation(permit, createOperationId(partitionKey, storageClock.now()), storageClock.now())
  const ask = () => ({
    nowEpochMs: storageClock.now(),
    wantedByEpochMs: storageClock.now() + 120_000,
    force: false,
    toleranceMs: 750,
  })
  const acquired = await reservations.acquire({
    partitionKey,
    ask,
    operation: () => operation,
    deadline: createDeadline(systemClock, go.deadlineMs),
  })
  if (acquired.kind !== 'start')
    return { kind: acquired.kind, ...(acquired.kind === 'join' ? { joined: acquired.scheduled.operationId } : {}) }
  const forwarded = await send(go)
  const dueEpochMs = storageClock.now() + 120_000
  const settled = await acquired.reservation.settle(
    { operationId: operation.id, dueEpochMs },
    endOperation(operation, { kind: 'forwarded', dueEpochMs, forwarded }, storageClock.now()),
  )
  return { kind: settled ? 'sent' : 'superseded', id: operation.id }
}

process.on('message', (go: Go) => {
  const said = setup.leaseMs === undefined ? pass(go) : reserve(go, setup.leaseMs)
  said.then(say, (fault: unknown) => say({ kind: `threw ${String(fault)}` }))
})
process.on('disconnect', () => process.exit(0))
say({ kind: 'ready' })
