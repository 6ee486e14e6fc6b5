import type { Operation, OperationId } from '../../src/domain/operation.ts'
import { partitionKeyOf } from '../../src/ledger/keys.ts'
import type { Slot } from '../../src/ledger/slot.ts'
import { StorageFault, type AcceptanceStore, type OperationStore, type SlotStore } from '../../src/ledger/store.ts'
import { aBackend } from './builders.ts'

/**
 * What goes wrong with one call. `refused`: not applied, and said so. `lost`: applied, and said that it failed. `repeated`: applied, and met as a
 * stranger's by its own repetition (409, 412). `late`: given up, and applied when the test says so.
 * `hang`: nothing is heard of it any more. A function: what somebody else does just before.
 */
export type Mishap = 'fine' | 'refused' | 'lost' | 'repeated' | 'late' | 'hang' | (() => void)

/** One backend's rows in memory; its mishaps come in the order in which they are listed, and then nothing goes wrong any more. */
type Call = 'read' | 'change' | 'write' | 'copy' | 'find' | 'insert' | 'count'
export interface ScriptedStore
  extends SlotStore, AcceptanceStore, Pick<OperationStore, 'writeCopies' | 'readOperation'> {
  readonly mishaps: Record<Call, Mishap[]>
  readonly calls: Record<Call, number>
  /** Alerts that joined, by operation. */
  readonly joined: Map<OperationId, number>
  readonly operations: Map<OperationId, Operation>
  readonly copies: Map<OperationId, Operation>
  slot(partitionKey?: string): Slot
  /** Somebody else's change. */
  put(slot: Slot): void
  /** Applies what was given up, as far as it still can be. */
  applyLate(): void
}

const PARTITION = partitionKeyOf(aBackend().key)

export function createScriptedStore(): ScriptedStore {
  const slots = new Map<string, { readonly slot: Slot; readonly etag: string }>()
  const operations = new Map<OperationId, Operation>()
  const copies = new Map<OperationId, Operation>()
  const joined = new Map<OperationId, number>()
  const mishaps: ScriptedStore['mishaps'] = {
    read: [],
    change: [],
    write: [],
    copy: [],
    find: [],
    insert: [],
    count: [],
  }
  const calls = { read: 0, change: 0, write: 0, copy: 0, find: 0, insert: 0, count: 0 }
  const late: (() => unknown)[] = []
  let version = 0
  const nextEtag = (): string => `W/"${(version += 1)}"`

  async function call<T>(kind: keyof typeof calls, effect: () => T, repeated: () => T = effect): Promise<T> {
    calls[kind] += 1
    const mishap = mishaps[kind].shift() ?? 'fine'
    if (typeof mishap === 'function') mishap()
    if (mishap === 'late') late.push(effect)
    if (mishap === 'hang') return new Promise(() => undefined)
    if (mishap === 'refused' || mishap === 'late') throw new StorageFault(new Error(mishap))
    const value = effect()
    if (mishap === 'lost') throw new StorageFault(new Error(mishap))
    return mishap === 'repeated' ? repeated() : value
  }

  return {
    mishaps,
    calls,
    operations,
    copies,
    joined,
    slot: (partitionKey = PARTITION) => slots.get(partitionKey)?.slot ?? {},
    put: (slot) => void slots.set(PARTITION, { slot, etag: nextEtag() }),
    applyLate: () => late.splice(0).forEach((effect) => effect()),
    readSlot: (partitionKey) => call('read', () => slots.get(partitionKey) ?? { slot: {} }),
    changeSlot: (partitionKey, { from, to }, written) =>
      call(
        'change',
        () => {
          if (slots.get(partitionKey)?.etag !== from.etag) return { kind: 'conflict' } as const
          const etag = nextEtag()
          slots.set(partitionKey, { slot: to, etag })
          for (const operation of written) operations.set(operation.id, operation)
          return { kind: 'written', etag } as const
        },
        () => ({ kind: 'conflict' }),
      ),
    writeOperations: (_, written) =>
      call('write', () => written.forEach((operation) => operations.set(operation.id, operation))),
    readOperation: (id) => call('find', () => operations.get(id)),
    insertOperation: (operation) =>
      call('insert', () => void (operations.has(operation.id) || operations.set(operation.id, operation))),
    countJoined: (id, _, count) => call('count', () => void joined.set(id, count)),
    writeCopies: (_, written) =>
      call('copy', () => written.forEach((operation) => copies.set(operation.id, operation))),
  }
}

/** Moves time on until the promise has ended. */
export async function ending<T>(
  clock: { advance(ms: number): Promise<void> },
  promise: Promise<T>,
  stepMs = 50,
): Promise<T> {
  const seen = { ended: false }
  const note = (): void => {
    seen.ended = true
  }
  void promise.then(note, note)
  for (let steps = 0; !seen.ended; steps += 1) {
    if (steps > 2_000) throw new Error('it does not end')
    await clock.advance(stepMs)
  }
  return promise
}
