import type { Operation } from '../../src/domain/operation.ts'
import type { Slot } from '../../src/ledger/slot.ts'
import type { StorageClock } from '../../src/ledger/storage-clock.ts'
import { StorageFault, type OperationStore, type SlotStore } from '../../src/ledger/store.ts'
import type { Clock } from '../../src/shared/clock.ts'
import type { Simulation } from './simulation.ts'

/** How often, of one, what goes wrong with a call. */
export interface TableWeather {
  /** The call fails and was not applied. */
  readonly refused: number
  /** The call is applied and its answer lost. */
  readonly lost: number
  /** The answer is given up, and the call applied later all the same. */
  readonly late: number
}

export const FAIR: TableWeather = { refused: 0, lost: 0, late: 0 }

/** One table for many instances: compare-and-set on ETags, latencies and faults by the simulation's dice. As strict as the real one. */
export interface SimulatedTable {
  connect(instance: number, clock: Clock, storageClock: StorageClock, dead: () => boolean): SlotStore & Pick<OperationStore, 'writeCopies'>
  readonly slots: ReadonlyMap<string, { readonly slot: Slot; readonly etag: string }>
  readonly operations: ReadonlyMap<string, Operation>
  /** The instance whose request is in flight, as storage has it. */
  holder(): number | undefined
  calls(): number
}

const CALL_TIMEOUT_MS = 2_000

export function createSimulatedTable(simulation: Simulation, weather: () => TableWeather): SimulatedTable {
  const slots = new Map<string, { slot: Slot; etag: string }>()
  const operations = new Map<string, Operation>()
  let version = 0
  let holder: number | undefined
  let calls = 0

  return {
    slots,
    operations,
    calls: () => calls,
    holder: () => holder,
    connect(instance, clock, storageClock, dead) {
      /** Latency, then the effect at one moment, then latency again; a dead instance hears of nothing more. */
      function call<T>(effect: () => T): Promise<T> {
        calls += 1
        const { refused, lost, late } = weather()
        const dice = simulation.random()
        const there = simulation.random() * 30
        const back = simulation.random() * 30
        const sentAt = clock.now()
        return new Promise((resolve, reject) => {
          const answer = (work: () => void): void => void simulation.after(back, () => !dead() && work())
          const fail = (): void => answer(() => reject(new StorageFault(new Error('storage'))))
          if (dice < refused) return void simulation.after(there, fail)
          if (dice < refused + late) {
            simulation.after(CALL_TIMEOUT_MS, () => !dead() && reject(new StorageFault(new Error('time-out'))))
            simulation.after(CALL_TIMEOUT_MS * (0.5 + 3 * simulation.random()), effect)
            return undefined
          }
          simulation.after(there, () => {
            const value = effect()
            if (dice < refused + late + lost) return fail()
            const date = new Date(simulation.now()).toUTCString()
            answer(() => {
              storageClock.observe(date, sentAt, clock.now())
              resolve(value)
            })
          })
          return undefined
        })
      }

      return {
        readSlot: (partitionKey) => call(() => slots.get(partitionKey) ?? { slot: {} }),
        changeSlot: (partitionKey, { from, to }, written) =>
          call(() => {
            if (slots.get(partitionKey)?.etag !== from.etag) return { kind: 'conflict' } as const
            const etag = `W/"${(version += 1)}"`
            slots.set(partitionKey, { slot: to, etag })
            holder = to.flight === undefined ? undefined : instance
            for (const operation of written) operations.set(operation.id, operation)
            return { kind: 'written', etag } as const
          }),
        writeOperations: (_, written) => call(() => written.forEach((operation) => operations.set(operation.id, operation))),
        writeCopies: () => call(() => undefined),
      }
    },
  }
}
