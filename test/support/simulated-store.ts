import { isOvertaken, type StoredOperation } from '../../src/domain/operation.ts'
import { StorageFault, type Commit, type Store } from '../../src/storage/store.ts'
import { createMemoryRows, createMemoryStore, type MemoryRows } from './memory-store.ts'
import type { Simulation } from './simulation.ts'

/** How often, of one, what goes wrong with a call. */
export interface StoreWeather {
  /** The call fails and was not applied. */
  readonly refused: number
  /** The call is applied and its answer lost. */
  readonly lost: number
  /** The answer is given up, and the call applied later all the same. */
  readonly late: number
}

export const FAIR: StoreWeather = { refused: 0, lost: 0, late: 0 }

/** One storage account for many instances, with latencies and faults by the simulation's dice. */
export interface SimulatedStore {
  readonly rows: MemoryRows
  connect(instance: number, dead: () => boolean): Store
  /** When a commit by which this instance took a lease was applied last, in true time. */
  leasedAt(instance: number): number
  calls(): number
}

/** As `table-store.ts` has it. */
const CALL_LIMIT_MS = 1_000

export function createSimulatedStore(
  simulation: Simulation,
  weatherOf: (call: keyof Store, epochMs: number) => StoreWeather,
  latencyMs: () => number = () => simulation.random() * 30,
): SimulatedStore {
  const rows = createMemoryRows(simulation.now)
  const leased = new Map<number, number>()
  let calls = 0

  return {
    rows,
    calls: () => calls,
    leasedAt: (instance) => leased.get(instance) ?? Number.NEGATIVE_INFINITY,
    connect(instance, dead) {
      /** Latency, then the effect at one moment, then latency again. A dead instance hears of nothing more. */
      function happen<T>(name: keyof Store, effect: () => T): Promise<T> {
        calls += 1
        const { refused, lost, late } = weatherOf(name, simulation.now())
        const dice = simulation.random()
        const [there, back] = [latencyMs(), latencyMs()]
        return new Promise((resolve, reject) => {
          const answer = (delayMs: number, work: () => void): void =>
            void simulation.after(delayMs, () => !dead() && work())
          const fail = (delayMs: number, why: string): void =>
            answer(delayMs, () => reject(new StorageFault(new Error(why))))
          if (dice < refused) return fail(there + back, 'storage: 503')
          const isGivenUp = there + back > CALL_LIMIT_MS || dice < refused + late
          if (isGivenUp) fail(CALL_LIMIT_MS, 'storage: no answer')
          const arrivesMs = dice < refused + late ? CALL_LIMIT_MS * (0.5 + 6 * simulation.random()) : there
          simulation.after(arrivesMs, () => {
            const outcome = attempt(effect)
            if (isGivenUp) return
            if (dice < refused + late + lost) return fail(back, 'storage: the answer was lost')
            answer(back, () => (outcome.ok ? resolve(outcome.value) : reject(outcome.fault)))
          })
          return undefined
        })
      }

      const onLease = (): void => void leased.set(instance, simulation.now())
      return {
        ...createMemoryStore(rows, happen),
        commit: (partitionKey, commit) =>
          createMemoryStore(rows, (name, effect) =>
            happen(name, () => watch(rows, partitionKey, commit, effect, onLease)),
          ).commit(partitionKey, commit),
      }
    },
  }
}

type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: unknown }

function attempt<T>(effect: () => T): Outcome<T> {
  try {
    return { ok: true, value: effect() }
  } catch (fault) {
    return { ok: false, fault }
  }
}

/** Every commit is looked at: what must never happen is found at the moment when it happens, whether or not a caller hears of it. */
function watch<T>(
  rows: MemoryRows,
  partitionKey: string,
  { slot, operation }: Commit,
  effect: () => T,
  onLease: () => void,
): T {
  const before = operation === undefined ? undefined : rows.operations.get(operation.to.id)?.value
  const { ownerToken: owner, operationId } = rows.slots.get(partitionKey)?.value.inFlight ?? {}
  const value = effect()
  const after = operation === undefined ? undefined : rows.operations.get(operation.to.id)?.value
  if (before !== undefined && after !== undefined) assertLegal(before, after)
  const isEnd = before?.state === 'accepted' && (after?.state === 'failed' || after?.state === 'abandoned')
  if (isEnd && slot === undefined && operationId === after.id)
    throw new InvariantBroken(`4: ${after.state} was written beside the holder of the lease`)
  const holder = rows.slots.get(partitionKey)?.value.inFlight?.ownerToken
  if (slot !== undefined && holder !== undefined && holder !== owner) onLease()
  return value
}

/** Invariant 3: a final state stays, except `failed` or `abandoned` when ARM's 202 is in hand. Generations only grow. */
function assertLegal(before: StoredOperation, after: StoredOperation): void {
  const isFinal = before.state !== 'accepted'
  const isCorrected = after.state === 'forwarded' && (before.state === 'failed' || before.state === 'abandoned')
  if (isFinal && before.state !== after.state && !isCorrected)
    throw new InvariantBroken(`3: ${before.state} became ${after.state}`)
  if (after.state === 'accepted' && isOvertaken(before, after.generation ?? 0) && before.state === 'accepted')
    throw new InvariantBroken('8: an earlier message replaced a later one')
}

/** Ends the test, also where the fault is thrown into code that expects faults of storage. */
export class InvariantBroken extends Error {
  static readonly seen: InvariantBroken[] = []
  constructor(what: string) {
    super(`invariant ${what}`)
    InvariantBroken.seen.push(this)
  }
}
