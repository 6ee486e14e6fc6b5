import type { Decided } from '../domain/effect.ts'
import { isSameVersion, mayReplace, toMinimal, type Scheduled, type StoredOperation } from '../domain/operation.ts'
import type { OperationId } from '../domain/operation-id.ts'
import type { LeaseEnd, RowEnd, WithVerdicts } from '../reconnect/ports.ts'
import type { Clock } from '../shared/clock.ts'
import { StorageFault, type BackendStore, type Commit, type Versioned } from '../storage/store.ts'
import { complete, type AlertSend, type Slot } from './slot.ts'
import type { Moved } from './slot-effects.ts'

/** What ARM said is written down with patience, while the lease lasts: so many faults, and conflicts, and this pause between two attempts. */
const MAX_FAULTS = 12
const MAX_CONFLICTS = 50
const PAUSE_MS = 500

/** Slot and row as they were read together. */
export interface Held {
  readonly slot: Versioned<Slot>
  readonly row: Versioned<StoredOperation | undefined>
}

/** What the end of a lease changes. */
export interface LeaseChange {
  readonly to: StoredOperation
  /** The slot after the end, with the verdicts that it decides; undefined where another one owns it. */
  readonly next: (slot: Slot) => Moved | undefined
  /** Takes the verdicts that exist once the end is recorded. */
  readonly decided?: Decided[]
  /**
   * The operation is written also after the lease was lost: ARM's 202 is in hand, or no message of the queue could end it. Otherwise another
   * delivery of it may be sending, and an end without evidence would beat its 202 (invariant 4).
   */
  readonly mayEndAlone: boolean
}

export interface LeaseEndsOptions {
  readonly store: Pick<BackendStore, 'readSlot' | 'readOperation' | 'commit'>
  readonly clock: Clock
  readonly leaseMs: number
  readonly random: () => number
}

/** The end of a lease: compare-and-set on slot and row, whatever storage does meanwhile. */
export function createLeaseEnds({ store, clock, leaseMs, random }: LeaseEndsOptions) {
  async function read(partitionKey: string, id: OperationId): Promise<Held> {
    const [slot, row] = await Promise.all([store.readSlot(partitionKey), store.readOperation(id)])
    return { slot, row }
  }

  /** Tries as long as a lease lasts. Where storage refuses the row, a minimal row is written, and else the slot alone. */
  async function end(partitionKey: string, known: Held, change: LeaseChange): Promise<LeaseEnd> {
    const forms = [change.to, toMinimal(change.to), undefined]
    const untilEpochMs = clock.now() + leaseMs
    let held: Held | undefined = known
    let attempted: readonly Decided[] = []
    let refusals = 0
    let conflicts = 0
    let faults = 0
    while (faults < MAX_FAULTS && conflicts <= MAX_CONFLICTS && clock.now() < untilEpochMs) {
      const to = forms[refusals]
      try {
        held ??= await read(partitionKey, change.to.id)
        const step = decideEnd(held, to, change)
        if (step.kind === 'done') {
          if (step.isOurs) change.decided?.push(...attempted)
          return step.end
        }
        attempted = step.decided
        const committed = await store.commit(partitionKey, step.commit)
        if (committed.kind === 'written') {
          change.decided?.push(...attempted)
          return to === undefined ? 'not_recorded' : 'recorded'
        }
        conflicts += 1
      } catch (fault) {
        if (!(fault instanceof StorageFault)) throw fault
        if (fault.isRefusal && to !== undefined) {
          refusals += 1
          continue
        }
        faults += 1
      }
      held = undefined
      await clock.sleep(PAUSE_MS * random())
    }
    return 'not_recorded'
  }

  /** A previous holder could not write down ARM's acceptance; a message of the queue brings it. Rejects while storage is away. */
  async function completeLater(
    partitionKey: string,
    ownerToken: string,
    change: (operation: StoredOperation) => StoredOperation,
    begun: {
      readonly id: OperationId
      readonly scheduled: Scheduled
      readonly send: AlertSend
      readonly settle?: (slot: Slot) => Moved
    },
  ): Promise<RowEnd & WithVerdicts> {
    const held = await read(partitionKey, begun.id)
    const current = held.row.value
    if (current === undefined) return { kind: 'not_recorded' }
    // The owner token stands in the row alone. A forged message decides nothing, nor does one whose operation another holder sends by now.
    if (current.sendingBy !== ownerToken) return { kind: 'already_done', operation: current }
    const to = change(current)
    const decided: Decided[] = []
    const next = (slot: Slot): Moved | undefined =>
      settled(complete(slot, ownerToken, begun.scheduled, begun.send), begun.settle)
    const ended = await end(partitionKey, held, { to, next, mayEndAlone: true, decided })
    return ended === 'recorded' ? { kind: 'recorded', operation: to, decided } : { kind: 'not_recorded' }
  }

  return { end, completeLater }
}

/** The slot after an end, and what `settle` decides of reconnects before it. */
export function settled(slot: Slot | undefined, settle?: (slot: Slot) => Moved): Moved | undefined {
  return slot === undefined ? undefined : (settle?.(slot) ?? { slot, decided: [] })
}

/** `isOurs`: this very change was applied, and its answer was lost. */
type Step =
  | { readonly kind: 'done'; readonly end: LeaseEnd; readonly isOurs?: true }
  | { readonly kind: 'commit'; readonly commit: Commit; readonly decided: readonly Decided[] }

/** Pure: what is left to write, seen from slot and row. `to` undefined: the slot alone. */
function decideEnd({ slot, row }: Held, to: StoredOperation | undefined, change: LeaseChange): Step {
  const next = change.next(slot.value)
  const isWritten = to !== undefined && row.value !== undefined && isSameVersion(row.value, to)
  // The lease is over, or this very change was applied and its answer was lost.
  if (next === undefined && isWritten) return { kind: 'done', end: 'recorded', isOurs: true }
  if (next === undefined && !change.mayEndAlone) return { kind: 'done', end: 'lost' }
  // An end that is already there stays; only the slot is changed then (invariant 3).
  const keepsRow = to === undefined || (row.value !== undefined && !mayReplace(row.value.state, to.state))
  if (next === undefined && keepsRow) return { kind: 'done', end: to === undefined ? 'not_recorded' : 'recorded' }
  return {
    kind: 'commit',
    decided: next?.decided ?? [],
    commit: {
      ...(next === undefined ? {} : { slot: { from: slot, to: next.slot }, verdicts: next.decided }),
      ...(keepsRow ? {} : { operation: { from: row, to } }),
    },
  }
}
